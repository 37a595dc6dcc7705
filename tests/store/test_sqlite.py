"""What only an SQLite file can do to us: other processes, foreign writers, readers that hold on, disks that are full or not ours."""

import asyncio
import contextlib
import os
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import tempfile
import textwrap
import threading
import warnings
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from mainspring import Mainspring, task
from mainspring.core.access import EVERYTHING
from mainspring.core.errors import SchemaMismatch, StoreError, StoreForeign, StoreUnavailable
from mainspring.core.ids import IdMaker
from mainspring.core.run import NewRun
from mainspring.store import files, sqlite
from mainspring.store.files import FileLock, Sockets, is_network_path
from mainspring.store.sqlite import SqliteDatabase
from mainspring.store.store import Store, database_for
from tests.aio import PATIENCE, until
from tests.store.harness import START

ROOT = Path(__file__).parents[2]


@contextlib.asynccontextmanager
async def opened(path: Path, **options: object) -> AsyncIterator[Store]:
    store = Store(SqliteDatabase(path, **{"durability": "relaxed", **options}))  # type: ignore[arg-type]
    await store.open()
    try:
        await store.migrations.apply()
        yield store
    finally:
        await store.close()


def new_run(ids: IdMaker, n: int = 0) -> NewRun:
    return NewRun(ids.make(int(START.timestamp() * 1000) + n), "t")


@contextlib.contextmanager
def workers(code: str, *arguments: Sequence[object]) -> Iterator[list[subprocess.Popen[str]]]:
    """Other processes on the same file; each says a word on its stdout and hears one on its stdin."""
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", textwrap.dedent(code), *map(str, each)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    cwd=ROOT,
                )
            )
            for each in arguments
        ]


