"""The adapters over the emulator in bad weather: nothing doubled, lost or invented."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from support.zoho import a_create, an_update, journal_of, nobody
from support.zoho_organisation import (
    CRM,
    FREE,
    ITEM,
    PLAN,
    PRICES,
    World,
    crm_create,
    crm_price,
    plan_price,
)
from trueup.domain.errors import (
    LostAnswerError,
    PausedError,
    RetryableError,
    ScopeError,
    TargetDownError,
)
from trueup.domain.records import Intent, TargetName
from trueup.ports import Target, Written
from zoho_emulator.oauth.options import FULL_SCOPE, OAuthOptions
from zoho_emulator.options import LimitOptions, Options

LOST_KINDS = [
    "error_html",
    "html_200",
    "server_error",
    "truncate",
    "reset_before",
    "reset_after",
    "hang",
    "empty_204",
]


@pytest.mark.parametrize("do", LOST_KINDS)
def test_a_lost_crm_create_is_found_or_absent_but_never_doubled(do: str) -> None:
    world = World()
    world.crm.schema()
    world.fault(do, "crm", "POST")
    (result,) = world.crm.apply([crm_create("FIB-1")], nobody)
    assert isinstance(result, LostAnswerError)
    there = len(world.emulator.records("crm", "products"))
    found = world.crm.find([Intent(crm_create("FIB-1").key, "Fibre FIB-1")])
    assert len(found) == there <= 1
    assert len(journal_of(world.emulator, "POST", "/Products")) == 1


@pytest.mark.parametrize("do", LOST_KINDS)
def test_a_lost_billing_create_is_found_or_absent_but_never_doubled(do: str) -> None:
    world = World()
    list(world.billing.records(ITEM))
    world.fault(do, "billing", "POST")
    change = a_create(
        ITEM, "FIB-1-INSTALL", {"name": "Install", "sku": "FIB-1-INSTALL", "rate": PRICES[0]}
    )
    (result,) = world.billing.apply([change], nobody)
    assert isinstance(result, LostAnswerError)
    found = world.billing.find([Intent(change.key, "Install")])
    assert len(found) == len(world.emulator.records("billing", "items")) <= 1


@pytest.mark.parametrize("do", [*LOST_KINDS, "throttle", "expire_token"])
@pytest.mark.parametrize("service", ["crm", "billing"])
def test_a_listing_survives_one_bad_answer(do: str, service: str) -> None:
    """Also a 204 that is not true: it is asked twice."""
    world = World()
    world.product("FIB-1")
    world.plan("FIB-1")
    world.crm.schema()
    world.fault(do, service, "GET")
    records = world.crm.records(CRM) if service == "crm" else world.billing.records(PLAN)
    assert [r.code for r in records] == ["FIB-1"]


@pytest.mark.parametrize("do", ["error_html", "html_200", "reset_before", "hang", "truncate"])
def test_a_listing_that_stays_broken_is_an_error_not_an_empty_list(do: str) -> None:
    world = World()
    world.product("FIB-1")
    world.crm.schema()
    world.fault(do, "crm", "GET", times=None)
    with pytest.raises(TargetDownError):
        list(world.crm.records(CRM))


@pytest.mark.parametrize("do", ["error_html", "truncate", "reset_before", "reset_after", "hang"])
def test_a_lost_update_is_repeated_and_passes(do: str) -> None:
    """Even where our own first attempt moved the record meanwhile."""
    world = World()
    remote_id, code = world.product("FIB-1"), world.plan("FIB-1")
    list(world.crm.records(CRM))
    world.fault(do, "crm", "PUT")
    world.fault(do, "billing", "PUT")
    assert world.crm.apply([crm_price("FIB-1", remote_id)], nobody) == [Written(remote_id)]
    assert world.billing.apply([plan_price(code)], nobody) == [Written(code)]
    assert world.raw("crm", "products", "FIB-1")["Unit_Price"] == 949.0
    assert world.raw("billing", "plans", "FIB-1")["recurring_price"] == 949.0


def test_an_update_that_perhaps_passed_is_unknown_not_stale() -> None:
    """The version moved by our own lost attempt; CRM then says ALREADY_MODIFIED."""
    world = World()
    remote_id = world.product("FIB-1")
    (record,) = world.crm.records(CRM)
    world.zoho.clock.advance(60)
    world.fault("reset_after", "crm", "PUT")
    (result,) = world.crm.apply([crm_price("FIB-1", remote_id, record.version)], nobody)
    assert isinstance(result, LostAnswerError)


def test_a_partial_batch_is_told_record_by_record() -> None:
    world = World()
    world.fault("partial", "crm", "POST")
    results = world.crm.apply([crm_create(f"FIB-{i}") for i in range(4)], nobody)
    assert [type(r) for r in results] == [Written, RetryableError] * 2
    names = {r.remote_id for r in results if isinstance(r, Written)}
    assert names == {r["id"] for r in world.emulator.records("crm", "products")}


def test_a_refused_batch_is_taken_apart() -> None:
    """A refusal of the whole request says nothing about most of its records."""
    world = World()
    world.fault("refuse", "crm", "POST")
    results = world.crm.apply([crm_create(f"FIB-{i}") for i in range(3)], nobody)
    assert [type(r) for r in results] == [Written] * 3


def test_a_storm_of_refusals_pauses_crm_and_fails_no_record() -> None:
    world = World()
    world.product("FIB-1")
    list(world.crm.records(CRM))
    world.fault("throttle", "crm", "PUT", times=None)
    for _ in range(4):
        with pytest.raises(PausedError):
            world.crm.apply([crm_price("FIB-1", "1")], nobody)
    assert list(world.billing.records(PLAN)) == []


def test_the_daily_quota_of_billing_closes_billing_alone() -> None:
    world = World(Options(limits=replace(LimitOptions.unlimited(), billing_per_day=2)))
    for code in ("A", "B", "C"):
        world.plan(code)
    changes = [plan_price(code) for code in ("A", "B", "C")]
    assert world.billing.apply(changes[:1], nobody) == [Written("A")]
    with pytest.raises(PausedError):
        world.billing.apply(changes[1:2], nobody)
    before = world.zoho.door.requests["billing"]
    with pytest.raises(PausedError):
        world.billing.apply(changes[2:], nobody)
    assert world.zoho.door.requests["billing"] == before
    assert list(world.crm.records(CRM)) == []


def test_a_token_that_ends_in_mid_run_costs_one_refresh() -> None:
    world = World()
    for i in range(30):
        world.plan(f"FIB-{i}")
    for i in range(30):
        if i == 15:
            world.emulator.expire_tokens()
        assert world.billing.apply([plan_price(f"FIB-{i}")], nobody) == [Written(f"FIB-{i}")]
    assert world.zoho.door.requests["oauth"] == 2


def test_many_requests_cost_one_token() -> None:
    world = World()
    for i in range(40):
        world.crm.apply([crm_create(f"FIB-{i}")], nobody)
    assert world.zoho.door.requests["oauth"] == 1


@pytest.mark.parametrize("status", [200, 400])
def test_a_throttled_token_endpoint_silences_both_targets(status: int) -> None:
    """Both forms of the refusal (zoho-facts §1.5); no request is sent in the silence."""
    world = World(replace(FREE, oauth=OAuthOptions(refreshes=0, throttle_status=status)))
    for read in (world.crm.schema, lambda: list(world.billing.records(PLAN))):
        with pytest.raises(PausedError):
            read()
    assert dict(world.zoho.door.requests) == {"oauth": 1}


@pytest.mark.parametrize(
    ("dropped", "scope"),
    [
        ("ZohoCRM.modules.ALL", "ZohoCRM.modules.products.CREATE"),
        ("ZohoSubscriptions.fullaccess.all", "ZohoSubscriptions.items.CREATE"),
    ],
)
def test_a_missing_scope_is_named(dropped: str, scope: str) -> None:
    kept = ",".join(s for s in FULL_SCOPE.split(",") if s != dropped)
    world = World(replace(FREE, oauth=OAuthOptions(scope=kept)))
    target: Target = world.crm
    change = crm_create("FIB-1")
    if "CRM" not in dropped:
        target, change = world.billing, a_create(ITEM, "A", {"name": "A", "rate": PRICES[0]})
    with pytest.raises(ScopeError, match=scope):
        target.apply([change], nobody)


def test_a_missing_activation_permission_after_the_edit_is_told_as_half_done() -> None:
    """The fields were written: that is not "nothing was carried out"."""
    kept = "ZohoSubscriptions.plans.READ,ZohoSubscriptions.plans.UPDATE"
    world = World(replace(FREE, oauth=OAuthOptions(scope=kept)))
    code = world.plan("FIB-1", status="inactive")
    deltas: dict[str, Any] = {"recurring_price": PRICES, "active": (False, True)}
    (result,) = world.billing.apply([an_update(PLAN, code, code, deltas)], nobody)
    assert isinstance(result, LostAnswerError)
    assert "ZohoSubscriptions.plans.CREATE" in str(result)


def test_targets_do_not_share_their_trouble() -> None:
    """Billing goes on while CRM is down (spec law 11)."""
    world = World()
    world.fault("error_html", "crm", "GET", times=None)
    with pytest.raises(TargetDownError):
        world.crm.schema()
    assert world.billing.name is TargetName.BILLING
    assert list(world.billing.records(ITEM)) == []
