"""`trueup emulator`: a child that becomes the emulator, and values that it refuses."""

from __future__ import annotations

import json
import signal
import socket
from pathlib import Path

import httpx2
import pytest

from support.program import program, run_cli, run_program


def test_it_serves_and_stops_cleanly() -> None:
    """The variables come first; Ctrl-C ends it with 0."""
    with program("emulator", "--port", "0", "--seed", "7", "--json") as process:
        assert process.stdout is not None
        found = json.loads(process.stdout.readline())
        assert set(found) >= {"ZOHO_ACCOUNTS_URL", "ZOHO_API_URL", "ZOHO_REFRESH_TOKEN"}
        answer = httpx2.get(f"{found['ZOHO_API_URL']}/oauth/serverinfo")
        assert answer.json()["result"] == "success"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 0, errors


def test_it_passes_everything_on(tmp_path: Path) -> None:
    """Options, faults and time scale reach the child; plain output can be sourced by a shell."""
    options, faults = tmp_path / "options.json", tmp_path / "faults.json"
    options.write_text('{"region": "EU"}')
    faults.write_text('[{"match": {"service": "oauth"}, "do": "error_html", "status": 503}]')
    arguments = ("--options", str(options), "--faults", str(faults), "--time-scale", "60")
    with program("emulator", "--port", "0", *arguments) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().strip() for _ in range(8)]
        found = dict(line.removeprefix("export ").split("=", 1) for line in lines)
        assert found["ZOHO_REGION"] == "'EU'"
        assert found["TRUEUP_RATE_WINDOW"] == "'1'"
        url = found["ZOHO_ACCOUNTS_URL"].strip("'")
        assert httpx2.post(f"{url}/oauth/v2/token").status_code == 503
        process.terminate()
        process.communicate(timeout=20)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--port", "x"), "--port"),
        (("--port", "65536"), "must be from 0 to 65535"),
        (("--port", "-1"), "--port"),
        (("--seed", "1.5"), "--seed"),
        (("--time-scale", "0"), "must be above 0"),
        (("--time-scale", "nan"), "must be above 0"),
        (("--faults", "nowhere.json"), "there is no such file"),
        (("--options", "nowhere.json"), "there is no such file"),
        (("--prot", "1"), "--prot"),
    ],
)
def test_a_wrong_value_is_refused(arguments: tuple[str, ...], said: str) -> None:
    result = run_cli("emulator", *arguments)
    assert result.code == 2
    assert said in result.stderr


@pytest.mark.parametrize(
    ("option", "content", "said"),
    [
        ("--faults", "[{", "is not JSON"),
        ("--faults", '[{"do": "rain"}]', "rain"),
        ("--options", '{"regoin": "EU"}', "regoin"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, option: str, content: str, said: str) -> None:
    """By the emulator itself, which knows what belongs into it."""
    file = tmp_path / "wrong.json"
    file.write_text(content)
    result = run_program("emulator", "--port", "0", option, str(file))
    assert result.code == 2
    assert said in result.stderr


def test_a_port_in_use_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = run_program("emulator", "--port", port)
    assert result.code == 2
    assert f"cannot listen on 127.0.0.1:{port}: it is in use; try --port 0" in result.stderr


def test_a_folder_of_the_same_name_does_not_stand_in_for_it(tmp_path: Path) -> None:
    (tmp_path / "zoho_emulator.py").write_text("raise SystemExit(7)")
    with program("emulator", "--port", "0", "--json", cwd=tmp_path) as process:
        assert process.stdout is not None
        assert "ZOHO_API_URL" in process.stdout.readline()


def test_help_has_an_example() -> None:
    assert "trueup emulator" in run_cli("emulator", "--help").stdout.partition("For example:")[2]
