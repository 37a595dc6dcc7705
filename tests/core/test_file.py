"""Handles of files: how they travel, what they are limited to, and what is no handle."""

from __future__ import annotations

import json
from typing import Annotated, Any

import pytest
from pydantic import BaseModel

from mainspring import File, FileLimit, task
from mainspring.core.carried import carried
from mainspring.core.errors import ConfigurationError, FileRefused, InvalidParams
from mainspring.core.file import check_media_type, clean_name, limit_in
from mainspring.core.payload import HARD_CAP, check_payload, is_reference, reference_of, to_reference
from mainspring.core.size import describe_size, parse_size

FILE = File(id="01900000-0000-7000-8000-000000000000", name="a.csv", size=3, media_type="text/csv", sha256="0" * 64)
CSV = FileLimit(max_size="1k", types=["image/*", ".csv"])


class Mail(BaseModel):
    subject: str
    attached: list[File] = []


@task
async def send(mail: Mail, table: Annotated[File, CSV], others: Annotated[list[File] | None, FileLimit(types=["text/csv"])] = None) -> File:
    return table


def test_a_file_travels_as_json_and_comes_back() -> None:
    with carried() as found:
        text = send.params.dump((), {"mail": {"subject": "x", "attached": [FILE]}, "table": FILE.as_json(), "others": [FILE]})
    assert found == [FILE] * 3
    assert json.loads(text)["table"] == {"id": FILE.id, "name": "a.csv", "size": 3, "media_type": "text/csv", "sha256": "0" * 64}
    arguments = send.params.load(text)
    assert arguments["table"] == arguments["others"][0] == arguments["mail"].attached[0] == FILE
    assert send.result.load(send.result.dump(FILE)) == FILE
    with pytest.raises(ConfigurationError, match="cannot be read here"):
        arguments["table"].read()


def test_the_schema_says_what_a_form_needs() -> None:
    schema = send.params.schema()
    table = schema["properties"]["table"]
    assert (table["type"], table["format"], table["title"]) == ("object", "binary", "Table")
    assert table["x-mainspring"] == {"file": {"max_size": 1024, "types": ["image/*", ".csv"]}}
    assert limit_in(table) == CSV
    assert limit_in(schema["properties"]["others"]) == FileLimit(types=["text/csv"])
    assert limit_in(schema["$defs"]["Mail"]["properties"]["attached"]) is None
    assert send.params.marks.has_files


@pytest.mark.scenario("S3-15", part="limits hold at enqueue, whoever put the file")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"size": 1025}, "too large: 1 KiB at most"),
        ({"name": "a.exe", "media_type": "application/x-exe"}, "of a type that is not taken: image/*, .csv would be"),
        ({"name": "../a.csv"}, "should be a file: put it first"),
        ({"id": "../../etc/passwd"}, "should be a file"),
        ({"id": FILE.id.replace("0", "x")}, "should be a file"),
        ({"sha256": "zz"}, "should be a file"),
        ({"size": -1}, "should be a file"),
        ({"size": "3"}, "should be a file"),
        ({"more": 1}, "should be a file"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidParams) as info:
        send.params.dump_json_text(json.dumps({"mail": {"subject": "x"}, "table": FILE.as_json() | change}))
    assert said in str(info.value)


def test_a_path_is_no_file_yet() -> None:
    with pytest.raises(InvalidParams, match=r"app.files.put"):
        send.params.dump((), {"mail": {"subject": "x"}, "table": "a.csv"})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "limits nothing"),
        ({"types": "image/*"}, "a list is needed, as types=['image/*']"),
        ({"types": ["csv"]}, "has 'csv': write media types"),
        ({"types": [5]}, "has 5"),
        ({"max_size": "large"}, "FileLimit(max_size)='large' is no size"),
        ({"max_size": 0}, "FileLimit(max_size)=0"),
    ],
)
def test_a_limit_that_makes_no_sense(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError) as info:
        FileLimit(**given)
    assert said in str(info.value)


