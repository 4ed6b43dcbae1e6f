"""What a killed server leaves behind, and the proof that it may be removed.

A pid in a file proves nothing: after a restart it may belong to anybody, and a killed postmaster
stays visible as a zombie until somebody reaps it. The files go only when the process named in them
is gone, a zombie, not a Postgres, or the Postgres of another folder.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from trueup.domain.errors import DatabaseUnavailableError
from trueup.postgres.embedded_paths import Layout

POSTGRES_NAMES = frozenset({"postgres", "postmaster"})


def clear_debris(layout: Layout) -> None:
    """Remove the pid file and the socket of a dead server.

    To be called with the `alive` lock held, which shows that no server started by us is alive.
    Raises `DatabaseUnavailableError` when a Postgres that we did not start uses the cluster.
    """
    pid = live_pid(layout)
    if pid is not None:
        raise DatabaseUnavailableError(
            f"A Postgres that Trueup did not start uses {layout.cluster} (process {pid}).",
            "Stop that server, then try again.",
        )
    for path in (layout.pid_file, *layout.sockets):
        path.unlink(missing_ok=True)


def live_pid(layout: Layout) -> int | None:
    """The process of the server, proven alive: nothing else may ever be sent a signal."""
    pid = _pid_in(layout.pid_file)
    return pid if pid is not None and is_live_postgres(pid, layout.cluster) else None


def is_live_postgres(pid: int, cluster: Path) -> bool:
    """Whether the process lives, is a Postgres, and is not known to use another folder."""
    proc = Path("/proc", str(pid))
    if not Path("/proc/self/stat").exists():
        return _is_live_by_ps(pid)
    try:
        status = (proc / "stat").read_text(errors="replace")
    except OSError:
        return False
    name, _, rest = status.partition("(")[2].rpartition(")")
    if rest.split()[0] in {"Z", "X"} or name not in POSTGRES_NAMES:
        return False
    try:
        same_user = proc.stat().st_uid == cluster.stat().st_uid
        return same_user and (proc / "cwd").samefile(cluster)
    except OSError:
        return True  # cannot tell: rather believe that it is ours


def _is_live_by_ps(pid: int) -> bool:
    answer = subprocess.run(  # noqa: S603 - a number that we parsed
        ["/bin/ps", "-o", "stat=,comm=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.split(maxsplit=1)
    return (
        len(answer) > 1
        and not answer[0].startswith("Z")
        and Path(answer[1].strip()).name in POSTGRES_NAMES
    )


def _pid_in(path: Path) -> int | None:
    try:
        first = path.read_text(errors="replace").partition("\n")[0].strip()
    except FileNotFoundError:
        return None
    return int(first) if first.isdecimal() else None
