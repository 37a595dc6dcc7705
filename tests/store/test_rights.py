"""Whatever stands beside the store is its user's alone, however careless the umask."""

import asyncio
import os
import stat
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from mainspring.core.errors import ConfigurationError
from mainspring.engine.heartbeat import Heartbeat
from mainspring.engine.presence import Presence, lock_folder
from mainspring.store.files import Sockets, private_folder
from mainspring.store.sqlite import SqliteDatabase
from mainspring.store.store import Store

pytestmark = pytest.mark.skipif(os.name == "nt", reason="modes are POSIX's")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


async def test_files_locks_and_sockets_are_for_their_user_alone() -> None:
    with tempfile.TemporaryDirectory(prefix="ms-") as folder:  # a short name: sockets stand beside the file then
        await _look_at_rights(Path(folder))


async def _look_at_rights(folder: Path) -> None:
    before = os.umask(0)
    try:
        store = Store(SqliteDatabase(folder / "m.db"))
        await store.open()
        await store.migrations.apply()
        await store.database.listen(lambda hint: None)
        await store.runs.lanes()
        presence = Presence("n", lock_folder(folder / "m.db"))
        beat = Heartbeat(store.nodes, presence, _Nobody(), clock=asyncio.get_running_loop().time)
        await beat.register(os.getpid())
        found = {path: (path.is_dir(), mode(path)) for path in folder.rglob("*")}
        await beat.stop()
        await store.close()
    finally:
        os.umask(before)
    kinds = {path.name for path in found}
    assert {"m.db", "m.db-wal", "m.db-shm", "m.db.gate", "m.db.gate.next", "m.db.migrate", "m.db.wake", "m.db.nodes"} <= kinds
    assert any(path.parent.name == "m.db.wake" for path in found)
    assert any(path.suffix == ".lock" for path in found)
    for path, (is_folder, seen) in found.items():
        assert seen == (0o700 if is_folder else 0o600), path


class _Nobody:
    def cancel(self, run_ids: Sequence[str]) -> None: ...

    def abandon(self) -> None: ...

    def stop_unrepeatable(self) -> None: ...


def test_a_folder_of_somebody_else_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a shared directory for temporary files whoever comes first may have made it: as a trap."""
    loose = tmp_path / "loose"
    loose.mkdir(mode=0o777)
    loose.chmod(0o777)
    private_folder(loose)
    assert mode(loose) == 0o700
    (tmp_path / "link").symlink_to(loose)
    with pytest.raises(PermissionError):
        private_folder(tmp_path / "link")
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    with pytest.raises(PermissionError, match="somebody else"):
        private_folder(loose)
    with pytest.raises(ConfigurationError, match="cannot be this user's alone"):
        Presence("n", loose).make_folder()


async def test_hints_do_without_a_folder_that_is_not_theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    deep = tmp_path / ("x" * 90) / "m.db"  # too long for a socket beside it
    sockets = Sockets(deep)
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    sockets.listen(asyncio.get_running_loop(), lambda message: None)
    sockets.send(b"hint")
    sockets.close()
    assert [path for path in tmp_path.rglob("*") if path.is_socket()] == []