def said(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def tell(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


# -- several processes -------------------------------------------------------------------------------------------------

WRITER = """
    import asyncio, sys, time
    from pathlib import Path
    from mainspring.core.ids import IdMaker
    from mainspring.core.run import NewRun
    from mainspring.store.sqlite import SqliteDatabase
    from mainspring.store.store import Store

    async def main(path, n):
        store = Store(SqliteDatabase(Path(path), durability="relaxed"))
        await store.open()
        ids = IdMaker()
        print("ready", flush=True)
        sys.stdin.readline()
        for _ in range(int(n)):
            await store.runs.add(NewRun(ids.make(time.time_ns() // 1_000_000), sys.argv[3]))
        await store.close()

    asyncio.run(main(*sys.argv[1:3]))
"""


@pytest.mark.failure(45)
def test_four_processes_write_side_by_side_and_none_starves(tmp_path: Path, runner: asyncio.Runner) -> None:
    """The gate is fair: as long as all four have something to write, each has its share."""
    path, each = tmp_path / "m.db", 150

    async def migrate() -> None:
        async with opened(path):
            pass

    runner.run(migrate())
    with workers(WRITER, *((path, each, name) for name in "abcd")) as writers:
        assert [said(process) for process in writers] == ["ready"] * 4
        for process in writers:
            tell(process)
        assert [process.wait(PATIENCE) for process in writers] == [0] * 4
    with contextlib.closing(sqlite3.connect(path)) as connection:
        order = [row[0] for row in connection.execute("select task from mainspring_hot_runs order by created_at")]
    assert sorted(order) == sorted("abcd" * each)
    # A busy machine starts the four at different moments, so the last to begin and the first to end bound the stretch that counts.
    last = {name: len(order) - 1 - order[::-1].index(name) for name in "abcd"}
    together = order[max(order.index(name) for name in "abcd") : min(last.values()) + 1]
    # Without the gate one process writes on and on, and the others wait. With it who waits is next, so the pen changes hands all the time;
    # how often each asks for it is the machine's business.
    assert all(name in together for name in "abcd")
    assert sum(one != other for one, other in pairwise(together)) >= len(together) / 32


@pytest.mark.failure(46)
async def test_a_process_that_is_killed_at_the_gate_leaves_it_open(tmp_path: Path) -> None:
    path, ids = tmp_path / "m.db", IdMaker()
    async with opened(path) as store:
        code = """
            import sqlite3, sys
            from pathlib import Path
            from mainspring.store.files import FileLock
            FileLock(Path(sys.argv[1] + ".gate")).acquire()
            connection = sqlite3.connect(sys.argv[1], isolation_level=None)
            connection.execute("begin immediate")
            connection.execute("delete from mainspring_migrations")
            print("held", flush=True)
            sys.stdin.readline()
        """
        with workers(code, [path]) as (holder,):
            assert await asyncio.to_thread(said, holder) == "held"
            waiting = asyncio.create_task(store.runs.add(new_run(ids)))
            await asyncio.sleep(0)
            assert not waiting.done()
            holder.send_signal(signal.SIGKILL)
            assert (await asyncio.wait_for(waiting, PATIENCE)).is_new
            await store.migrations.check()  # what it had begun is undone


@pytest.mark.failure(47)
async def test_a_foreign_writer_holds_the_file_and_lets_go(tmp_path: Path) -> None:
    """An ORM of the user's knows nothing of our gate: SQLite's own waiting bridges it."""
    path, ids = tmp_path / "m.db", IdMaker()
    async with opened(path) as store:
        foreign = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        foreign.execute("begin immediate")
        waiting = asyncio.create_task(store.runs.add(new_run(ids)))
        assert await store.runs.page(scope=EVERYTHING) == []  # readers do not wait
        assert not waiting.done()
        foreign.execute("rollback")
        assert (await asyncio.wait_for(waiting, PATIENCE)).is_new
        foreign.close()


@pytest.mark.failure(47)
async def test_a_foreign_writer_that_never_lets_go_is_told_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.05)
    monkeypatch.setattr(sqlite, "BUSY_MILLISECONDS", 50)
    path, ids = tmp_path / "m.db", IdMaker()
    async with opened(path) as store:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as foreign:
            foreign.execute("begin immediate")
            with pytest.raises(StoreUnavailable, match=r"m\.db has been locked by another program for 0\.05 s: close"):
                await store.runs.add(new_run(ids))
            with pytest.raises(StoreUnavailable, match="locked by another program"):
                await store.database.execute("delete from mainspring.queues")
        assert (await store.runs.add(new_run(ids))).is_new


@pytest.mark.failure(48)
async def test_a_reader_that_holds_on_does_not_stop_writes_and_the_log_shrinks_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = tuple(
        "journal_size_limit=65536" if "size_limit" in each else "wal_autocheckpoint=100" if "auto" in each else each
        for each in sqlite._PRAGMAS
    )
    monkeypatch.setattr(sqlite, "_PRAGMAS", small)
    path, ids = tmp_path / "m.db", IdMaker()
    log = path.with_name("m.db-wal")
    async with opened(path) as store:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as reader:
            reader.execute("begin")
            assert reader.execute("select count(*) from mainspring_hot_runs").fetchone() == (0,)
            for n in range(5):
                await store.runs.add_many([new_run(ids, n) for _ in range(1000)])
            assert reader.execute("select count(*) from mainspring_hot_runs").fetchone() == (0,)
            held = log.stat().st_size
            assert held > 1_000_000
            reader.execute("commit")
        for n in range(3):
            await store.runs.add_many([new_run(ids, 10 + n) for _ in range(100)])
        assert log.stat().st_size < held / 2
        assert sum(row["n"] for row in await store.runs.waiting(scope=EVERYTHING)) == 5300


# -- files that are not ours, or not to be had -------------------------------------------------------------------------


@pytest.mark.failure(49)
async def test_a_network_file_system_is_refused_unless_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "share here").mkdir()
    mounts = tmp_path / "mounts"
    mounts.write_text(f"tmpfs {tmp_path} tmpfs rw 0 0\nserver:/x {tmp_path}/share\\040here nfs4 rw 0 0\ngarbage\n/dev/sda / ext4 rw 0 0\n")
    monkeypatch.setattr(files, "MOUNTS", mounts)
    path = tmp_path / "share here" / "m.db"
    assert is_network_path(path) == "nfs4"
    assert is_network_path(tmp_path / "share here too") is None
    with pytest.raises(StoreUnavailable, match=r"on a network file system \(nfs4\).*use a local path or PostgreSQL"):
        await SqliteDatabase(path).open()
    assert list(path.parent.iterdir()) == []
    async with opened(path, network_ok=True):
        pass
    monkeypatch.setattr(files, "MOUNTS", tmp_path / "nothing")
    assert is_network_path(path) is None


