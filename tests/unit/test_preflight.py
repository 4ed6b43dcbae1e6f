"""What a run refuses before its first write, from what it has read anyway."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from support.builders import MAPPING, a_mapping
from trueup.domain.errors import UsageError
from trueup.domain.records import FieldSpec, Kind, Schema, TargetName
from trueup.planner.mapping import FieldRule, Policy
from trueup.planner.preflight import refuse_unsafe
from trueup.zoho.billing_records import SHAPES

CRM, PLAN = Kind.CRM_PRODUCT, Kind.BILLING_PLAN
Schemas = dict[TargetName, Schema]


def sound() -> Schemas:
    """Both targets as Zoho describes them."""
    specs = {name: FieldSpec(name) for name in MAPPING.managed(CRM)}
    specs["Unit_Price"] = FieldSpec("Unit_Price", "currency")
    specs["Product_Name"] = FieldSpec("Product_Name", mandatory=True)
    specs["Manufacturer"] = FieldSpec("Manufacturer", "picklist")
    return {
        TargetName.CRM: Schema({CRM: specs}, {"currency": "ZAR"}),
        TargetName.BILLING: Schema({kind: shape.specs for kind, shape in SHAPES.items()}),
    }


def with_field(kind: Kind, name: str, **changes: Any) -> Schemas:
    """Both targets, with one field changed; no change at all takes it away."""
    found = sound()
    schema = found[kind.target]
    specs = dict(schema.kinds[kind])
    before = specs.pop(name, FieldSpec(name))
    if changes:
        specs[name] = replace(before, **changes)
    return found | {kind.target: Schema({**schema.kinds, kind: specs}, schema.details)}


def refused(schemas: Schemas, mapping: Any = MAPPING, currency: str = "ZAR") -> UsageError:
    with pytest.raises(UsageError) as caught:
        refuse_unsafe(schemas, mapping, currency)
    assert caught.value.remedy
    return caught.value


def test_targets_as_they_should_be_pass() -> None:
    refuse_unsafe(sound(), MAPPING, "ZAR")
    refuse_unsafe({}, MAPPING, "ZAR")


@pytest.mark.parametrize(("kind", "price"), [(CRM, "Unit_Price"), (PLAN, "recurring_price")])
def test_a_price_needs_a_field_that_takes_amounts(kind: Kind, price: str) -> None:
    gone = refused(with_field(kind, price))
    assert f"no field {price}" in gone.message
    assert "trueup check" in gone.remedy
    assert f"{price}, which the price belongs in, cannot be written" in str(
        refused(with_field(kind, price, writable=False, mandatory=False))
    )
    for data_type in ("text", "integer", "bigint", "date", "picklist"):
        told = refused(with_field(kind, price, data_type=data_type))
        assert f"{price} is of type {data_type}" in told.message
    for data_type in ("currency", "double", "decimal"):
        refuse_unsafe(with_field(kind, price, data_type=data_type), MAPPING, "ZAR")


def test_a_price_that_the_mapping_leaves_alone_may_be_missing() -> None:
    mapping = a_mapping(CRM, FieldRule("Unit_Price", "recurring", policy=Policy.IGNORE))
    refuse_unsafe(with_field(CRM, "Unit_Price"), mapping, "ZAR")


def test_a_price_mapped_elsewhere_is_looked_at_there() -> None:
    mapping = a_mapping(CRM, FieldRule("Monthly_Fee", "recurring"))
    assert "no field Monthly_Fee" in refused(sound(), mapping).message
    refuse_unsafe(with_field(CRM, "Monthly_Fee", data_type="currency"), mapping, "ZAR")


def test_a_demanded_field_must_be_filled() -> None:
    schemas = with_field(CRM, "Manufacturer", mandatory=True)
    assert "crm_product demands Manufacturer" in refused(schemas).message
    refuse_unsafe(schemas, a_mapping(CRM, FieldRule("Manufacturer", value="Acme")), "ZAR")
    ignored = a_mapping(CRM, FieldRule("Manufacturer", value="Acme", policy=Policy.IGNORE))
    assert "demands Manufacturer" in refused(schemas, ignored).message
    nobodys = with_field(CRM, "Manufacturer", mandatory=True, writable=False)
    refuse_unsafe(nobodys, MAPPING, "ZAR")


def test_an_organisation_that_counts_otherwise() -> None:
    assert "crm counts in ZAR, the catalogue in EUR" in refused(sound(), currency="EUR").message
    refuse_unsafe(sound(), MAPPING, "zar")
    silent = {target: Schema(schema.kinds) for target, schema in sound().items()}
    refuse_unsafe(silent, MAPPING, "EUR")


def test_a_missing_custom_field_is_left_out_not_refused() -> None:
    for name in ("ct_provider", "ct_installation_fee", "ct_service_package_id"):
        refuse_unsafe(with_field(CRM, name), MAPPING, "ZAR")


def test_everything_is_named_at_once() -> None:
    """Each remedy once."""
    billing = with_field(PLAN, "recurring_price")[TargetName.BILLING]
    schemas = with_field(CRM, "Unit_Price") | {
        TargetName.BILLING: Schema(billing.kinds, {"currency": "ZAR"})
    }
    told = refused(schemas, currency="EUR")
    for words in (
        "crm counts in ZAR",
        "billing counts in ZAR",
        "no field Unit_Price",
        "no field recurring_price",
    ):
        assert words in told.message
    assert told.remedy.count("ZOHO_ORG_ID") == 1
    assert told.exit_code == 2
