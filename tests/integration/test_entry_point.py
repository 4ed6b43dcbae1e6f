"""The program as a container runs it: not as root, and nothing to write but two folders."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.agreement import some_rows
from support.program import SOURCE, Result, command, environment
from support.site import Site, open_site
from trueup.postgres.embedded_account import Account

# Everything that is mounted becomes read-only, but for the two folders, for this process alone.
_READ_ONLY = """
mount --make-rprivate /
for folder in "$1" "$2"; do mount --bind "$folder" "$folder"; done
while read -r _ place _; do
  case "$place" in
    "$1"|"$2"|/proc|/proc/*|/sys|/sys/*|/dev|/dev/*) ;;
    *) mount -o remount,bind,ro "$place" ;;
  esac
done < /proc/self/mounts
shift 2
exec "$@"
"""
# It may read everything, since the interpreter may lie below root's home, but write nothing more.
_PLAIN = ["--clear-groups", "--no-new-privs", "--inh-caps=-all,+dac_read_search"]
_PLAIN += ["--ambient-caps=-all,+dac_read_search", "--bounding-set=-all,+dac_read_search"]


@dataclass
class Container:
    """A working directory that cannot be written, a data directory and a TMPDIR that can."""

    site: Site
    account: Account
    work: Path
    data: Path
    scratch: Path

    def run(self, *words: str) -> Result:
        """A command of any kind, as the plain user."""
        env = environment(self.site.env, self.work)
        env |= {"TRUEUP_DATA_DIR": str(self.data), "TMPDIR": str(self.scratch)}
        env |= {"PYTHONDONTWRITEBYTECODE": "1", "HOME": str(self.data)}
        del env["TRUEUP_SECRET_KEY"]
        who = [f"--reuid={self.account.uid}", f"--regid={self.account.gid}"]
        closed = ["unshare", "--mount", "sh", "-euc", _READ_ONLY, "sh"]
        closed += [str(self.data), str(self.scratch), "setpriv", *who, *_PLAIN, *words]
        done = subprocess.run(
            closed, cwd=self.work, env=env, capture_output=True, text=True, check=False, timeout=60
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def trueup(self, *arguments: str) -> Result:
        """A command of the program."""
        return self.run(*command(*arguments))

    def left_behind(self) -> list[str]:
        """What lies in the two folders."""
        folders = (self.data, self.scratch)
        return sorted(path.name for folder in folders for path in folder.rglob("*"))


@pytest.fixture
def container(empty_database_url: str, tmp_path: Path) -> Iterator[Container]:
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    tools = all(map(shutil.which, ("unshare", "setpriv", "mount")))
    if not tools or subprocess.run(["unshare", "--mount", "true"], check=False).returncode:
        pytest.skip("this machine lets nobody have mounts of their own")
    account = Account.current()  # the database's socket is that user's own
    folders = [tmp_path / name for name in ("work", "data", "scratch")]
    for folder in folders:
        folder.mkdir()
    for folder in folders[1:]:
        os.chown(folder, account.uid, account.gid)
    with open_site(empty_database_url) as site:
        yield Container(site, account, *folders)


def test_the_place_is_as_closed_as_it_says(container: Container) -> None:
    probe = "import os, sys; os.geteuid() or sys.exit(9); open(sys.argv[1], 'w')"
    python = [sys.executable, "-c", probe]
    for folder in (container.work, SOURCE / "trueup", Path("/var/tmp")):  # noqa: S108 (anybody's)
        refused = container.run(*python, str(folder / "made-by-a-test"))
        assert refused.code == 1, str(refused)
        assert "Read-only file system" in refused.stderr
    for folder in (container.data, container.scratch):
        assert container.run(*python, str(folder / "made-by-a-test")).code == 0


def test_the_nightly_job_runs_there(container: Container) -> None:
    """From an empty database to agreement; the key is made where it may be, and nothing else."""
    assert container.trueup("--version").code == 0
    upgraded = container.trueup("db", "upgrade", "--json")
    assert upgraded.code == 0, str(upgraded)
    container.site.fill(some_rows(3))
    os.chown(container.data, 0, 0)  # a volume that was mounted with the wrong owner
    refused = container.trueup("run", "--json")
    assert refused.code == 2, str(refused)
    assert "secret.key cannot be read or made: Permission denied" in refused.document["error"]
    assert "TRUEUP_SECRET_KEY" in refused.document["remedy"]
    os.chown(container.data, container.account.uid, container.account.gid)
    ran = container.trueup("run", "--json")
    assert (ran.code, ran.document["state"]) == (0, "succeeded"), str(ran)
    assert ran.document["summary"]["crmSucceeded"] == 3
    plan = container.trueup("plan", "--json")
    assert (plan.code, plan.document["changes"]) == (0, []), str(plan)
    assert container.left_behind() == ["secret.key"]
    key = container.data / "secret.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert key.stat().st_uid == container.account.uid