async def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("my notes\n" * 200)
    with pytest.raises(StoreForeign, match=r"notes\.txt is not an SQLite database: choose another file"):
        await SqliteDatabase(path).open()
    assert path.read_text() == "my notes\n" * 200


async def test_a_database_of_another_program_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("pragma application_id = 252006674")
        connection.execute("create table theirs (n integer)")
    before = path.read_bytes()
    with pytest.raises(StoreForeign, match="belongs to another program"):
        await SqliteDatabase(path).open()
    assert path.read_bytes() == before


async def test_tables_of_the_application_stand_beside_ours(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("create table users (name text)")
    async with opened(path) as store:
        assert (await store.runs.add(new_run(IdMaker()))).is_new


async def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match=r"the directory .*/nowhere does not exist; create it first"):
        await SqliteDatabase(tmp_path / "nowhere" / "m.db").open()


async def test_a_damaged_file_is_told_from_a_foreign_one(tmp_path: Path) -> None:
    path, ids = tmp_path / "m.db", IdMaker()
    async with opened(path) as store:
        await store.runs.add_many([new_run(ids) for _ in range(2000)])
    content = bytearray(path.read_bytes())
    content[4096 * 20 : 4096 * 120] = b"\xff" * 4096 * 100
    path.write_bytes(bytes(content))
    with pytest.raises(StoreUnavailable, match="is damaged .*restore it from a backup"):
        async with opened(path) as store:
            await store.runs.add_many([new_run(ids) for _ in range(2000)])


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A directory whose path leaves room for a socket's name."""
    with tempfile.TemporaryDirectory(prefix="ms-") as name:
        yield Path(name)


@pytest.fixture
def bound_by_rights(short_folder: Path) -> Iterator[Path]:
    """A directory of somebody whom rights bind: root would be allowed everything."""
    if os.geteuid() != 0:
        yield short_folder
        return
    os.chown(short_folder, 65534, 65534)
    os.seteuid(65534)
    try:
        yield short_folder
    finally:
        os.seteuid(0)


def test_a_read_only_file_or_directory_says_what_to_check(bound_by_rights: Path) -> None:
    path = bound_by_rights / "m.db"

    async def use(path: Path) -> None:
        async with opened(path) as store:
            await store.runs.add(new_run(IdMaker()))

    asyncio.run(use(path))
    check = "check the rights of the file and of its directory"
    path.chmod(0o400)
    with pytest.raises(StoreUnavailable, match=check):
        asyncio.run(use(path))
    path.chmod(0o600)
    bound_by_rights.chmod(0o500)
    for each in (path, bound_by_rights / "new.db"):
        with pytest.raises(StoreUnavailable, match=check):
            asyncio.run(use(each))
    bound_by_rights.chmod(0o700)
    asyncio.run(use(path))


