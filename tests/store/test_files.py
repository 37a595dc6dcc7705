"""Files: rows and contents, who holds them, and that nothing is left behind."""

import asyncio
import hashlib
import io
import os
import stat
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mainspring.core.access import EVERYTHING
from mainspring.core.dedupe import DedupePolicy, How
from mainspring.core.errors import ConfigurationError, FileRefused, InvalidParams, StoreUnavailable, UnknownFile
from mainspring.core.file import File, FileLimit
from mainspring.core.ids import make_claim_id
from mainspring.core.payload import is_reference
from mainspring.core.run import Beside, NewRun
from mainspring.store.blobs import CHUNK, Blobs, DirectoryBlobs, ObjectBlobs, blobs_at, key_of
from mainspring.store.file_store import LOOSE, FileStore, Left, Role
from mainspring.store.store import Store
from tests.store.harness import Stage

DAY = 86_400
HOUR = 3_600


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "files"


@pytest.fixture
def files(store: Store, root: Path) -> FileStore:
    store.files.settle(lambda: DirectoryBlobs(root))
    return store.files


def contents(root: Path) -> list[str]:
    """Every file below a folder."""
    return sorted(path.name for path in root.rglob("*") if path.is_file())


async def held(stage: Stage, *files: File, **fields: Any) -> str:
    """Add a run that holds files, and return its id."""
    run = stage.new(**fields)
    await stage.store.files.hold(run.task, run.tenant, [(run.id, files, Role.GIVEN)])
    await stage.add(run)
    return run.id


async def gone(stage: Stage, *run_ids: str) -> None:
    """Delete runs as retention does."""
    ids = ", ".join(f"'{each}'" for each in run_ids)
    await stage.sql(f"delete from mainspring.hot_runs where id in ({ids})")
    stage.forgotten |= set(run_ids)


# -- putting


async def test_every_kind_of_source(files: FileStore, tmp_path: Path) -> None:
    path = tmp_path / "Übersicht 1.csv"
    path.write_bytes(b"a,b\n1,2\n")

    async def pieces() -> AsyncIterator[bytes]:
        yield b"a,b\n"
        yield b"1,2\n"

    class Upload:
        def __init__(self) -> None:
            self.rest = [b"a,b\n", b"1,2\n", b""]

        async def read(self, size: int) -> bytes:
            return self.rest.pop(0)

    with path.open("rb") as opened:
        for source in (
            path,
            str(path),
            b"a,b\n1,2\n",
            memoryview(b"a,b\n1,2\n"),
            io.BytesIO(b"a,b\n1,2\n"),
            opened,
            pieces(),
            [b"a,b\n", b"1,2\n"],
            Upload(),
        ):
            file = await files.put(source, name=None if source in (path, str(path), opened) else "x.csv")  # type: ignore[arg-type]  # Upload is what frameworks hand out
            assert (file.size, file.read(), file.suffix, file.media_type) == (8, b"a,b\n1,2\n", ".csv", "text/csv")
            assert file.sha256 == hashlib.sha256(b"a,b\n1,2\n").hexdigest()
            assert file.name in ("Übersicht 1.csv", "x.csv")
            assert file.path().suffix == ".csv"
            assert await files.get(file.id) == file
    assert (await files.put(b"")).name == "file"
    assert (await files.put(b"", name="../../etc/passwd\n")).name == "passwd"
    assert (await files.put(b"", media_type="Text/HTML; charset=utf-8")).media_type == "text/html"


async def test_what_is_no_file(files: FileStore, root: Path, tmp_path: Path) -> None:
    for source, said in (
        (tmp_path / "none", "No such file"),
        (io.StringIO("text"), "mode 'rb'"),
        (5, "a int is no file"),
        (tmp_path, "Is a directory"),
    ):
        with pytest.raises(FileRefused, match=said):
            await files.put(source)  # type: ignore[arg-type]  # that is the point
    with pytest.raises(ConfigurationError, match="media_type='csv'"):
        await files.put(b"", media_type="csv")
    assert contents(root) == []


