"""The database's lock and socket path: one holder, whoever dies, whatever the path."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.errors import StartupError
from gateway.store.lock import DatabaseInUseError, DatabaseLock, control_socket_path

_HOLDER = """
import sys
from pathlib import Path
from gateway.store.lock import DatabaseLock
lock = DatabaseLock(Path(sys.argv[1]))
lock.acquire()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "gateway.db"


def hold(database: Path) -> subprocess.Popen[str]:
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def test_another_process_is_refused_until_the_holder_is_killed(database: Path) -> None:
    with hold(database) as holder:
        with pytest.raises(DatabaseInUseError) as caught:
            DatabaseLock(database).acquire()
        assert str(database) in str(caught.value)
        assert "hum-gateway serve" in str(caught.value)
        holder.kill()
        holder.wait()
    # Killed, it could clean nothing up; the kernel did.
    with DatabaseLock(database):
        assert database.with_name("gateway.db.lock").exists()


def test_another_name_of_the_same_file_meets_the_same_lock(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.touch()
    link = database.with_name("link.db")
    link.symlink_to(database)
    monkeypatch.chdir(database.parent)
    with DatabaseLock(database):
        for name in (link, Path("gateway.db")):
            with pytest.raises(DatabaseInUseError):
                DatabaseLock(name).acquire()
            assert control_socket_path(name) == control_socket_path(database)


def test_released_it_can_be_taken_again(database: Path) -> None:
    first = DatabaseLock(database)
    first.acquire()
    first.acquire()  # holding it already is no mistake
    first.release()
    first.release()
    with DatabaseLock(database):
        pass


def test_a_missing_directory_is_made_private(tmp_path: Path) -> None:
    with DatabaseLock(tmp_path / "var" / "gateway.db"):
        assert (tmp_path / "var").stat().st_mode & 0o777 == 0o700
        assert (tmp_path / "var" / "gateway.db.lock").stat().st_mode & 0o777 == 0o600


def test_a_lock_file_that_cannot_be_opened_is_another_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StartupError) as caught:
        DatabaseLock(tmp_path / "file" / "gateway.db").acquire()
    assert not isinstance(caught.value, DatabaseInUseError)


def test_the_socket_lies_beside_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    assert control_socket_path(Path("/srv/hum/gateway.db")) == Path("/srv/hum/gateway.db.sock")


def _long(tmp_path: Path) -> Path:
    return tmp_path / ("d" * 120) / "gateway.db"


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="hg") as short:
        monkeypatch.setattr(tempfile, "tempdir", short)
        yield Path(short)


def test_a_long_path_gets_a_short_socket_in_a_private_directory(tmp_path: Path, temporary: Path) -> None:
    path = control_socket_path(_long(tmp_path))
    assert len(bytes(path)) <= 100
    assert path.is_relative_to(temporary)
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert path == control_socket_path(_long(tmp_path))
    assert path != control_socket_path(_long(tmp_path).with_name("other.db"))
    path.parent.chmod(0o777)
    control_socket_path(_long(tmp_path))
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_directory_planted_as_a_link_is_refused(tmp_path: Path, temporary: Path) -> None:
    directory = control_socket_path(_long(tmp_path)).parent
    directory.rmdir()
    directory.symlink_to(tmp_path, target_is_directory=True)
    with pytest.raises(StartupError, match="owned by this user"):
        control_socket_path(_long(tmp_path))
