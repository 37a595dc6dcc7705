"""Files in and out, and exports: streamed, checked, never run again, and nothing that a browser would take for a page."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mainspring.operations import export
from mainspring.store.blobs import CHUNK, Blob
from tests.web.api_tasks import TASKS
from tests.web.asking import Answer, Asking, asking

BOUNDARY = "xYzZy"
FORM = f"multipart/form-data; boundary={BOUNDARY}"
MB = 2**20


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Asking]:
    with asking(tmp_path, TASKS) as made:
        yield made


def part(name: str, content: bytes | str, filename: str | None = None, media_type: str | None = None) -> bytes:
    named = f'form-data; name="{name}"' + ("" if filename is None else f'; filename="{filename}"')
    kind = "" if media_type is None else f"Content-Type: {media_type}\r\n"
    sent = content.encode() if isinstance(content, str) else content
    return f"--{BOUNDARY}\r\nContent-Disposition: {named}\r\n{kind}\r\n".encode() + sent + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def send(api: Asking, path: str, *parts: bytes, **headers: str) -> Answer:
    return api.post(path, form(*parts), content_type=FORM, **headers)


def stored(api: Asking) -> list[Path]:
    return [each for each in Path(f"{api.app.settings.url.removeprefix('sqlite:///')}.files").rglob("*") if each.is_file()]


@pytest.mark.scenario("S3-15", part="http")
def test_a_large_file_goes_through_in_pieces_and_is_purged_with_its_run(api: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 50 MB there are never more than two pieces here: one that is read, and one that is written."""
    size, taken, most = 50 * MB, 0, 0
    piece = bytes(range(256)) * 256  # 64 KiB
    head = part("file", b"", "big.bin").removesuffix(b"\r\n")
    written: list[int] = []

    def pieces() -> Iterator[bytes]:
        nonlocal taken, most
        yield head
        for _ in range(size // len(piece)):
            taken += len(piece)
            most = max(most, taken - sum(written))
            yield piece
        yield f"\r\n--{BOUNDARY}--\r\n".encode()

    real = Blob.write

    def write(blob: Any, data: bytes) -> None:
        written.append(len(data))
        real(blob, data)

    monkeypatch.setattr(Blob, "write", write)
    answer = api.do(api.exchange("POST", "/api/v1/files", pieces(), {"content-type": FORM}))
    assert answer.status == 201
    (file,) = answer.json["items"]
    assert (file["name"], file["size"]) == ("big.bin", size)
    assert file["sha256"] == hashlib.sha256(piece * (size // len(piece))).hexdigest()
    assert (max(written) <= CHUNK, most <= 4 * len(piece)) == (True, True), (max(written), most)

    api.work()
    run = api.post("/api/v1/tasks/keeps/run", {"file": file}).json
    assert run["result"] == size
    assert [each.stat().st_size for each in stored(api)] == [size]
    seen: list[int] = []
    api.do(api.exchange("GET", f"/api/v1/files/{file['id']}", [b""], {}, seen=lambda data: seen.append(len(data))))
    assert (sum(seen), max(seen) <= 256 * 1024) == (size, True)
    assert api.post(f"/api/v1/runs/{run['id']}/delete").status == 200
    assert stored(api) == []


@pytest.mark.scenario("S3-15", part="http")
def test_limits_of_the_parameter_hold_before_and_while_a_file_arrives(api: Asking) -> None:
    place = "/api/v1/files?task=reads&parameter=template"
    assert send(api, place, part("file", "a,b", "x.csv")).json["items"][0]["media_type"] == "text/csv"
    wrong = send(api, place, part("file", "a", "x.exe"))
    assert (wrong.status, wrong.json["code"]) == (422, "file-refused")
    assert "of a type that is not taken: .csv would be" in wrong.json["detail"]
    large = send(api, place, part("file", b"x" * (MB + 1), "x.csv"))
    assert (large.status, "too large" in large.json["detail"]) == (422, True)
    assert len(stored(api)) == 1
    for path, code in (
        ("/api/v1/files?task=reads", "invalid-params"), ("/api/v1/files?parameter=x", "invalid-params"),
        ("/api/v1/files?x=1", "invalid-params"),
        ("/api/v1/files?task=none&parameter=x", "unknown-task"),
    ):  # fmt: skip
        assert send(api, path, part("file", "a", "x.csv")).json["code"] == code
    assert api.post("/api/v1/files", {"a": 1}).status == 415
    assert send(api, "/api/v1/files").json["code"] == "invalid-params"
    assert send(api, "/api/v1/files", part("file", "text")).json["errors"][0]["field"] == "file"
    for body in (b"", b"--nothing", form(part("f", "x", "a.csv"))[:-20]):
        cut = api.post("/api/v1/files", body, content_type=FORM)
        assert (cut.status, cut.json["code"]) == (400, "malformed")
    assert api.post("/api/v1/files", form(), content_type="multipart/form-data").json["code"] == "malformed"


def test_a_form_past_the_cap_is_refused_as_it_arrives(tmp_path: Path) -> None:
    with asking(tmp_path, TASKS, max_upload="100KB") as api:
        taken = 0

        def endless() -> Iterator[bytes]:
            nonlocal taken
            yield part("file", b"", "x.bin").removesuffix(b"\r\n")
            while True:
                taken += 1
                yield b"x" * 10_000

        answer = api.do(api.exchange("POST", "/api/v1/files", endless(), {"content-type": FORM}))
        assert (answer.status, answer.json["code"]) == (413, "payload-too-large")
        assert taken < 15
        assert stored(api) == []


@pytest.mark.scenario("S3-15", part="http")
def test_a_form_brings_its_files_along(api: Asking) -> None:
    api.work()
    sent = send(
        api, "/api/v1/tasks/reads/run", part("template", "a,b\n1,2\n", "Preise ä.csv"), part("others", "1", "1.txt"), part("note", "hällo"),
        part("others", "2", "2.txt"), part("n", "7"),
    )  # fmt: skip
    assert sent.status == 200, sent.text
    assert sent.json["result"] == {"name": "Preise ä.csv", "text": "a,b\n1,2\n", "others": ["1.txt", "2.txt"], "note": "hällo", "n": 7}
    by_json = send(api, "/api/v1/tasks/picks/run", part("values", '["a,b", "c"]', media_type="application/json"), part("values", "d"))
    assert by_json.json["result"] == ["a,b", "c", "d"]
    wrong = send(api, "/api/v1/tasks/reads/start", part("template", "x", "x.csv"), part("n", "many"), part("m", "1"))
    assert [each["path"] for each in wrong.json["errors"]] == ["/n", "/m"]
    twice = send(api, "/api/v1/tasks/reads/start", part("template", "x", "x.csv"), part("n", "1"), part("n", "2"))
    assert (twice.status, twice.json["errors"][0]) == (422, {"field": "n", "path": "/n", "message": "given twice"})


def test_a_form_that_is_sent_twice_is_one_run(api: Asking) -> None:
    def once(content: str) -> Answer:
        return send(api, "/api/v1/tasks/reads/start", part("template", content, "x.csv"), idempotency_key="k")

    first = once("a")
    assert (once("a").body, once("b").status, api.runs()) == (first.body, 422, 1)
    files = [send(api, "/api/v1/files", part("f", "x", "x.csv"), idempotency_key="f") for _ in range(2)]
    assert files[0].body == files[1].body


def test_files_that_runs_leave_are_saved_and_never_shown(api: Asking) -> None:
    api.work()
    run = api.post("/api/v1/tasks/leaves/run", {"name": 'ä "q".html', "text": "<script>alert(1)</script>"}).json["id"]
    (left,) = api.get(f"/api/v1/runs/{run}/artifacts").json["items"]
    for name in ("%C3%A4%20%22q%22.html", left["id"]):
        answer = api.get(f"/api/v1/runs/{run}/artifacts/{name}")
        assert (answer.status, answer.text) == (200, "<script>alert(1)</script>")
        headers = answer.headers
        assert headers["content-disposition"] == "attachment; filename=\"___q_.html\"; filename*=UTF-8''%C3%A4%20%22q%22.html"
        assert (headers["x-content-type-options"], headers["content-security-policy"]) == ("nosniff", "sandbox; default-src 'none'")
        assert (headers["content-type"], headers["content-length"], headers["accept-ranges"]) == ("text/html", "25", "bytes")
    path, tag = f"/api/v1/runs/{run}/artifacts/{left['id']}", f'"{left["sha256"]}"'
    assert api.get(path, if_none_match=tag).status == 304
    for asked, got, told in (("bytes=1-6", "script", "1-6"), ("bytes=-9", "</script>", "16-24"), ("bytes=20-999", "ript>", "20-24")):
        ranged = api.get(path, range=asked)
        assert (ranged.status, ranged.text, ranged.headers["content-range"]) == (206, got, f"bytes {told}/25")
        assert ranged.headers["content-length"] == str(len(got))
    assert api.get(path, range="bytes=1-6", if_range='"other"').status == 200
    assert api.get(path, range="lines=1-2").status == 200
    missing = api.get(path, range="bytes=25-")
    assert (missing.status, missing.headers["content-range"]) == (416, "bytes */25")
    head = api.ask("HEAD", path)
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "25")
    assert api.get(f"/api/v1/runs/{run}/artifacts/none").json["code"] == "unknown-file"
    assert api.get(f"/api/v1/files/{'0' * 8}-0000-7000-8000-{'0' * 12}").json["code"] == "unknown-file"


@pytest.mark.scenario("S3-53", part="http")
def test_a_result_is_exported_as_it_is_stored(api: Asking) -> None:
    api.work()
    run = api.post("/api/v1/tasks/tables/run").json
    before = api.runs()
    place, name = f"/api/v1/runs/{run['id']}/result", f"tables-{run['id'][-8:]}"
    plain = api.get(place)
    assert plain.json == run["result"]
    assert (plain.headers["content-type"], plain.headers["content-disposition"]) == (
        "application/json",
        f'attachment; filename="{name}.json"',
    )
    lines = api.get(f"{place}?format=ndjson")
    assert [json.loads(each) for each in lines.text.splitlines()] == run["result"]
    assert (lines.headers["content-type"], lines.headers["content-disposition"]) == (
        "application/x-ndjson", f'attachment; filename="{name}.ndjson"',
    )  # fmt: skip
    table = api.get(f"{place}?format=csv")
    assert (table.headers["content-type"], table.headers["content-disposition"]) == (
        "text/csv; charset=utf-8; header=present", f'attachment; filename="{name}.csv"',
    )  # fmt: skip
    rows = list(csv.reader(io.StringIO(table.text)))
    assert rows == [["name", "n", "note", "deep"], ["'=1+1", "1", "", ""], ["'-x", "", 'ä, "q"', ""], ["", "3", "", '{"a": [1]}']]
    assert api.get(f"{place}?format=xml").status == 422
    assert api.runs() == before


@pytest.mark.scenario("S3-53", part="http")
def test_a_log_is_exported_as_lines(api: Asking) -> None:
    api.work()
    run = api.post("/api/v1/tasks/chatters/run", {"n": 900}).json["id"]
    place = f"/api/v1/runs/{run}/log"
    lines = [json.loads(each) for each in api.get(place).text.splitlines()]
    assert [each["message"] for each in lines] == [f"line {number}" for number in range(900)]
    assert [each["seq"] for each in lines] == sorted(each["seq"] for each in lines)
    assert api.get(f"{place}?format=text").text.splitlines()[7].endswith("INFO     line 7")
    assert len(api.get(f"{place}?format=json").json) == 900
    table = api.get(f"{place}?format=csv")
    assert table.headers["content-disposition"] == f'attachment; filename="chatters-{run[-8:]}-log.csv"'
    assert table.text.splitlines()[0] == "seq,at,attempt,level,stream,message,dropped"
    assert api.runs() == 1


@pytest.mark.scenario("S3-53", part="http")
def test_runs_are_exported_a_page_at_a_time(api: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "PAGE", 100)
    for number in range(2):
        api.do(api.app.enqueue_many(TASKS[0], [{"a": each} for each in range(1000)]))
        api.post("/api/v1/tasks/fails/start", mainspring_label=f"=label{number}")
    pages = 0
    sizes: list[tuple[int, int]] = []

    async def story() -> Answer:
        nonlocal pages
        store: Any = await api.app.store()
        real = store.runs.get_with_claim

        async def page_of(*args: Any, **more: Any) -> Any:
            nonlocal pages
            pages += 1
            return await real(*args, **more)

        monkeypatch.setattr(store.runs, "get_with_claim", page_of)
        return await api.exchange("GET", "/api/v1/runs/export?format=ndjson", [b""], {}, seen=lambda data: sizes.append((pages, len(data))))

    answer = api.do(story())
    assert (answer.status, answer.headers["content-disposition"]) == (200, 'attachment; filename="runs.ndjson"')
    assert pages == 21
    assert sizes[0][0] <= 2  # sent long before the last page was read
    assert max(size for _, size in sizes) < 100_000
    assert {page for page, _ in sizes} > {5, 10, 15}
    table = api.get("/api/v1/runs/export?format=csv&task=fails")
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [each["label"] for each in rows] == ["'=label1", "'=label0"]
    assert table.headers["content-disposition"] == 'attachment; filename="runs.csv"'
    assert len(api.get("/api/v1/runs/export?limit=7&task=add").json) == 7
    assert api.get("/api/v1/runs/export?task=none").json == []
    wrong = api.get("/api/v1/runs/export?since=sometimes")
    assert (wrong.status, wrong.headers["content-type"]) == (422, "application/problem+json")
