"""Scripted weather: which request is hit, whether it was carried out, what the client sees."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from support.emulator import Caller, EmulatorTransport
from zoho_emulator.app import Emulator
from zoho_emulator.clock import ManualClock
from zoho_emulator.faults import FaultScriptError, parse_script
from zoho_emulator.options import LimitOptions, Options
from zoho_emulator.wire import Reply

PATH = "/billing/v1/products"


def an_emulator(seed: int = 1) -> Caller:
    options = Options(seed=seed, limits=LimitOptions.unlimited())
    return Caller(Emulator(options, ManualClock()))


def meet(do: str, service: str = "billing", **more: Any) -> tuple[Caller, Reply]:
    """A product is created while one fault waits for it."""
    caller = an_emulator()
    caller.emulator.add_faults([{"match": {"service": service}, "do": do, **more}])
    reply = caller.emulator.handle(caller.request("POST", PATH, {"name": "Fibre"}))
    return caller, reply


def stored(caller: Caller) -> int:
    return len(caller.emulator.records("billing", "products"))


@pytest.mark.parametrize(
    ("do", "status", "cut", "carried_out"),
    [
        ("refuse", 400, "", 0),
        ("throttle", 429, "", 0),
        ("error_html", 502, "", 0),
        ("server_error", 500, "", 0),
        ("reset_before", 500, "reset", 0),
        ("reset_after", 201, "reset", 1),
        ("hang", 201, "hang", 1),
        ("truncate", 201, "truncate", 1),
        ("empty_204", 204, "", 1),
        ("html_200", 200, "", 0),
        ("expire_token", 401, "", 0),
        ("partial", 201, "", 1),
    ],
)
def test_each_fault(do: str, status: int, cut: str, carried_out: int) -> None:
    """Each kind of fault has its own answer, and says whether the request took effect."""
    caller, reply = meet(do, service="" if do == "partial" else "billing")
    assert (reply.response.status, reply.cut, stored(caller)) == (status, cut, carried_out)
    assert caller.emulator.journal()[-1]["fault"] == do


def test_slow_delays_by_emulated_seconds() -> None:
    caller, reply = meet("slow", seconds=7)
    assert (reply.delay, reply.cut, stored(caller)) == (7, "", 1)


def test_a_script_may_say_that_a_lost_request_was_not_carried_out() -> None:
    assert stored(meet("hang", carried_out=False)[0]) == 0
    assert stored(meet("server_error", carried_out=True)[0]) == 1


def test_status_code_and_retry_after_of_a_fault_can_be_chosen() -> None:
    assert meet("server_error", status=503)[1].response.status == 503
    assert json.loads(meet("refuse", code=1000)[1].response.body)["code"] == 1000
    assert meet("throttle", retry_after=5)[1].response.headers["retry-after"] == "5"


@pytest.mark.parametrize(
    ("more", "status", "error"),
    [({}, 200, "invalid_code"), ({"status": 400}, 400, "Access Denied")],
)
def test_the_token_endpoint_refuses_in_both_forms(
    more: dict[str, int], status: int, error: str
) -> None:
    caller = an_emulator()
    caller.emulator.add_faults([{"match": {"service": "oauth"}, "do": "refuse", **more}])
    assert caller.refresh()["error"] == error
    assert caller.emulator.journal()[-1]["status"] == status


def test_partial_fails_every_second_record_of_a_crm_batch() -> None:
    caller = an_emulator()
    caller.emulator.add_faults([{"match": {"service": "crm"}, "do": "partial"}])
    records = [{"Product_Name": f"Fibre {number}"} for number in range(4)]
    status, body = caller("POST", "/crm/v8/Products", {"data": records})
    assert status == 207
    assert [row["status"] for row in body["data"]] == ["success", "error"] * 2
    caller.emulator.clear_faults()
    assert caller("POST", "/crm/v8/Products", {"data": records})[0] == 201


@pytest.mark.parametrize(
    ("match", "hit"),
    [
        ({"nth": 3}, [3]),
        ({"every": 2}, [2, 4, 6]),
        ({"after": 4}, [5, 6]),
        ({"after": 1, "times": 2}, [2, 3]),
        ({"method": "post"}, []),
        ({"path": "/billing/v1/pro*"}, [1, 2, 3, 4, 5, 6]),
        ({"path": "/crm/*"}, []),
        ({"probability": 0}, []),
        ({"probability": 1, "times": 1}, [1]),
    ],
)
def test_which_requests_are_hit(match: dict[str, Any], hit: list[int]) -> None:
    caller = an_emulator()
    caller.emulator.add_faults([{"match": match, "do": "server_error"}])
    statuses = [caller("GET", PATH)[0] for _ in range(6)]
    assert [number for number, status in enumerate(statuses, 1) if status == 500] == hit


def test_the_first_rule_wins_and_the_others_still_count() -> None:
    caller = an_emulator()
    rules = [
        {"match": {"nth": 1}, "do": "server_error"},
        {"match": {"nth": 2}, "do": "throttle"},
    ]
    caller.emulator.add_faults(rules)
    assert [caller("GET", PATH)[0] for _ in range(3)] == [500, 429, 200]
    assert [rule["fired"] for rule in caller.emulator.state()["faults"]] == [1, 1]


def test_chance_follows_the_seed() -> None:
    """One seed is one sequence of weather; another seed another."""

    def weather(seed: int) -> list[int]:
        caller = an_emulator(seed)
        rule = {"match": {"service": "billing", "probability": 0.5}, "do": "server_error"}
        caller.emulator.add_faults([rule])
        return [caller("GET", PATH)[0] for _ in range(40)]

    assert weather(1) == weather(1)
    assert weather(1) != weather(2)
    assert set(weather(1)) == {200, 500}


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ({}, "JSON list"),
        (["slow"], "entry 0: a rule is a JSON object"),
        ([{"do": "slow", "seconds": 1}, {"do": "explode"}], "entry 1: .*`.*do`.*reset_after"),
        ([{"match": {}}], "entry 0: .*`do`"),
        ([{"do": "slow"}], "entry 0: seconds"),
        ([{"do": "slow", "seconds": -1}], "entry 0: seconds"),
        ([{"do": "hang", "match": {"nth": 0}}], "entry 0: match.nth"),
        ([{"do": "hang", "match": {"nth": "x"}}], r"entry 0: .*match\.nth"),
        ([{"do": "hang", "match": {"every": 0}}], "entry 0: match.every"),
        ([{"do": "hang", "match": {"probability": 2}}], "entry 0: match.probability"),
        ([{"do": "hang", "match": {"verb": "GET"}}], "entry 0: .*verb"),
        ([{"do": "partial", "match": {"service": "billing"}}], "entry 0: match.service"),
    ],
)
def test_a_bad_script_is_refused_by_entry_and_field(script: object, complaint: str) -> None:
    with pytest.raises(FaultScriptError, match=complaint):
        parse_script(script)


@pytest.mark.parametrize(
    ("do", "raised"),
    [
        ("reset_after", httpx2.ReadError),
        ("hang", httpx2.ReadTimeout),
        ("truncate", httpx2.RemoteProtocolError),
    ],
)
def test_the_transport_turns_weather_into_exceptions(do: str, raised: type[Exception]) -> None:
    caller = an_emulator()
    caller.emulator.add_faults([{"match": {"service": "billing"}, "do": do}])
    transport = EmulatorTransport(caller.emulator)
    headers = {"authorization": f"Zoho-oauthtoken {caller.token}"}
    with httpx2.Client(transport=transport, base_url="http://zoho.example") as client:
        with pytest.raises(raised):
            client.get(PATH, headers=headers)
        caller.emulator.clear_faults()
        assert client.get(PATH, headers=headers).json()["code"] == 0


def test_the_transport_waits_or_runs_out_of_patience() -> None:
    caller = an_emulator()
    clock = caller.emulator.clock
    caller.emulator.add_faults([{"match": {"service": "billing"}, "do": "slow", "seconds": 4}])
    transport = EmulatorTransport(caller.emulator, sleep=clock.advance)
    headers = {"authorization": f"Zoho-oauthtoken {caller.token}"}
    with httpx2.Client(transport=transport, base_url="http://zoho.example", timeout=5) as client:
        client.get(PATH, headers=headers)
        assert clock.monotonic() == 4
        with pytest.raises(httpx2.ReadTimeout):
            client.get(PATH, headers=headers, timeout=1)
        assert clock.monotonic() == 5


@pytest.mark.parametrize(
    ("service", "path", "code", "status", "message"),
    [
        ("crm", "/crm/v8/org", "NO_PERMISSION", 403, "permission denied"),
        ("crm", "/crm/v8/org", "AUTHENTICATION_FAILURE", 401, "Authentication failed"),
        ("crm", "/crm/v8/org", "RECORD_LOCKED", 400, "invalid data"),
        ("billing", PATH, 14, 401, "Invalid value passed for authtoken."),
        ("billing", PATH, 3004, 400, "Invalid value passed."),
    ],
)
def test_a_refusal_has_the_words_of_its_code(
    service: str, path: str, code: str | int, status: int, message: str
) -> None:
    caller = an_emulator()
    rule = {"match": {"service": service}, "do": "refuse", "code": code}
    caller.emulator.add_faults([rule])
    told, document = caller("GET", path)
    assert (told, document["code"], document["message"]) == (status, code, message)


def test_a_script_may_dictate_an_answer() -> None:
    body = {"data": [{"code": "RECORD_LOCKED", "details": {}, "message": "", "status": "error"}]}
    rule = {"do": "refuse", "status": 207, "retry_after": 7, "body": body}
    caller = an_emulator()
    caller.emulator.add_faults([rule])
    reply = caller.emulator.handle(caller.request("PUT", "/crm/v8/Products", {})).response
    assert (reply.status, json.loads(reply.body)) == (207, body)
    assert reply.headers["retry-after"] == "7"
    with pytest.raises(FaultScriptError, match="body is for the fault refuse alone"):
        parse_script([rule | {"do": "slow", "seconds": 1}])
