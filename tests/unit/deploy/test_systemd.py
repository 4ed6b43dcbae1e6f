"""The systemd units: hardened, patient enough, and understood by systemd itself."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from trueup.settings.options import BY_KEY
from trueup.settings.values import duration

FOLDER = Path(__file__).parents[3] / "deploy/systemd"
SERVICES = sorted(FOLDER.glob("*.service"))
UNITS = [*SERVICES, FOLDER / "trueup-run.timer"]
PROGRAM = "/opt/trueup/bin/trueup"
HARDENED = {
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "UMask": "0077",
    "User": "trueup",
    "StateDirectory": "trueup",
    "StateDirectoryMode": "0700",
    "SystemCallFilter": "@system-service",
}


def lines(unit: Path) -> list[tuple[str, str]]:
    """The assignments of a unit, comments and sections left out."""
    kept = [line for line in unit.read_text().splitlines() if re.match(r"[A-Z]\w+=", line)]
    return [(name, value) for name, _, value in (line.partition("=") for line in kept)]


def one(unit: Path, name: str) -> str:
    (found,) = [value for key, value in lines(unit) if key == name]
    return found


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_service_may_touch_its_own_folder_only(unit: Path) -> None:
    assert {name: one(unit, name) for name in HARDENED} == HARDENED


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_service_is_given_time_to_finish_its_request(unit: Path) -> None:
    grace = BY_KEY["worker.grace"].default
    assert float(one(unit, "TimeoutStopSec")) >= grace + 10
    assert one(unit, "KillSignal") == "SIGTERM"
    assert one(unit, "KillMode") == "mixed"


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_secrets_are_in_a_file_and_not_in_the_unit(unit: Path) -> None:
    assert one(unit, "EnvironmentFile") == "/etc/trueup/trueup.env"
    assert not re.search(r"SECRET|TOKEN|PASSWORD|DATABASE_URL=", unit.read_text())


@pytest.mark.parametrize("name", ["trueup.service", "trueup-worker@.service"])
def test_a_service_that_stays_comes_back(name: str) -> None:
    unit = FOLDER / name
    assert one(unit, "Restart") == "on-failure"
    assert one(unit, "StartLimitIntervalSec") == "0"


def test_a_nightly_run_may_be_held_or_find_another_one_and_ends_by_itself() -> None:
    unit = FOLDER / "trueup-run.service"
    assert one(unit, "Type") == "oneshot"
    assert one(unit, "SuccessExitStatus") == "3 75"
    deadline = BY_KEY["run.deadline"].default
    assert duration(one(unit, "TimeoutStartSec")) > deadline


def test_the_timer_says_the_same_as_the_default_schedule() -> None:
    timer = FOLDER / "trueup-run.timer"
    assert BY_KEY["schedule.cron"].default == "0 2 * * *"
    zone = BY_KEY["schedule.timezone"].default
    assert one(timer, "OnCalendar") == f"*-*-* 02:00:00 {zone}"
    assert one(timer, "Persistent") == "true"


def test_every_command_of_a_unit_exists() -> None:
    started = [value for unit in SERVICES for key, value in lines(unit) if key.startswith("Exec")]
    assert sorted(set(started)) == [
        f"{PROGRAM} {words}" for words in ("db upgrade", "run", "serve", "worker")
    ]


def analyze(*arguments: str, cwd: Path) -> str:
    """What systemd says, of either kind."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed")
    done = subprocess.run(
        ["systemd-analyze", *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    """A misspelt name is only a warning there, so nothing at all may be said."""
    for unit in UNITS:
        (tmp_path / unit.name).write_text(unit.read_text().replace(PROGRAM, "/bin/true"))
    names = [f"./{unit.name}".replace("@.", "@1.") for unit in UNITS]
    assert analyze("verify", "--man=no", *names, cwd=tmp_path) == ""
    wrong = (tmp_path / "trueup.service").read_text().replace("ProtectHome", "ProtectHouse")
    (tmp_path / "trueup.service").write_text(wrong)
    assert "ProtectHouse" in analyze("verify", "--man=no", "./trueup.service", cwd=tmp_path)


def test_systemd_reads_the_zone_of_the_timer(tmp_path: Path) -> None:
    when = one(FOLDER / "trueup-run.timer", "OnCalendar")
    base = "--base-time=2026-03-01 12:00 UTC"
    said = analyze("calendar", base, when, cwd=tmp_path)
    assert "2026-03-02 00:00:00 UTC" in said


def test_the_command_for_people_has_what_the_service_has() -> None:
    script = (FOLDER / "trueup-command").read_text()
    unit = FOLDER / "trueup.service"
    for name in ("User", "Group", "StateDirectory", "EnvironmentFile", "WorkingDirectory"):
        assert f"--property={name}={one(unit, name)}" in script
    assert f'{PROGRAM} "$@"' in script
    assert (FOLDER / "trueup-command").stat().st_mode & 0o111