@pytest.mark.failure(10)
async def test_a_full_disk_refuses_without_half_a_write_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    path, ids = tmp_path / "m.db", IdMaker()
    async with opened(path) as store:
        await store.runs.add(new_run(ids))
        database = store.database
        assert isinstance(database, SqliteDatabase) and database._connection is not None
        (pages,) = database._connection.execute("pragma page_count").fetchone()
        database._connection.execute(f"pragma max_page_count = {pages + 20}")
        node, claim = ids.make(0), ids.make(0)
        with pytest.raises(StoreUnavailable, match=r"the disk of .*m\.db is full: free some space; nothing was half"):
            await store.runs.add_many([new_run(ids, n) for n in range(1000)])
        assert len(await store.runs.page(scope=EVERYTHING)) == 1
        results = await asyncio.gather(*(store.runs.add_many([new_run(ids, n)] * 1) for n in range(400)), return_exceptions=True)
        full = [each for each in results if isinstance(each, StoreUnavailable)]
        assert full and not [each for each in results if isinstance(each, BaseException) and each not in full]
        (row,) = await store.runs.waiting(scope=EVERYTHING)
        assert row["n"] == 1 + len(results) - len(full)
        assert await store.runs.claimed_under(claim, node) == []
        database._connection.execute("pragma max_page_count = 1000000")
        assert (await store.runs.add(new_run(ids))).is_new


class _FailingCommit:
    """A connection whose next commit finds no room, as the statements before it still did."""

    def __init__(self, connection: sqlite3.Connection, is_undone: bool = False) -> None:
        self.connection, self.fails, self.is_undone = connection, True, is_undone

    def __getattr__(self, name: str) -> object:
        return getattr(self.connection, name)

    def execute(self, statement: str, *values: object) -> sqlite3.Cursor:
        if statement == "commit" and self.fails:
            self.fails = False
            if self.is_undone:  # as SQLite does itself, where it has to
                self.connection.rollback()
            raise sqlite3.OperationalError("database or disk is full")
        return self.connection.execute(statement, *values)  # type: ignore[arg-type]


@pytest.mark.failure(10)
@pytest.mark.parametrize("is_brief", [True, False])
async def test_a_commit_that_finds_no_room_is_undone_and_the_next_one_goes(
    tmp_path: Path, is_brief: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = IdMaker()
    async with opened(tmp_path / "m.db") as store:
        database = store.database
        assert isinstance(database, SqliteDatabase)
        monkeypatch.setattr(database, "_is_brief", lambda query: is_brief)
        monkeypatch.setattr(database, "_connection", _FailingCommit(database._connection))  # type: ignore[arg-type]
        with pytest.raises(StoreError, match="full"):
            await store.runs.add(new_run(ids))
        assert (await store.runs.add(new_run(ids))).is_new
        assert len(await store.runs.page(scope=EVERYTHING)) == 1


@pytest.mark.parametrize("is_undone", [True, False])
async def test_a_step_of_a_migration_that_finds_no_room_says_so(tmp_path: Path, is_undone: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(tmp_path / "m.db") as store:
        database = store.database
        assert isinstance(database, SqliteDatabase)
        monkeypatch.setattr(database, "_connection", _FailingCommit(database._connection, is_undone))  # type: ignore[arg-type]
        with pytest.raises(StoreError, match="full"):
            await database.execute("create table more (n integer)")
        await database.execute("create table more (n integer)")


async def test_whoever_gives_up_waiting_for_a_lock_leaves_it_to_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = threading.Event()

    class Told(FileLock):
        def acquire(self) -> None:
            begun.set()
            super().acquire()

    async def take() -> None:
        async with database.exclusive("migrate"):
            pass

    database, held = SqliteDatabase(tmp_path / "m.db"), FileLock(tmp_path / "m.db.migrate")
    held.acquire()
    monkeypatch.setattr(sqlite, "FileLock", Told)
    waiting = asyncio.create_task(take())
    await until(begun.is_set, "waiting")
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    held.close()
    await asyncio.wait_for(take(), PATIENCE)


async def test_a_newer_schema_is_told_at_the_check(tmp_path: Path) -> None:
    async with opened(tmp_path / "m.db") as store:
        await store.database.execute(
            "insert into mainspring.migrations (number, phase, name, checksum, version) values (99, 'post', 'x', 'y', '9.0')"
        )
        with pytest.raises(SchemaMismatch, match="schema is at 99, mainspring .* the code is behind"):
            await store.migrations.check()


async def test_a_file_without_our_tables_names_the_command(tmp_path: Path) -> None:
    store = Store(SqliteDatabase(tmp_path / "m.db"))
    await store.open()
    try:
        for call in (store.runs.add(new_run(IdMaker())), store.runs.page(scope=EVERYTHING)):
            with pytest.raises(StoreUnavailable, match="has no tables of ours .*run 'mainspring migrate'"):
                await call
    finally:
        await store.close()


async def test_an_sqlite_that_is_too_old_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "OLDEST", (99, 0, 0))
    with pytest.raises(StoreError, match="is too old"):
        await SqliteDatabase(None).open()


# -- life of the object ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [None, "m.db"])
async def test_it_can_be_opened_and_closed_again_and_says_when_it_is_closed(tmp_path: Path, path: str | None) -> None:
    store = Store(SqliteDatabase(None if path is None else tmp_path / path))
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="closed"):
            await store.runs.page(scope=EVERYTHING)
        with pytest.raises(StoreUnavailable, match="closed"):
            await store.runs.promote()
        await store.open()
        await store.open()
        await store.migrations.apply()
        await store.runs.page(scope=EVERYTHING)
        await store.close()
        await store.close()


