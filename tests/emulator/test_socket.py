"""The emulator in a process of its own, over real connections."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import httpx2
import pytest

from support.emulator import SOURCE, emulator_process
from zoho_emulator.options import LimitOptions, Options

PATH = "/billing/v1/products"
UNLIMITED = {name: None for name in LimitOptions.__slots__ if name != "retry_after"}


class Account(httpx2.Client):
    """A client with a token, pointed at a served emulator."""

    def __init__(self, variables: dict[str, str]) -> None:
        super().__init__(base_url=variables["ZOHO_API_URL"], timeout=5)
        self.variables = variables
        self.answer: dict[str, Any] = {}

    def __enter__(self) -> Self:
        super().__enter__()
        form = {
            "grant_type": "refresh_token",
            "client_id": self.variables["ZOHO_CLIENT_ID"],
            "client_secret": self.variables["ZOHO_CLIENT_SECRET"],
            "refresh_token": self.variables["ZOHO_REFRESH_TOKEN"],
        }
        self.answer = self.post("/oauth/v2/token", data=form).json()
        self.headers["authorization"] = f"Zoho-oauthtoken {self.answer['access_token']}"
        return self

    def weather(self, do: str, **more: Any) -> None:
        self.request("DELETE", "/_emulator/faults")
        rule = {"match": {"service": "billing"}, "do": do, **more}
        assert self.post("/_emulator/faults", json=[rule]).json() == {"ok": True}

    def names(self) -> list[str]:
        return [row["name"] for row in self.get("/_emulator/records/billing/products").json()]


@pytest.fixture(scope="module")
def variables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    folder = tmp_path_factory.mktemp("emulator")
    with emulator_process(options={"limits": UNLIMITED}, folder=folder) as found:
        yield found


@pytest.fixture
def account(variables: dict[str, str]) -> Iterator[Account]:
    httpx2.post(f"{variables['ZOHO_API_URL']}/_emulator/reset")
    with Account(variables) as found:
        yield found


def test_a_served_emulator_names_itself_as_api_domain(
    account: Account, variables: dict[str, str]
) -> None:
    assert account.answer["api_domain"] == variables["ZOHO_API_URL"]
    assert account.answer["expires_in"] == 3600
    assert account.post(PATH, json={"name": "Fibre"}).status_code == 201
    assert account.names() == ["Fibre"]


def test_a_crm_answer_without_a_body_is_a_true_204(account: Account) -> None:
    answer = account.get("/crm/v8/Products", params={"fields": "id"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert "content-length" not in answer.headers


def test_an_encoded_slash_reaches_the_emulator_as_it_was_sent(account: Account) -> None:
    fields = {"plan_code": "A/B", "name": "Odd", "recurring_price": 1.0, "interval": 1}
    add = {"service": "billing", "resource": "plans", "fields": fields}
    account.post("/_emulator/add", json=add)
    assert account.get("/billing/v1/plans/A%2FB").json()["plan"]["plan_code"] == "A/B"


@pytest.mark.parametrize(("do", "stored"), [("reset_before", []), ("reset_after", ["Fibre"])])
def test_a_reset_is_a_real_one(account: Account, do: str, stored: list[str]) -> None:
    """The peer sends RST: reading fails with ECONNRESET, not with an orderly end."""
    account.weather(do)
    with pytest.raises(httpx2.ReadError) as caught:
        account.post(PATH, json={"name": "Fibre"})
    root: BaseException = caught.value
    while root.__cause__ or root.__context__:
        root = root.__cause__ or root.__context__ or root
    assert isinstance(root, ConnectionResetError)
    assert account.names() == stored


def test_a_truncated_answer_cannot_be_taken_for_a_whole_one(account: Account) -> None:
    account.weather("truncate")
    with pytest.raises(httpx2.RemoteProtocolError):
        account.post(PATH, json={"name": "Fibre"})
    assert account.names() == ["Fibre"]


def test_a_hanging_request_is_in_flight_until_the_client_leaves(account: Account) -> None:
    account.weather("hang")
    with pytest.raises(httpx2.ReadTimeout):
        account.get(PATH, timeout=0.2)
    account.request("DELETE", "/_emulator/faults")
    assert account.get(PATH).status_code == 200
    assert account.get("/_emulator/state").json()["most_in_flight"] == 1


def test_concurrency_is_limited_over_connections(tmp_path: Path) -> None:
    limits = UNLIMITED | {"concurrency": 1}
    with (
        emulator_process(options={"limits": limits}, folder=tmp_path) as found,
        Account(found) as account,
    ):
        rule = {"match": {"service": "billing", "nth": 1}, "do": "hang"}
        account.post("/_emulator/faults", json=[rule])
        first = threading.Thread(target=_leave_soon, args=(found, account.headers))
        first.start()
        while account.get("/_emulator/state").json()["requests"]["by_service"].get("billing") != 1:
            time.sleep(0.01)
        assert account.get(PATH).json()["code"] == 1070
        first.join()
        while account.get(PATH).status_code == 429:
            time.sleep(0.01)


def _leave_soon(variables: dict[str, str], headers: httpx2.Headers) -> None:
    with pytest.raises(httpx2.ReadTimeout):
        httpx2.get(variables["ZOHO_API_URL"] + PATH, headers=headers, timeout=0.5)


def test_a_slow_answer_takes_its_scaled_time(tmp_path: Path) -> None:
    """A second at scale 10 is a tenth of one, and a minute's window is six seconds."""
    faults = [{"match": {"service": "billing"}, "do": "slow", "seconds": 3}]
    with emulator_process(time_scale=10, faults=faults, folder=tmp_path) as found:
        assert found["TRUEUP_RATE_WINDOW"] == "6"
        with Account(found) as account:
            assert account.answer["expires_in"] == 360
            began = time.monotonic()
            assert account.get(PATH).status_code == 200
            assert 0.25 < time.monotonic() - began < 3


@contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "zoho_emulator", *arguments]
    with subprocess.Popen(
        command, cwd=SOURCE, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_soon_although_a_request_hangs(stop: signal.Signals) -> None:
    with started("--port", "0", "--json") as process:
        assert process.stdout is not None
        found = json.loads(process.stdout.readline())
        with Account(found) as account:
            account.weather("hang")
            waiting = threading.Thread(target=_expect_disconnection, args=(found, account.headers))
            waiting.start()
            while account.get("/_emulator/state").json()["requests"]["total"] != 2:
                time.sleep(0.01)
            began = time.monotonic()
            os.kill(process.pid, stop)
            assert process.wait(timeout=5) == 0
            assert time.monotonic() - began < 2
            waiting.join()


def _expect_disconnection(variables: dict[str, str], headers: httpx2.Headers) -> None:
    with pytest.raises(httpx2.TransportError):
        httpx2.get(variables["ZOHO_API_URL"] + PATH, headers=headers, timeout=10)


def test_weather_leaves_stderr_quiet() -> None:
    """What a fault does on purpose is no error of the emulator."""
    with started("--port", "0", "--json") as process:
        assert process.stdout is not None
        with Account(json.loads(process.stdout.readline())) as account:
            for do in ("reset_after", "reset_before", "truncate", "hang", "slow", "empty_204"):
                account.weather(do, seconds=5 if do == "slow" else 0)
                with contextlib.suppress(httpx2.TransportError):
                    account.get(PATH, timeout=0.2)
        process.terminate()
        _, said = process.communicate(timeout=5)
    assert [line for line in said.splitlines() if "state at" not in line] == []


def test_it_prints_exports_for_a_shell() -> None:
    with started("--port", "0") as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(7)]
        assert lines[0].startswith("export ZOHO_ACCOUNTS_URL='http://127.0.0.1:")
        assert lines[5] == f"export ZOHO_ORG_ID='{Options().org_id}'\n"


def test_a_state_file_carries_records_over_a_restart(tmp_path: Path) -> None:
    state = str(tmp_path / "state.json")
    names = []
    for name in ("First", "Second"):
        with started("--port", "0", "--json", "--state", state) as process:
            assert process.stdout is not None
            with Account(json.loads(process.stdout.readline())) as account:
                account.post(PATH, json={"name": name})
                names = account.names()
            process.terminate()
            assert process.wait(timeout=5) == 0
    assert names == ["First", "Second"]


def test_a_port_in_use_is_said_clearly() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        with started("--port", port) as process:
            _, complaint = process.communicate(timeout=20)
    assert process.returncode == 2
    assert f"127.0.0.1:{port}: it is in use" in complaint


@pytest.mark.parametrize(
    ("flag", "content", "complaint"),
    [
        ("--faults", '[{"do": "explode"}]', "entry 0"),
        ("--faults", "{", "is not JSON"),
        ("--options", '{"colour": 1}', "colour is not an option"),
        ("--options", None, "cannot read"),
        ("--options", "[]", "a JSON object is wanted"),
        ("--options", '{"region": "XX"}', "region is one of"),
        ("--options", '{"time_zone": "Mars/Base"}', "no zone Mars/Base"),
        ("--options", '{"latency": -1}', "0 or more"),
        (
            "--options",
            '{"crm": {"field_overrides": {"Product_Code": {"size": 1}}}}',
            "field override for Product_Code: size is no attribute",
        ),
        ("--state", '{"version": 1}', "the state cannot be read"),
        ("--state", "[]", "a state is a JSON object"),
    ],
)
def test_bad_files_are_refused_with_exit_code_2(
    tmp_path: Path, flag: str, content: str | None, complaint: str
) -> None:
    file = tmp_path / "file.json"
    if content is not None:
        file.write_text(content)
    with started("--port", "0", flag, str(file)) as process:
        _, said = process.communicate(timeout=20)
    assert process.returncode == 2
    assert complaint in said
    assert "Traceback" not in said


def test_a_state_that_cannot_be_written_is_refused_at_the_start(tmp_path: Path) -> None:
    with started("--port", "0", "--state", str(tmp_path / "none" / "state.json")) as process:
        _, said = process.communicate(timeout=20)
    assert process.returncode == 2
    assert "there is no such folder" in said


def test_a_state_that_is_lost_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    with started("--port", "0", "--state", str(folder / "state.json")) as process:
        assert process.stdout is not None
        process.stdout.readline()
        folder.rmdir()
        process.terminate()
        _, said = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "the state is lost" in said
    assert "Traceback" not in said
