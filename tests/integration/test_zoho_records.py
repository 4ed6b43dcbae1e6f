"""What the adapters touch and what they leave alone, and what the preflight sees."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from support.zoho import MANAGED, a_create, an_update, journal_of, nobody
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
    CredentialsError,
    RejectedError,
    StaleError,
)
from trueup.domain.records import Intent, Kind, Schema
from trueup.ports import Written
from trueup.zoho import probe
from trueup.zoho.billing import BillingTarget
from zoho_emulator.billing.options import BillingOptions
from zoho_emulator.crm.options import CrmOptions
from zoho_emulator.oauth.options import FULL_SCOPE, OAuthOptions

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