@pytest.mark.failure(50)
def test_a_forked_child_is_told_to_open_its_own(tmp_path: Path, runner: asyncio.Runner) -> None:
    """`gunicorn --preload`: the child inherits the object, but may neither use nor close what the parent holds."""
    path, ids = tmp_path / "m.db", IdMaker()
    store = Store(SqliteDatabase(path, durability="relaxed"))

    async def prepare() -> None:
        await store.open()
        await store.migrations.apply()
        await store.runs.add(new_run(ids))

    runner.run(prepare())
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # fork in a process with threads is what is tested
        child = os.fork()
    if child == 0:
        answer = "nothing"
        try:
            answer = asyncio.run(_in_the_child(store, ids))
        except BaseException as error:
            answer = repr(error)
        finally:
            os.write(writing, answer.encode())
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        assert pipe.read() == "refused, refused, 2 runs"
    os.waitpid(child, 0)

    async def go_on() -> int:
        await store.runs.add(new_run(ids, 2))
        n = len(await store.runs.page(scope=EVERYTHING))
        await store.close()
        return n

    assert runner.run(go_on()) == 3


async def _in_the_child(store: Store, ids: IdMaker) -> str:
    answers = []
    for call in (store.runs.add(new_run(ids, 1)), store.runs.page(scope=EVERYTHING)):
        try:
            await call
        except StoreError as error:
            assert "forked" in str(error)
            answers.append("refused")
    await store.open()
    await store.runs.add(new_run(ids, 1))
    answers.append(f"{len(await store.runs.page(scope=EVERYTHING))} runs")
    await store.close()
    return ", ".join(answers)


async def test_only_the_owner_may_read_the_file_and_what_stands_beside_it(short_folder: Path) -> None:
    path = short_folder / "m.db"
    async with opened(path) as store:
        await store.database.listen(lambda _: None)
        await store.runs.add(new_run(IdMaker()))
        found = {each.name: stat.S_IMODE(each.stat().st_mode) for each in short_folder.rglob("*")}
    assert {"m.db", "m.db-wal", "m.db-shm", "m.db.gate", "m.db.migrate", "m.db.wake"} <= found.keys()
    assert found.pop("m.db.wake") == 0o700
    assert set(found.values()) == {0o600}


async def test_blocking_callers_of_many_threads_write_on_their_own(tmp_path: Path) -> None:
    path, ids = tmp_path / "m.db", IdMaker()
    async with opened(path) as store:
        assert isinstance(store.database, SqliteDatabase)
        database, runs = store.database, [new_run(ids, n) for n in range(40)]
        start = threading.Barrier(4)

        def add(mine: list[NewRun]) -> None:
            start.wait()
            for run in mine:
                database.write_now("runs_add_one", **store.runs.one_values(run))

        threads = [threading.Thread(target=add, args=(runs[n::4],)) for n in range(4)]
        for thread in threads:
            thread.start()
        added = await asyncio.gather(*(store.runs.add(new_run(ids, 99)) for _ in range(20)))
        await asyncio.gather(*(asyncio.to_thread(thread.join) for thread in threads))
        assert len(added) == 20
        (row,) = await store.runs.waiting(scope=EVERYTHING)
        assert row["n"] == 60
        assert len(os.listdir("/proc/self/fd")) < 200 if sys.platform == "linux" else True