@pytest.mark.scenario("S3-15", part="limits are enforced while it is streamed")
async def test_a_limit_stops_the_stream_and_leaves_nothing(files: FileStore, root: Path, stage: Stage) -> None:
    asked = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal asked
        while True:
            asked += 1
            yield bytes(1024)

    with pytest.raises(FileRefused, match=r"'big.bin' is too large: 10 KiB at most"):
        await files.put(endless(), name="big.bin", limit=FileLimit(max_size="10k"))
    assert asked == 11  # and not one more
    with pytest.raises(
        FileRefused,
        match=r"'x.exe' \(application/x-msdos?-?program\) is of a type|'x.exe' \(.*\) is of a type that is not taken: image/\*, .csv",
    ):
        await files.put(endless(), name="x.exe", limit=FileLimit(types=["image/*", ".csv"]))
    assert asked == 11
    assert (await files.put(b"x" * 10_240, limit=FileLimit(max_size="10k"))).size == 10_240
    assert (await files.put(b"x", name="A.CSV", limit=FileLimit(types=["image/*", ".csv"]))).name == "A.CSV"
    assert (await files.put(b"x", name="a", media_type="image/png", limit=FileLimit(types=["image/*"]))).name == "a"
    assert len(contents(root)) == len(await stage.sql("select id from mainspring.files")) == 3


