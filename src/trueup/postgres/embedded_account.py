"""Who the embedded server runs as.

Postgres refuses to run as root. As root we run it as an unprivileged user that exists already; no
user is made and no existing folder's permissions are widened. Such a user often cannot enter the
data directory (`/root` is closed), so on Linux we open the cluster's folder and hand it down: the
server is told that its folder is `/proc/self/fd/<n>`, which needs no path that it may walk.
"""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from trueup.domain.errors import DatabaseUnavailableError
from trueup.postgres.embedded_paths import USE_A_SERVER, Binaries, Layout

CANDIDATES = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Account:
    """The user that runs the server; `switched` when it is not ourselves."""

    uid: int
    gid: int
    switched: bool = False

    @classmethod
    def current(cls) -> Account:
        """Ourselves, or as root an existing unprivileged user."""
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid())
        for name in CANDIDATES:
            try:
                entry = pwd.getpwnam(name)
            except KeyError:
                continue
            return cls(entry.pw_uid, entry.pw_gid, switched=True)
        raise DatabaseUnavailableError(
            "Postgres does not run as root, and there is no user 'postgres' or 'nobody'.",
            f"Run Trueup as a plain user. {USE_A_SERVER}",
        )

    def run(
        self, command: Sequence[str], *, keep: Sequence[int] = (), timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run a Postgres program; the file descriptors in `keep` stay open in it."""
        return subprocess.run(  # noqa: S603 - our own programs with our own arguments
            command,
            cwd="/",
            user=self.uid if self.switched else None,
            group=self.gid if self.switched else None,
            extra_groups=[] if self.switched else None,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            umask=0o077,
            pass_fds=keep,
            start_new_session=True,  # Ctrl-C is for us, not for the server
            timeout=timeout,
            check=False,
        )

    def run_on(
        self, folder: Path, command: Callable[[str], Sequence[str]], *, keep: Sequence[int] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run a program on a folder; `command` gets the name that the account knows it by."""
        if not (self.switched and sys.platform == "linux"):
            return self.run(command(str(folder)), keep=keep)
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            return self.run(command(f"/proc/self/fd/{opened}"), keep=[*keep, opened])
        finally:
            os.close(opened)

    def reaches(self, path: Path) -> bool:
        """Whether the account can enter or execute `path`."""
        if not self.switched:
            return os.access(path, os.X_OK)
        return self.run(["/bin/sh", "-c", 'test -x "$0"', str(path)]).returncode == 0

    def own(self, path: Path) -> None:
        """Give the account a folder that we have just made."""
        if self.switched:
            os.chown(path, self.uid, self.gid)


def claim_runtime(layout: Layout, account: Account) -> None:
    """Make the private folder for the socket, or check that the one there is ours.

    Raises `DatabaseUnavailableError` when somebody else has put something in its place.
    """
    folder = layout.runtime
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.geteuid(), account.uid}:
        raise DatabaseUnavailableError(
            f"{folder} belongs to somebody else.", f"Remove {folder}, then try again."
        )
    if account.switched:
        os.chown(folder, account.uid, 0)
        folder.chmod(0o750)  # that user, and root's group
    else:
        folder.chmod(0o700)


def reachable_binaries(binaries: Binaries, layout: Layout, account: Account) -> Binaries:
    """The programs themselves, or a copy where the account can run them.

    The copy has the package folder and its sibling `*.libs` folder: the programs look for their
    libraries by the relative path between the two.
    """
    if account.reaches(Path(binaries.program("initdb"))):
        return binaries
    if binaries.package is None:
        raise DatabaseUnavailableError(
            f"The user that runs Postgres cannot run the programs in {binaries.folder}.",
            f"Move them to a folder that everyone can enter. {USE_A_SERVER}",
        )
    root = layout.home if account.reaches(layout.home) else layout.runtime
    size = Path(binaries.program("postgres")).stat().st_size
    target = root / f"binaries-{size}"
    if not target.exists():
        _copy(binaries.package, target, account)
    return Binaries(target / binaries.folder.relative_to(binaries.package.parent))


def _copy(package: Path, target: Path, account: Account) -> None:
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o755)
    libraries = package.with_name(f"{package.name}.libs")
    for folder in filter(Path.is_dir, (package, libraries)):
        shutil.copytree(folder, partial / folder.name)
    for path in (partial, *partial.rglob("*")):
        os.chown(path, account.uid, account.gid, follow_symlinks=False)
    partial.rename(target)


def _environment() -> dict[str, str]:
    # English messages and the C locale, whatever the terminal says; PG* variables are for clients
    # and would change what pg_ctl does.
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("PG", "LC_"))}
    return kept | {"LC_ALL": "C", "LANG": "C"}
