"""Windows, budgets and requests at once (zoho-facts §2.13, §3.8)."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.emulator import Caller
from zoho_emulator.app import Emulator
from zoho_emulator.clock import ManualClock, ScaledClock
from zoho_emulator.ids import Ids
from zoho_emulator.limits import SlidingWindow
from zoho_emulator.options import LimitOptions, Options, OptionsError
from zoho_emulator.scopes import allows


def an_emulator(**limits: object) -> tuple[Caller, ManualClock]:
    clock = ManualClock()
    emulator = Emulator(Options(limits=LimitOptions(**limits)), clock)
    return Caller(emulator), clock


def products(caller: Caller, times: int = 1) -> list[int]:
    return [caller("GET", "/billing/v1/products")[0] for _ in range(times)]


def test_the_total_spans_services_and_counts_token_requests() -> None:
    caller, _ = an_emulator(total_per_minute=5)
    assert products(caller, 2) == [200, 200]
    assert caller("GET", "/crm/v8/org")[0] == 200
    assert products(caller, 2) == [200, 429]
    assert caller("GET", "/crm/v8/org")[1]["code"] == "TOO_MANY_REQUESTS"


def test_token_requests_are_never_refused_by_the_total() -> None:
    caller, _ = an_emulator(total_per_minute=1)
    assert "access_token" in caller.refresh()


def test_billing_says_44_by_the_minute_and_45_by_the_day() -> None:
    caller, clock = an_emulator(billing_per_minute=2, billing_per_day=4)
    assert products(caller, 2) == [200, 200]
    assert caller("GET", "/billing/v1/products")[1]["code"] == 44
    clock.advance(60)
    assert products(caller) == [200]
    assert caller("GET", "/billing/v1/products")[1]["code"] == 45
    clock.advance(86_400)
    caller.token = caller.refresh()["access_token"]
    assert products(caller) == [200]


def test_a_refused_request_counts_too() -> None:
    caller, clock = an_emulator(billing_per_minute=2)
    assert products(caller, 3) == [200, 200, 429]
    clock.advance(59)
    assert products(caller) == [429]
    clock.advance(1)
    # Only the refused request of the last second is still in the window.
    assert products(caller, 2) == [200, 429]


def test_no_retry_after_unless_switched_on() -> None:
    for switched_on, expected in ((False, None), (True, "60")):
        caller, _ = an_emulator(billing_per_minute=1, retry_after=switched_on)
        products(caller)
        reply = caller.emulator.handle(caller.request("GET", "/billing/v1/products"))
        assert reply.response.headers.get("retry-after") == expected


def test_requests_in_flight_are_limited_by_service() -> None:
    caller, _ = an_emulator(concurrency=2)
    emulator = caller.emulator
    request = caller.request("GET", "/billing/v1/products")
    tickets = [emulator.begin(request) for _ in range(3)]
    assert [ticket.reply.response.status for ticket in tickets] == [200, 200, 429]
    assert b"1070" in tickets[2].reply.response.body
    assert caller("GET", "/crm/v8/org")[0] == 200
    for ticket in tickets:
        emulator.finish(ticket)
    assert products(caller) == [200]
    assert emulator.state()["most_in_flight"] == 4


def test_a_broken_handler_does_not_stay_in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    caller, _ = an_emulator(concurrency=1)
    monkeypatch.setattr(caller.emulator.world.billing, "all", None)
    with pytest.raises(TypeError):
        caller("GET", "/billing/v1/products")
    assert caller("GET", "/billing/v1/settings/taxes")[0] == 200


def test_heavy_crm_calls_have_a_smaller_limit_of_their_own() -> None:
    caller, _ = an_emulator(crm_sub_concurrency=1)
    query = {"select_query": "select id from Products where Product_Code = 'A'"}
    request = caller.request("POST", "/crm/v8/coql", query)
    tickets = [caller.emulator.begin(request) for _ in range(2)]
    assert [ticket.reply.response.status for ticket in tickets] == [204, 429]


def test_crm_writes_cost_a_credit_per_ten_records() -> None:
    caller, _ = an_emulator()
    records = [{"Product_Name": f"Fibre {number}"} for number in range(25)]
    assert caller("POST", "/crm/v8/Products", {"data": records})[0] == 201
    assert caller.emulator.state()["used_today"]["crm"] == 3


def test_crm_tells_its_credits_once_half_are_used() -> None:
    caller, _ = an_emulator(crm_credits_per_day=4)
    request = caller.request("GET", "/crm/v8/org")
    replies = [caller.emulator.handle(request).response for _ in range(5)]
    left = [reply.headers.get("x-api-credits-remaining") for reply in replies]
    assert left == [None, "2", "1", "0", "0"]
    assert [reply.status for reply in replies] == [200, 200, 200, 200, 429]


def test_the_largest_window_is_remembered() -> None:
    caller, clock = an_emulator()
    products(caller, 7)
    clock.advance(30)
    products(caller, 5)
    clock.advance(40)
    products(caller, 1)
    windows = caller.emulator.state()["largest_windows"]
    assert windows == {"total": 13, "oauth": 1, "crm": 0, "billing": 12}


@given(
    st.lists(st.floats(0, 30, allow_nan=False), max_size=60),
    st.integers(1, 20),
)
def test_a_window_never_admits_more_than_its_limit(gaps: list[float], limit: int) -> None:
    """Whatever the arrivals, no minute holds more admitted requests than the limit."""
    window, at, admitted = SlidingWindow(60, limit), 0.0, []
    arrivals = []
    for gap in gaps:
        at += gap
        arrivals.append(at)
        if window.arrive(at):
            admitted.append(at)
    assert all(sum(end - 60 < x <= end for x in admitted) <= limit for end in admitted)
    most = max((sum(end - 60 < x <= end for x in arrivals) for end in arrivals), default=0)
    assert window.most == most


def test_free_in_says_when_the_next_one_passes() -> None:
    window = SlidingWindow(60, 2)
    window.arrive(0)
    window.arrive(10)
    assert math.isclose(window.free_in(20), 40)
    assert window.arrive(60)


@given(st.integers(0, 1000))
def test_ids_are_unique_large_and_the_same_for_a_seed(seed: int) -> None:
    source, again = Ids(seed), Ids(seed)
    drawn = [source.next() for _ in range(200)]
    assert drawn == [again.next() for _ in range(200)]
    assert len(set(drawn)) == 200
    assert all(len(text) == 19 and 2**53 < int(text) < 2**63 for text in drawn)
    assert sorted(drawn) != drawn


def test_a_scaled_clock_makes_a_minute_last_a_second() -> None:
    wall = [100.0]
    clock = ScaledClock(60, monotonic=lambda: wall[0])
    wall[0] += 1
    assert clock.monotonic() == 60
    assert clock.wall(60) == 1
    with pytest.raises(ValueError, match="above 0"):
        ScaledClock(0)


@pytest.mark.parametrize(
    ("held", "wanted", "expected"),
    [
        ("ZohoCRM.modules.ALL", "ZohoCRM.modules.Products.READ", True),
        ("ZohoCRM.modules.READ", "ZohoCRM.modules.products.CREATE", False),
        ("ZohoCRM.modules.products.WRITE", "ZohoCRM.modules.products.CREATE", True),
        ("ZohoCRM.modules.products.WRITE", "ZohoCRM.modules.products.DELETE", False),
        ("ZohoSubscriptions.fullaccess.all", "ZohoSubscriptions.items.DELETE", True),
        ("ZohoSubscriptions.fullaccess.all", "ZohoCRM.org.READ", False),
        (
            "ZohoCRM.modules.ALL",
            "ZohoCRM.modules.products.READ,ZohoSearch.securesearch.READ",
            False,
        ),
    ],
)
def test_scopes(held: str, wanted: str, expected: bool) -> None:
    assert allows([held], [wanted]) is expected


def test_options_come_from_json_and_misspellings_are_named() -> None:
    options = Options.from_json({"seed": 7, "limits": {"total_per_minute": None}})
    assert (options.seed, options.limits.total_per_minute) == (7, None)
    with pytest.raises(OptionsError, match=r"\$\.limits\.per_minute"):
        Options.from_json({"limits": {"per_minute": 3}})
    with pytest.raises(OptionsError, match="time_scale"):
        Options.from_json({"time_scale": "fast"})
    crm = Options.from_json({"crm": {"field_overrides": {"Product_Code": {"unique": True}}}})
    assert crm.crm.field_overrides["Product_Code"] == {"unique": True}