async def test_a_source_that_breaks_leaves_nothing(files: FileStore, root: Path, stage: Stage) -> None:
    async def breaks() -> AsyncIterator[bytes]:
        yield b"x" * CHUNK
        raise ConnectionError("the client has gone")

    with pytest.raises(ConnectionError):
        await files.put(breaks())
    assert contents(root) == []
    assert await stage.sql("select id from mainspring.files") == []


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX's")
async def test_files_are_their_users_alone_whatever_the_umask(files: FileStore, root: Path) -> None:
    before = os.umask(0)
    try:
        file = await files.put(b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.path().stat().st_mode) == 0o600
    for folder in (root, file.path().parent, root / "parts"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


async def test_without_a_place_nothing_is_put_and_nothing_else_fails(store: Store, stage: Stage) -> None:
    with pytest.raises(ConfigurationError, match="no place for files"):
        await store.files.put(b"x")
    run_id = await stage.add_one()
    assert await store.files.artifacts(run_id) == []
    assert await store.files.purge([run_id]) == 0
    assert (await store.files.sweep()).files == 0


# -- holding


async def test_only_what_is_there_as_it_is_and_for_its_tenant(files: FileStore, stage: Stage) -> None:
    file = await files.put(b"mine", name="a.txt", tenant="acme")
    with pytest.raises(UnknownFile):
        await files.get(file.id, tenant="other")
    assert await files.get(file.id, tenant="acme") == file
    forged = File(id=file.id, name="a.txt", size=4, media_type="text/plain", sha256="0" * 64)
    unknown = File(id=stage.new_id(), name="b.txt", size=4, media_type="text/plain", sha256="0" * 64)
    for tenant, other, said in (
        ("other", file, "a.txt: is not in the store"), ("acme", forged, "is not what was put"),
        ("acme", unknown, "b.txt: is not in the store"),
    ):  # fmt: skip
        with pytest.raises(InvalidParams, match=said):
            await files.hold("t", tenant, [(stage.new_id(), [other], Role.GIVEN)])
    await held(stage, file, tenant="acme")


async def test_a_file_goes_with_the_last_run_that_holds_it(files: FileStore, stage: Stage, root: Path) -> None:
    shared, own, loose = [await files.put(name.encode(), name=name) for name in ("shared", "own", "loose")]
    first, second = await held(stage, shared, own), await held(stage, shared)
    await gone(stage, first)
    assert await files.purge([first]) == 1
    assert len(contents(root)) == 2
    with pytest.raises(UnknownFile, match="no longer in the store"):
        own.read()
    assert shared.read() == b"shared"
    await gone(stage, second)
    assert await files.purge([second, second]) == 1
    assert await files.purge([]) == 0
    assert contents(root) == [f"{loose.id}"]
    assert await stage.sql("select file_id from mainspring.artifacts") == []


async def test_a_file_that_nobody_holds_is_swept_after_a_day(files: FileStore, stage: Stage, root: Path) -> None:
    loose, kept = await files.put(b"loose"), await files.put(b"kept")
    await held(stage, kept)
    await stage.clock.advance(LOOSE.total_seconds() - 60)
    assert (await files.sweep()).files == 0
    await stage.clock.advance(120)
    assert (await files.sweep()).files == 1
    assert (await files.sweep()).files == 0
    assert contents(root) == [kept.id]
    with pytest.raises(UnknownFile, match="was swept after a day"):
        await files.get(loose.id)
    with pytest.raises(InvalidParams, match="is not in the store"):
        await files.hold("t", "", [(stage.new_id(), [loose], Role.GIVEN)])


async def test_a_run_that_was_never_added_holds_nothing_for_long(files: FileStore, stage: Stage, root: Path) -> None:
    file = await files.put(b"x")
    await files.hold("t", "", [(stage.new_id(), [file], Role.GIVEN)])
    await stage.clock.advance(HOUR / 2)
    assert (await files.sweep()).runs == 0  # its run may be on its way
    await stage.clock.advance(HOUR)
    swept = await files.sweep()
    assert (swept.runs, swept.files) == (1, 1)
    assert contents(root) == []


async def test_the_sweep_finds_runs_that_fell_with_their_day(files: FileStore, stage: Stage, root: Path) -> None:
    """Dropping a partition tells nobody which runs were in it."""
    runs = [await held(stage, await files.put(b"x")) for _ in range(3)]
    await gone(stage, *runs[:2])
    await stage.clock.advance(2 * HOUR)
    swept = await files.sweep()
    assert (swept.runs, swept.files, len(contents(root))) == (2, 2, 1)


async def test_a_deletion_that_broke_off_goes_on(files: FileStore, stage: Stage, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = await files.put(b"x")
    await stage.clock.advance(2 * DAY)
    with monkeypatch.context() as patched:
        patched.setattr(DirectoryBlobs, "delete", _full)
        with pytest.raises(StoreUnavailable):
            await files.sweep()
    with pytest.raises(InvalidParams):  # nobody gets hold of what is going
        await files.hold("t", "", [(stage.new_id(), [file], Role.GIVEN)])
    assert (await files.sweep()).files == 1
    assert contents(root) == []


async def test_contents_without_a_row_are_found(files: FileStore, stage: Stage, root: Path) -> None:
    """What a writer leaves that dies between content and row."""
    kept = await files.put(b"kept")
    await held(stage, kept)
    stray = File(id=stage.new_id(), name="s.txt", size=1, media_type="text/plain", sha256="0" * 64)
    (root / key_of(stray)).write_bytes(b"x")
    (root / "parts" / "dead").write_bytes(b"half")
    os.utime(root / "parts" / "dead", (0, 0))
    assert (await files.sweep()).strays == 0  # its row may be on its way
    await stage.clock.advance(3 * DAY)
    assert (await files.sweep()).strays == 1
    assert contents(root) == [kept.id]


async def test_holds_and_releases_that_meet(files: FileStore, stage: Stage) -> None:
    """Whoever comes last, a file that a run holds stays."""
    file = await files.put(b"x")
    runs = [await held(stage, file) for _ in range(8)]
    await gone(stage, *runs[1:])
    await asyncio.gather(*(files.purge([each]) for each in runs[1:]), held(stage, file), files.sweep())
    await stage.clock.advance(2 * DAY)
    await files.sweep()
    assert file.read() == b"x"


# -- leaving


async def test_what_a_run_leaves_is_fenced_by_its_claim(files: FileStore, stage: Stage) -> None:
    run = await stage.claim_new(tenant="acme")
    file = File(id=stage.new_id(), name="report.pdf", size=3, media_type="application/pdf", sha256="1" * 64)
    stranger = Left(run.id, make_claim_id(), 1, Role.LEFT, file)
    assert await files.leave([stranger]) == set()
    assert await files.artifacts(run.id) == []
    own = Left(run.id, run.claim_id, 1, Role.LEFT, file)
    assert await files.leave([own, stranger]) == {file.id}
    assert await files.leave([own]) == {file.id}  # asked twice
    (artifact,) = await files.artifacts(run.id)
    assert (artifact.name, artifact.size, artifact.attempt, artifact.created_at) == ("report.pdf", 3, 1, stage.clock.now)
    assert (await files.get(file.id, tenant="acme")).id == file.id
    await stage.complete(run)
    assert await files.leave([own]) == set()


async def test_results_and_parameters_are_no_artifacts(files: FileStore, stage: Stage) -> None:
    run = await stage.claim_new()
    for role in Role:
        file = File(id=stage.new_id(), name=role.name, size=3, media_type="application/json", sha256="1" * 64)
        await files.leave([Left(run.id, run.claim_id, 1, role, file)])
    assert [each.name for each in await files.artifacts(run.id)] == ["LEFT"]
    await stage.complete(run)


def _full(*values: object) -> None:
    raise StoreUnavailable("the disk is full")


# -- the contents, on every kind of place


def _in_memory(tmp_path: Path) -> Blobs:
    from obstore.store import MemoryStore

    return ObjectBlobs(MemoryStore(), "memory")


def _local(tmp_path: Path) -> Blobs:
    from obstore.store import LocalStore

    return ObjectBlobs(LocalStore(str(tmp_path), mkdir=True), "local")


@pytest.fixture(
    params=[lambda path: DirectoryBlobs(path / "files"), _local, _in_memory], ids=["directory", "obstore-local", "obstore-memory"]
)
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    make: Callable[[Path], Blobs] = request.param
    return make(tmp_path)


@pytest.mark.parametrize("kind", ["memory"])
async def test_places_keep_the_same_promises(blobs: Blobs, store: Store, stage: Stage) -> None:
    store.files.settle(lambda: blobs)
    body = os.urandom(3 * CHUNK + 17)
    file = await store.files.put(io.BytesIO(body), name="data.bin")
    with file.open() as content:
        assert content.read(10) == body[:10]
        assert content.seek(2 * CHUNK) == 2 * CHUNK
        assert content.read() == body[2 * CHUNK :]
    assert file.read() == body
    local = file.path()
    assert local.read_bytes() == body
    assert local.suffix == ".bin"
    day = key_of(file).partition("/")[0]
    assert list(blobs.keys(day)) == [key_of(file)]
    assert list(blobs.keys("20010101")) == []
    with pytest.raises(FileRefused):
        await store.files.put(io.BytesIO(body), limit=FileLimit(max_size=CHUNK))
    assert list(blobs.keys(day)) == [key_of(file)]
    await stage.clock.advance(2 * DAY)
    assert (await store.files.sweep()).files == 1
    for _ in range(2):
        blobs.delete(key_of(file))  # again: nothing
    with pytest.raises(UnknownFile):
        blobs.open(key_of(file)).read()
    store.files.close()
    if isinstance(blobs, ObjectBlobs):
        assert not local.exists()


def test_where_a_setting_leads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert blobs_at("some/where").where == str(tmp_path / "some/where")
    assert blobs_at(f"file://{tmp_path}/a%20b").where == f"{tmp_path}/a b"
    assert blobs_at("s3://bucket/prefix").where == "s3://bucket/prefix"
    assert list(tmp_path.iterdir()) == []  # nothing is touched before it is used
    for wrong in ("ftp://host/x", "s3://"):
        with pytest.raises(ConfigurationError, match="MAINSPRING_FILES"):
            blobs_at(wrong)


def test_an_object_store_without_the_extra_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "obstore.store", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'mainspring\[blobs\]'"):
        blobs_at("s3://bucket")


@pytest.mark.parametrize("kind", ["file", "postgres"])
async def test_the_audit_trail_only_grows(store: Store, stage: Stage) -> None:
    await store.audit.add("runs.cancel", "run:1", actor="a", source="test")
    for change in ("delete from mainspring.audit", "update mainspring.audit set actor = 'b'"):
        with pytest.raises(Exception, match="only grows"):
            await stage.sql(change)
    assert [row["actor"] for row in await store.audit.page(scope=EVERYTHING)] == ["a"]


assert timedelta(days=1) == LOOSE  # what the texts say


# -- beside runs


async def test_what_a_call_carries_is_there_before_its_run(files: FileStore, stage: Stage) -> None:
    file = await files.put(b"x")
    strange = File(id=stage.new_id(), name="s", size=1, media_type="a/b", sha256="0" * 64)
    good = stage.new(beside=Beside((file,), (("colour", "red"), ("size", "1"))))
    bad = stage.new(beside=Beside((strange,)))
    with pytest.raises(InvalidParams, match="is not in the store"):
        await stage.add(good, bad)
    assert await stage.sql("select id from mainspring.hot_runs") == []
    # Concurrent callers share a commit; one's bad file is no fault of the other's.
    answers = await asyncio.gather(
        *(stage.runs.add(each) for each in (good, bad, stage.new(), stage.new(key="k"))), return_exceptions=True
    )  # fmt: skip
    assert [type(answer).__name__ for answer in answers] == ["Added", "InvalidParams", "Added", "Added"]
    assert (await stage.runs.add_again(good)).id == good.id
    assert [run.id for run in await stage.runs.page(where=[("colour", "red")], scope=EVERYTHING)] == [good.id]
    (link,) = await stage.sql(f"select run_id, role from mainspring.artifacts where file_id = '{file.id}'")
    assert (link["run_id"], link["role"]) == (good.id, Role.GIVEN)


async def test_a_run_that_takes_over_another_call_holds_its_files(files: FileStore, stage: Stage, root: Path) -> None:
    """By the policy ``replace`` the waiting run has the files and the search terms of the latest call."""
    first, second = await files.put(b"first"), await files.put(b"second")

    def call(file: File, colour: str) -> NewRun:
        return stage.new(key="k", dedupe=DedupePolicy.REPLACE, beside=Beside((file,), (("colour", colour),)))

    (added,) = await stage.add(call(first, "red"))
    (again,) = await stage.add(call(second, "blue"))
    assert (again.id, again.how) == (added.id, How.REPLACED)
    assert await stage.runs.page(where=[("colour", "red")], scope=EVERYTHING) == []
    assert [run.id for run in await stage.runs.page(where=[("colour", "blue")], scope=EVERYTHING)] == [added.id]
    await stage.clock.advance(3 * DAY)
    await files.sweep()
    assert second.read() == b"second"
    await gone(stage, added.id)
    await files.purge([added.id])
    assert contents(root) == []


async def test_large_parameters_lie_among_the_files_and_are_read_from_there(files: FileStore, stage: Stage, root: Path) -> None:
    text = '{"text":"' + "ä" * 1000 + '"}'
    run = stage.new(params=text, beside=Beside(is_large=True))
    await stage.add(run)
    (row,) = await stage.sql("select params from mainspring.hot_runs")
    assert is_reference(row["params"])
    assert (await stage.get(run.id)).params == text
    (claimed,) = await stage.claim(await stage.node())
    assert is_reference(claimed.params)  # its executor reads it, and nobody on the way
    assert await files.artifacts(run.id) == []
    await stage.complete(claimed)
    for path in root.rglob("*.json"):
        path.unlink()
    assert is_reference((await stage.get(run.id)).params)  # what is lost is said to be elsewhere, never cut