async def test_a_caller_who_gave_up_does_not_stop_the_writer(tmp_path: Path) -> None:
    path, ids = tmp_path / "m.db", IdMaker()
    async with opened(path) as store:
        for n in range(20):
            call = asyncio.create_task(store.runs.add(new_run(ids, n)))
            await asyncio.sleep(0)
            call.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await call
        assert (await store.runs.add(new_run(ids, 99))).is_new


# -- hints -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_long", [False, True])
async def test_processes_wake_each_other_and_sweep_the_sockets_of_the_dead(tmp_path: Path, is_long: bool) -> None:
    folder = tmp_path / ("a" * 90) if is_long else tmp_path
    folder.mkdir(exist_ok=True)
    path = folder / "m.db"
    first, second = Sockets(path), Sockets(path)
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    own: list[bytes] = []
    first.listen(asyncio.get_running_loop(), own.append)
    second.listen(asyncio.get_running_loop(), heard.put_nowait)
    dead = first._folder / "dead"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as left:
        left.bind(str(dead))
    first.send(b"wake")
    assert await asyncio.wait_for(heard.get(), PATIENCE) == b"wake"
    assert own == []
    assert not dead.exists()
    for _ in range(5000):  # nobody reads: its buffer is full, so it is awake anyway
        first.send(b"x" * 100)
    second.close()
    first.close()
    assert not first._folder.exists()


async def test_the_store_hears_hints_of_other_stores_on_its_file(tmp_path: Path) -> None:
    async with opened(tmp_path / "m.db") as one, opened(tmp_path / "m.db") as other:
        heard: asyncio.Queue[str] = asyncio.Queue()
        await one.database.listen(heard.put_nowait)
        await other.database.notify("q:ä")
        assert await asyncio.wait_for(heard.get(), PATIENCE) == "q:ä"


def test_a_lock_is_for_threads_and_for_processes(tmp_path: Path) -> None:
    lock, other = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    with lock:
        assert not lock.try_acquire()
        assert not other.try_acquire()
    assert other.try_acquire()
    assert not lock.try_acquire()
    other.close()
    assert lock.try_acquire()
    lock.close()
    lock.close()


# -- connections of callers --------------------------------------------------------------------------------------------


@task
async def mine() -> None: ...


async def test_a_callers_own_temporary_tables_are_left_alone(tmp_path: Path) -> None:
    async with opened(tmp_path / "mainspring.db"), Mainspring(f"sqlite:///{tmp_path}/mainspring.db", tasks=[mine]) as app:
        with contextlib.closing(sqlite3.connect(tmp_path / "mainspring.db")) as connection:
            for name in ("held", "done", "asked"):
                connection.execute(f"create temp table {name} (mine text)")
                connection.execute(f"insert into {name} values ('kept')")
            connection.commit()
            await app.enqueue(mine.options(key="k", connection=connection))
            connection.commit()
            kept = [connection.execute(f"select mine from {name}").fetchall() for name in ("held", "done", "asked")]
    assert kept == [[("kept",)]] * 3


# -- URLs --------------------------------------------------------------------------------------------------------------


def test_urls_name_files_memory_and_durability() -> None:
    def path(url: str) -> Path | None:
        database = database_for(url)
        assert isinstance(database, SqliteDatabase)
        return database.path

    assert path("sqlite://") is None
    assert path("sqlite:///:memory:") is None
    assert path("sqlite:///a.db") == Path("a.db")
    assert path("sqlite:////var/a%20b.db?durability=relaxed") == Path("/var/a b.db")
