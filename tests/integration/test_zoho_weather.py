"""The adapters over the emulator in bad weather: nothing doubled, lost or invented."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from support.zoho import MANAGED, Zoho, a_create, an_update, emulated, journal_of, nobody
from trueup.domain.changes import Change
from trueup.domain.errors import (
    CredentialsError,
    LostAnswerError,
    PausedError,
    RejectedError,
    RetryableError,
    ScopeError,
    StaleError,
    TargetDownError,
)
from trueup.domain.records import Intent, Kind, Schema, TargetName
from trueup.ports import Target, Written
from trueup.zoho import probe
from trueup.zoho.billing import BillingTarget
from trueup.zoho.crm import CrmTarget
from zoho_emulator.app import Emulator
from zoho_emulator.billing.options import BillingOptions
from zoho_emulator.crm.options import CrmOptions
from zoho_emulator.oauth.options import FULL_SCOPE, OAuthOptions
from zoho_emulator.options import LimitOptions, Options

FREE = Options(limits=LimitOptions.unlimited())
CRM, PLAN, ITEM = Kind.CRM_PRODUCT, Kind.BILLING_PLAN, Kind.BILLING_ITEM
PRICES = (Decimal("899.00"), Decimal("949.00"))
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


class World:
    """Both targets, a door and the emulator behind it."""

    def __init__(self, options: Options = FREE, batch_size: int = 20) -> None:
        self.zoho: Zoho
        self.emulator: Emulator
        self.zoho, self.emulator = emulated(options)
        door, clock = self.zoho.door, self.zoho.clock
        self.crm = CrmTarget(door, managed=MANAGED, clock=clock, batch_size=batch_size)
        self.billing = BillingTarget(door, org_id=options.org_id, clock=clock)

    def product(self, code: str, **fields: Any) -> str:
        """A CRM record made by hand."""
        made = {"Product_Name": f"Fibre {code}", "Product_Code": code, "Unit_Price": 899.0}
        return str(self.emulator.add("crm", "products", made | fields)["id"])

    def plan(self, code: str, **fields: Any) -> str:
        """A plan with its product, made by hand; returns the code."""
        product = self.emulator.add("billing", "products", {"name": f"Product {code}"})["id"]
        made = {"plan_code": code, "name": f"Plan {code}", "recurring_price": 899.0, "interval": 1}
        made |= {"interval_unit": "months", "billing_cycles": -1, "product_id": product}
        self.emulator.add("billing", "plans", made | fields)
        return code

    def fault(self, do: str, service: str, method: str, **more: Any) -> None:
        """Weather for matching requests."""
        times = more.pop("times", 1)
        match = {"service": service, "method": method, "times": times}
        self.emulator.add_faults([{"match": match, "do": do, **more}])

    def raw(self, service: str, resource: str, key: str) -> dict[str, Any]:
        """A record as stored, without what every write changes, and empty or absent alike."""
        volatile = {"updated_time", "changed_by", "Modified_Time", "Modified_By"}
        for record in self.emulator.records(service, resource):
            if key in (record["id"], record.get("plan_code"), record.get("Product_Code")):
                return {n: v for n, v in record.items() if n not in volatile and v not in ("", [])}
        raise LookupError(key)


def crm_create(code: str) -> Change:
    fields = {"Product_Name": f"Fibre {code}", "Product_Code": code, "Unit_Price": PRICES[0]}
    return a_create(CRM, code, fields)


def crm_price(code: str, remote_id: str, version: str = "") -> Change:
    return an_update(CRM, code, remote_id, {"Unit_Price": PRICES}, version)


def plan_price(code: str) -> Change:
    return an_update(PLAN, code, code, {"recurring_price": PRICES})


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
    deltas = {"recurring_price": PRICES, "active": (False, True)}
    (result,) = world.billing.apply([an_update(PLAN, code, code, deltas)], nobody)
    assert isinstance(result, LostAnswerError)
    assert "ZohoSubscriptions.plans.CREATE" in str(result)


FOREIGN_PLAN: dict[str, Any] = {
    "unit": "line",
    "trial_period": 14,
    "setup_fee": 12.5,
    "setup_fee_account_id": "4444",
    "can_charge_setup_fee_immediately": True,
    "store_markup_description": "<b>fast</b>",
    "description": "kept",
    "is_taxable": "true",
    "hsn_or_sac": "9984",
    "product_type": "service",
    "tags": [{"tag_id": 982000000009070, "tag_option_id": 982000000002670}],
    "custom_fields": [{"label": "Region", "value": "West"}],
    "item_tax_preferences": [{"tax_id": "55", "tax_specification": "intra"}],
}
FOREIGN_ITEM: dict[str, Any] = {
    "description": "kept",
    "sku": "X-1",
    "product_type": "service",
    "is_taxable": False,
    "custom_fields": [{"customfield_id": "Region", "value": "West"}],
}


@pytest.mark.parametrize("resets", [False, True])
def test_foreign_fields_of_billing_survive_whatever_put_does_with_omitted_ones(
    resets: bool,
) -> None:
    """The whole record goes back as it was read (spec law 2)."""
    options = BillingOptions(put_resets=resets, custom_fields=("Region",))
    world = World(replace(FREE, billing=options))
    world.plan("FIB-1", tax_id=world.emulator.world.billing.tax_ids[0], **FOREIGN_PLAN)
    made = world.emulator.add("billing", "items", {"name": "I", "rate": 899.0, **FOREIGN_ITEM})
    item = str(made["id"])
    product = world.emulator.add("billing", "products", {"name": "P", "email_ids": "a@example.org"})
    key = str(product["id"])
    keys = (("plans", "FIB-1"), ("items", item), ("products", key))
    before = {r: world.raw("billing", r, k) for r, k in keys}
    changes = [
        plan_price("FIB-1"),
        an_update(ITEM, "X-1", item, {"rate": PRICES}),
        an_update(Kind.BILLING_PRODUCT, "P", key, {"name": ("P", "Q")}),
    ]
    assert all(isinstance(world.billing.apply([c], nobody)[0], Written) for c in changes)
    after = {r: world.raw("billing", r, k) for r, k in keys}
    before["plans"]["recurring_price"] = before["items"]["rate"] = 949.0
    before["products"]["name"] = "Q"
    assert before == after


def test_foreign_fields_of_crm_are_not_even_sent() -> None:
    world = World()
    remote_id = world.product("FIB-1", Manufacturer="Acme", Qty_in_Stock=7.5)
    before = world.raw("crm", "products", "FIB-1")
    world.crm.apply([crm_price("FIB-1", remote_id)], nobody)
    assert world.raw("crm", "products", "FIB-1") == {**before, "Unit_Price": 949.0}
    (put,) = journal_of(world.emulator, "PUT")
    assert f'{{"data":[{{"id":"{remote_id}","Unit_Price":949.00}}]}}' == put["body"]


def test_filters_that_are_ignored_touch_no_foreign_record() -> None:
    """Undocumented filters give the first page of everything (zoho-facts §3.4, §3.6)."""
    world = World()
    for i in range(5):
        world.plan(f"OTHER-{i}")
        world.emulator.add("billing", "items", {"name": f"Other {i}", "rate": 1.0, "sku": f"O-{i}"})
    before = world.emulator.records("billing", "plans"), world.emulator.records("billing", "items")
    (gone,) = world.billing.apply([plan_price("FIB-1")], nobody)
    assert isinstance(gone, RejectedError)
    assert gone.code == "GONE"
    intents = [
        Intent(plan_price("FIB-1").key, "Plan"),
        Intent(a_create(ITEM, "FIB-1", {}).key, "I"),
    ]
    assert world.billing.find(intents) == []
    after = world.emulator.records("billing", "plans"), world.emulator.records("billing", "items")
    assert before == after


@pytest.mark.parametrize("count", [201, 2201])
def test_long_listings_are_read_whole(count: int) -> None:
    world = World()
    for i in range(count):
        world.product(f"FIB-{i}")
    world.zoho.door.requests.clear()
    codes = [r.code for r in world.crm.records(CRM)]
    assert len(codes) == len(set(codes)) == count
    assert world.zoho.door.requests["crm"] == -(-count // 200) + 1


def test_inactive_records_are_listed_too() -> None:
    world = World()
    world.plan("FIB-1", status="inactive")
    world.emulator.add("billing", "items", {"name": "I", "rate": 1.0, "status": "inactive"})
    assert [r.fields["active"] for k in (PLAN, ITEM) for r in world.billing.records(k)] == [
        False
    ] * 2


def test_a_billing_field_that_somebody_set_meanwhile_is_stale_or_done() -> None:
    world = World()
    for code, price in (("A", 920.0), ("B", 949.0)):
        world.plan(code, recurring_price=price)
    (stale,) = world.billing.apply([plan_price("A")], nobody)
    assert isinstance(stale, StaleError)
    assert world.billing.apply([plan_price("B")], nobody) == [Written("B")]
    assert journal_of(world.emulator, "PUT") == []


def test_a_crm_record_edited_since_its_version_is_stale_and_its_neighbour_passes() -> None:
    world = World()
    ids = [world.product(f"FIB-{i}") for i in range(2)]
    versions = {r.remote_id: r.version for r in world.crm.records(CRM)}
    world.zoho.clock.advance(60)
    world.emulator.edit("crm", "products", ids[0], {"Unit_Price": 1.0})
    changes = [crm_price(f"FIB-{i}", ids[i], versions[ids[i]]) for i in range(2)]
    stale, written = world.crm.apply(changes, nobody)
    assert isinstance(stale, StaleError)
    assert written == Written(ids[1])


def test_an_unknown_organisation_names_the_variable() -> None:
    world = World()
    target = BillingTarget(world.zoho.door, org_id="1", clock=world.zoho.clock)
    with pytest.raises(CredentialsError) as caught:
        list(target.records(PLAN))
    assert "ZOHO_ORG_ID" in caught.value.remedy


def test_coql_refused_falls_back_to_the_listing() -> None:
    """Long texts may not be selectable, and the permission may be missing (zoho-facts §2.10)."""
    kept = ",".join(s for s in FULL_SCOPE.split(",") if "coql" not in s)
    refusing = replace(FREE, crm=CrmOptions(coql_refuses_long_text=True))
    for options in (refusing, replace(FREE, oauth=OAuthOptions(scope=kept))):
        world = World(options)
        remote_id = world.product("IT'S-1")
        world.product("OTHER")
        found = world.crm.find([Intent(crm_create("IT'S-1").key, "x")])
        assert [r.remote_id for r in found] == [remote_id]


def test_the_preflight_sees_organisation_fields_and_taxes() -> None:
    world = World()
    door, org_id = world.zoho.door, world.emulator.options.org_id
    assert probe.crm_organisation(door).currency == "ZAR"
    assert [o.organization_id for o in probe.billing_organisations(door)] == [org_id]
    assert probe.taxes(door, org_id)[0].default
    schema: Schema = world.crm.schema()
    facts = {f.name: f for f in probe.fields(schema, MANAGED)}
    assert not facts["ct_no_such_field"].present
    code = facts["Product_Code"].spec
    assert code is not None
    assert (code.max_length, code.unique) == (40, False)


def test_the_preflight_names_each_missing_permission_and_changes_nothing() -> None:
    org_id = FREE.org_id
    granted = probe.permissions(World().zoho.door, org_id)
    assert [p.scope for p in granted if not p.granted] == []
    kept = "ZohoCRM.modules.products.READ,ZohoCRM.settings.ALL,ZohoCRM.coql.READ,ZohoCRM.org.READ"
    kept += ",ZohoSubscriptions.plans.READ,ZohoSubscriptions.plans.UPDATE"
    world = World(replace(FREE, oauth=OAuthOptions(scope=kept)))
    missing = [p.scope for p in probe.permissions(world.zoho.door, org_id) if p.granted is False]
    wanted = ["ZohoCRM.modules.products.CREATE", "ZohoCRM.modules.products.UPDATE"]
    for area in ("products", "items"):
        wanted += [f"ZohoSubscriptions.{area}.{o}" for o in ("READ", "CREATE", "UPDATE")]
    wanted += ["ZohoSubscriptions.plans.CREATE", "ZohoSubscriptions.settings.READ"]
    assert sorted(missing) == sorted(wanted)
    assert world.zoho.door.requests["oauth"] <= 2
    assert world.emulator.records("crm", "products") == []


def test_targets_do_not_share_their_trouble() -> None:
    """Billing goes on while CRM is down (spec law 11)."""
    world = World()
    world.fault("error_html", "crm", "GET", times=None)
    with pytest.raises(TargetDownError):
        world.crm.schema()
    assert world.billing.name is TargetName.BILLING
    assert list(world.billing.records(ITEM)) == []