@pytest.mark.parametrize(
    ("name", "media_type", "fits"),
    [
        ("x.PNG", "image/png", True),
        ("x.bin", "IMAGE/PNG", True),
        ("data.csv", "application/octet-stream", True),
        ("csv", "application/octet-stream", False),
        ("x.png", "imagex/png", False),
        ("x.tar.gz", "application/gzip", False),
    ],
)
def test_types_by_media_type_or_ending(name: str, media_type: str, fits: bool) -> None:
    if fits:
        CSV.check_type(name, media_type)
    else:
        with pytest.raises(FileRefused):
            CSV.check_type(name, media_type)
    FileLimit(types=[".tar.gz"]).check_type("x.TAR.GZ", "application/gzip")


@pytest.mark.parametrize(
    ("given", "clean"),
    [
        ("a.csv", "a.csv"), ("/etc/passwd", "passwd"), ("..\\..\\boot.ini", "boot.ini"), ("..", "file"), ("", "file"), ("a/", "file"),
        ("x\x1b[2J\r\n.txt", "x[2J.txt"), ("u\u202eexe.txt", "uexe.txt"), ("A\u0308.txt", "Ä.txt"),
        ("x" * 300 + ".csv", "x" * 196 + ".csv"),
        ("x" * 300, "x" * 200),
    ],
)  # fmt: skip
def test_names_are_harmless(given: str, clean: str) -> None:
    assert clean_name(given) == clean
    assert clean_name(clean) == clean


def test_suffixes_and_media_types() -> None:
    def suffix(name: str) -> str:
        return File(id=FILE.id, name=name, size=1, media_type="a/b", sha256="0" * 64).suffix

    assert [suffix(name) for name in ("a.CSV", "a", "a.x y", "a.", ".bashrc", "a.tar.gz", "a.Ünicode")] == [
        ".csv",
        "",
        "",
        "",
        "",
        ".gz",
        "",
    ]
    assert check_media_type("Text/CSV; charset=utf-8") == "text/csv"
    for wrong in ("csv", "a/b/c", "", "text/", "a b/c"):
        with pytest.raises(ConfigurationError, match="media_type="):
            check_media_type(wrong)


def test_sizes() -> None:
    assert [parse_size(text, "x") for text in (512, "512", "256k", "50MB", "1.5 GiB", "2g")] == [
        512, 512, 262_144, 52_428_800, 1_610_612_736, 2**31,
    ]  # fmt: skip
    for wrong in (True, -1, 0, "", "k", "5 parsecs", None):
        with pytest.raises(ConfigurationError, match=r"^cap="):
            parse_size(wrong, "cap")
    assert [describe_size(size) for size in (0, 1023, 1024, 1536, 10 * 2**20, 2**30, 2**41)] == [
        "0 bytes", "1023 bytes", "1 KiB", "1.5 KiB", "10 MiB", "1 GiB", "2 TiB",
    ]  # fmt: skip


def test_a_payload_elsewhere_is_no_json() -> None:
    text = to_reference(FILE)
    assert is_reference(text)
    assert reference_of(text) == FILE
    assert not any(is_reference(each) for each in (None, "{}", '"@"', "[]", ""))
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(text)


def test_caps_name_size_cap_and_remedy() -> None:
    check_payload("it", 10, 10, spills=False)
    check_payload("it", HARD_CAP, 10, spills=True)
    with pytest.raises(
        Exception, match=r"it has 11 bytes, 10 bytes at most are taken: hand the data over as a File.*MAINSPRING_SPILL=true"
    ):
        check_payload("it", 11, 10, spills=False)
    with pytest.raises(Exception, match=r"it has 64 MiB, 64 MiB at most") as info:
        check_payload("it", HARD_CAP + 1, 10, spills=True)
    assert "SPILL" not in str(info.value)


def test_where_a_file_is_travels_in_no_way() -> None:
    """Not even in a result that is annotated as anything."""
    import pickle  # noqa: TID251 - what copies do, not a format of ours

    class Nowhere:
        def open(self, file: File) -> Any:
            return None

        def path(self, file: File) -> Any:
            return None

    @task
    async def anything() -> Any: ...

    placed = File(**FILE.as_json()).at(Nowhere())
    assert json.loads(anything.result.dump([placed]) or "") == [FILE.as_json()]
    assert pickle.loads(pickle.dumps(placed)) == placed == FILE
    assert "Nowhere" not in repr(placed)
