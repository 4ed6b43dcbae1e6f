"""An offering becomes the records of the specification's table, field by field."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from support.builders import (
    MAPPING,
    a_binding,
    a_census,
    a_device,
    a_mapping,
    a_row,
    an_id,
    an_offering,
    projected,
    schemas,
)
from trueup.domain.offering import Ended, Withdrawn
from trueup.domain.package import PackageRow
from trueup.domain.records import Kind, RecordKey, Ref, Slot, TargetName
from trueup.planner.mapping import (
    ITEM_SOURCES,
    PRODUCT_SOURCES,
    FieldMap,
    FieldRule,
    Policy,
)
from trueup.planner.project import HARDWARE_TEXT, INSTALLATION_TEXT, Projector

CRM = RecordKey(Kind.CRM_PRODUCT, "FIB-100")
PRODUCT = RecordKey(Kind.BILLING_PRODUCT, "FIB-100")
PLAN = RecordKey(Kind.BILLING_PLAN, "FIB-100")
INSTALL = RecordKey(Kind.BILLING_ITEM, "FIB-100-INSTALL")


def item(code: str) -> RecordKey:
    return RecordKey(Kind.BILLING_ITEM, code)


def test_the_default_mapping_is_the_table_of_the_specification() -> None:
    """Every field of every record, and none besides."""
    row = a_row(metadata={"contract_months": 24})
    fields = {key: dict(record.fields) for key, record in projected(row).items()}
    assert fields == {
        CRM: {
            "Product_Name": "Fibre 100",
            "Product_Code": "FIB-100",
            "Description": "A fast line",
            "Product_Category": "connectivity",
            "Unit_Price": Decimal("899.00"),
            "Product_Active": True,
            "ct_product_id": "00000000-0000-4000-8000-0000000000aa",
            "ct_service_package_id": an_id(1),
            "ct_service_type": "fibre",
            "ct_market_segment": "consumer",
            "ct_provider": "NorthNet",
            "ct_installation_fee": Decimal("900.00"),
            "ct_download_speed_mbps": 100,
            "ct_upload_speed_mbps": 50,
            "ct_contract_term_months": 24,
            "ct_valid_from": None,
            "ct_valid_to": None,
        },
        PRODUCT: {"name": "Fibre 100", "description": "A fast line", "active": True},
        PLAN: {
            "plan_code": "FIB-100",
            "name": "Fibre 100",
            "description": "A fast line",
            "recurring_price": Decimal("899.00"),
            "interval": 1,
            "interval_unit": "months",
            "billing_cycles": -1,
            "setup_fee": Decimal("0.00"),
            "product_id": Ref(PRODUCT),
            "active": True,
        },
        INSTALL: {
            "name": "Fibre 100 - Installation",
            "sku": "FIB-100-INSTALL",
            "rate": Decimal("900.00"),
            "description": INSTALLATION_TEXT,
            "active": True,
        },
    }


def test_every_record_knows_its_part_its_owner_and_its_product() -> None:
    """The ledger remembers records by owner and part."""
    records = projected(a_row())
    assert {key: record.slot for key, record in records.items()} == {
        CRM: Slot.PRODUCT,
        PRODUCT: Slot.PRODUCT,
        PLAN: Slot.PLAN,
        INSTALL: Slot.INSTALLATION,
    }
    assert {(r.owner, r.users, r.sku) for r in records.values()} == {
        (an_id(1), (an_id(1),), "FIB-100")
    }


@pytest.mark.parametrize("months", [1, 12, 24])
def test_a_contract_term_never_ends_billing(months: int) -> None:
    """A customer of 24 months is still billed in month 25."""
    plan = projected(a_row(metadata={"contract_months": months}))[PLAN]
    assert plan.fields["billing_cycles"] == -1


def test_the_installation_is_charged_once() -> None:
    """The fee is the item's; the plan's own is stated as nought."""
    records = projected(a_row())
    assert records[PLAN].fields["setup_fee"] == Decimal("0.00")
    assert records[INSTALL].fields["rate"] == Decimal("900.00")


def test_a_free_installation_keeps_its_item() -> None:
    """Nought is a value, kept for the audit trail."""
    records = projected(a_row(monthly=Decimal(899), setup=Decimal(0)))
    assert records[INSTALL].fields["rate"] == Decimal("0.00")
    assert records[CRM].fields["ct_installation_fee"] == Decimal("0.00")


def test_a_missing_description_is_the_empty_one() -> None:
    """Never a null."""
    records = projected(a_row(description=None))
    described = [(CRM, "Description"), (PLAN, "description"), (PRODUCT, "description")]
    assert [records[key].fields[name] for key, name in described] == ["", "", ""]


# --- names ---------------------------------------------------------------------------------


def test_a_name_that_repeats_carries_its_sku_where_billing_wants_it_unique() -> None:
    """Products and items get ` [SKU]`; CRM and the plan keep the name."""
    records = projected(a_row(), [a_row(2, name="FIBRE 100 ")])
    assert records[CRM].fields["Product_Name"] == "Fibre 100"
    assert records[PLAN].fields["name"] == "Fibre 100"
    assert records[PRODUCT].fields["name"] == "Fibre 100 [FIB-100]"
    assert records[INSTALL].fields["name"] == "Fibre 100 [FIB-100] - Installation"


# --- devices -------------------------------------------------------------------------------


def device_row(number: int = 1, **hardware: Any) -> PackageRow:
    return a_row(number, metadata={"hardware": {"included": True, **hardware}})


def test_a_device_of_one_product_is_an_item_of_its_own() -> None:
    """Without a SKU of its own it is called after the product."""
    record = projected(device_row(model="Router X", cost=Decimal(1200)))[item("FIB-100-HARDWARE")]
    assert dict(record.fields) == {
        "name": "Router X",
        "sku": "FIB-100-HARDWARE",
        "rate": Decimal("1200.00"),
        "description": HARDWARE_TEXT,
        "active": True,
    }
    assert (record.slot, record.owner) == (Slot.DEVICE, an_id(1))


def test_a_device_without_a_model_is_called_after_the_product() -> None:
    """An item must have a name."""
    record = projected(device_row())[item("FIB-100-HARDWARE")]
    assert record.fields["name"] == "Fibre 100 - Hardware"
    assert record.fields["rate"] == Decimal("0.00")


def test_a_shared_device_is_one_item_without_an_owner() -> None:
    """Every product that includes it uses the same record."""
    one = device_row(1, model="Router X", sku="RTX-1", cost=Decimal(1200))
    two = device_row(2, model="Router X", sku="RTX-1", cost=Decimal(1200))
    record, same = projected(one, [two])[item("RTX-1")], projected(two, [one])[item("RTX-1")]
    assert record.fields == same.fields
    assert (record.owner, sorted(record.users)) == ("", [an_id(1), an_id(2)])


def test_a_shared_device_with_two_costs_is_not_written() -> None:
    """A finding says so elsewhere; no price is chosen here."""
    one = device_row(1, model="Router X", sku="RTX-1", cost=Decimal(1200))
    two = device_row(2, model="Router X", sku="RTX-1", cost=Decimal(999))
    assert item("RTX-1") not in projected(one, [two])


def test_each_of_several_devices_is_an_item() -> None:
    """One item per included device."""
    hardware = [{"is_included": True, "model": m} for m in ("Router", "Antenna", "Mesh")]
    records = projected(a_row(metadata={"hardware": hardware}))
    names = {key.code: r.fields["name"] for key, r in records.items() if r.slot is Slot.DEVICE}
    assert names == {
        "FIB-100-HARDWARE": "Router",
        "FIB-100-HARDWARE-2": "Antenna",
        "FIB-100-HARDWARE-3": "Mesh",
    }


def test_a_model_under_several_codes_carries_its_code_in_the_name() -> None:
    """Item names are unique in Billing."""
    one, two = device_row(1, model="Router X"), device_row(2, model="Router X")
    record = projected(one, [two])[item("FIB-100-HARDWARE")]
    assert record.fields["name"] == "Router X [FIB-100-HARDWARE]"


# --- what a target has, and who owns it ----------------------------------------------------


def test_a_custom_field_that_the_org_lacks_is_left_out() -> None:
    """It is never sent blindly."""
    targets = schemas(crm=("ct_provider", "ct_valid_to"))
    [record] = Projector(MAPPING, a_census(), {TargetName.CRM: targets[TargetName.CRM]}).project(
        an_offering()
    )
    assert not {"ct_provider", "ct_valid_to"} & record.fields.keys()
    assert "ct_service_type" in record.fields


def test_a_target_that_was_not_read_gets_no_records() -> None:
    """Only what was observed can be planned."""
    targets = schemas()
    del targets[TargetName.CRM]
    records = Projector(MAPPING, a_census(), targets).project(an_offering())
    assert {r.key.kind.target for r in records} == {TargetName.BILLING}


def test_an_ignored_field_is_not_projected() -> None:
    """It belongs to somebody else: never read, never sent."""
    rule = FieldRule("Description", "description", policy=Policy.IGNORE)
    mapping = a_mapping(Kind.CRM_PRODUCT, rule)
    assert "Description" not in projected(a_row(), mapping=mapping)[CRM].fields
    assert "Description" not in mapping.managed(Kind.CRM_PRODUCT)


def test_a_filled_field_is_projected() -> None:
    """The comparison, not the projection, knows when to fill."""
    rule = FieldRule("Description", "description", policy=Policy.FILL)
    mapping = a_mapping(Kind.CRM_PRODUCT, rule)
    assert projected(a_row(), mapping=mapping)[CRM].fields["Description"] == "A fast line"
    assert mapping.policies(Kind.CRM_PRODUCT)["Description"] is Policy.FILL


def test_a_line_of_the_mapping_can_take_another_source_or_a_constant() -> None:
    """A mapping is configuration, not code."""
    mapping = a_mapping(
        Kind.CRM_PRODUCT,
        FieldRule("Product_Name", "label"),
        FieldRule("Origin", value="trueup"),
    )
    fields = projected(a_row(), [a_row(2, name="Fibre 100")], mapping)[CRM].fields
    assert (fields["Product_Name"], fields["Origin"]) == ("Fibre 100 [FIB-100]", "trueup")


def test_no_source_leads_to_the_cost_column() -> None:
    """Not even a configured mapping can make the wholesale cost leave the database."""
    sources = [*PRODUCT_SOURCES, *ITEM_SOURCES]
    assert not [name for name in sources if "cost" in name or "promotion" in name]


def test_the_digest_of_a_mapping_changes_with_any_line() -> None:
    """What an old mapping broke is tried again under a new one."""
    policy = FieldRule("Description", "description", policy=Policy.FILL)
    others = [a_mapping(Kind.CRM_PRODUCT, policy), a_mapping(Kind.BILLING_ITEM, FieldRule("unit"))]
    assert len({MAPPING.digest(), *(m.digest() for m in others)}) == 3
    assert MAPPING.digest() == FieldMap(dict(reversed(list(MAPPING.rules.items())))).digest()


# --- retiring ------------------------------------------------------------------------------


def retired(withdrawn: Withdrawn, *bindings: Any) -> dict[RecordKey, dict[str, Any]]:
    records = Projector(MAPPING, a_census(), schemas()).retire(withdrawn, bindings)
    assert all(record.retiring for record in records)
    return {record.key: dict(record.fields) for record in records}


GONE = Withdrawn(an_id(1), "FIB-100", "Fibre 100", Ended.INACTIVE)


def test_a_withdrawn_product_retires_its_four_records() -> None:
    """CRM record, plan, Billing product and installation: inactive and nothing else."""
    assert retired(GONE) == {
        CRM: {"Product_Active": False},
        PLAN: {"active": False},
        INSTALL: {"active": False},
        PRODUCT: {"active": False},
    }


def test_a_withdrawn_product_retires_its_own_device() -> None:
    """A device that only this product had goes with it; a shared one is not its own."""
    own = a_binding(key=item("FIB-100-HARDWARE"), slot=Slot.DEVICE, remote_id="r-9")
    common = a_binding(key=item("RTX-1"), slot=Slot.DEVICE, remote_id="r-8", owner="")
    records = retired(GONE, own, common)
    assert records[item("FIB-100-HARDWARE")] == {"active": False}
    assert item("RTX-1") not in records


def test_a_superseded_product_leaves_its_successors_records_alone() -> None:
    """Retiring the archived row must not touch the active version's plan."""
    gone = Withdrawn(an_id(1), "FIB-100", "Fibre 100", Ended.ARCHIVED, superseded=True)
    own = a_binding(key=item("FIB-100-HARDWARE"), slot=Slot.DEVICE, remote_id="r-9")
    assert retired(gone, a_binding(), own) == {item("FIB-100-HARDWARE"): {"active": False}}


def test_a_withdrawn_row_without_a_sku_retires_only_what_is_bound() -> None:
    """Without a code nothing else could be its own."""
    gone = Withdrawn(an_id(1), "", "Fibre 100", Ended.INACTIVE)
    assert list(retired(gone, a_binding())) == [CRM]
    assert retired(gone) == {}


def test_an_offering_with_a_shared_and_an_own_device() -> None:
    """Both kinds of device side by side."""
    rows = device_row(1, model="Router X", sku="RTX-1", cost=Decimal(1200))
    offering = an_offering(devices=(a_device(sku="RTX-1", cost="1200"), a_device("Mesh")))
    records = Projector(MAPPING, a_census([rows]), schemas()).project(offering)
    owners = {r.key.code: r.owner for r in records if r.slot is Slot.DEVICE}
    assert owners == {"RTX-1": "", "FIB-100-HARDWARE": an_id(1)}
