"""Terse builders: a test names what it is about, the rest is an ordinary product on sale."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from trueup.domain.changes import Action, Change, FieldDelta, Reason
from trueup.domain.money import Money
from trueup.domain.offering import Device, Offering
from trueup.domain.package import DatedPrice, OutlineRow, PackageRow
from trueup.domain.records import (
    Binding,
    DesiredRecord,
    Fields,
    FieldSpec,
    FieldValue,
    Intent,
    Kind,
    RecordKey,
    RemoteRecord,
    Schema,
    Slot,
    TargetName,
)
from trueup.domain.runs import ProductResult, ProductStatus, Verdict
from trueup.planner.census import Census, take_census
from trueup.planner.mapping import DEFAULT_RULES, FieldMap, FieldRule
from trueup.planner.project import Projector
from trueup.planner.reading import CatalogueRules, read_row
from trueup.ports import CatalogueEntry

NOW = datetime(2026, 3, 14, 0, 30, tzinfo=UTC)
ZONE = ZoneInfo("Africa/Johannesburg")
RULES = CatalogueRules(currency="ZAR", zone=ZONE)
MAPPING = FieldMap(DEFAULT_RULES)

_LENGTHS = {
    (Kind.CRM_PRODUCT, "Product_Name"): 200,
    (Kind.CRM_PRODUCT, "Product_Code"): 200,
    (Kind.CRM_PRODUCT, "Description"): 2000,
    (Kind.BILLING_PRODUCT, "name"): 100,
    (Kind.BILLING_PLAN, "name"): 100,
    (Kind.BILLING_ITEM, "name"): 100,
    (Kind.BILLING_ITEM, "sku"): 100,
}

_ROW = PackageRow(
    id="00000000-0000-4000-8000-000000000001",
    sku="FIB-100",
    name="Fibre 100",
    description="A fast line",
    service_type="fibre",
    product_category="connectivity",
    market_segment="consumer",
    provider="NorthNet",
    source_admin_product_id="00000000-0000-4000-8000-0000000000aa",
    speed_down=100,
    speed_up=50,
    price=Decimal("899.00"),
    base_price_zar=Decimal("899.00"),
    promotion_price=None,
    pricing={"monthly": Decimal("899.00"), "setup": Decimal("900.00")},
    metadata={},
    provider_specific_config={},
    features=[],
    status="active",
    valid_from=None,
    valid_to=None,
    dated_prices=None,
)


def an_id(number: int) -> str:
    """A UUID that shows its number."""
    return f"00000000-0000-4000-8000-{number:012d}"


def a_row(number: int = 1, **columns: Any) -> PackageRow:
    """A row on sale; `monthly` and `setup` set the pricing, and `monthly` both price columns."""
    monthly = columns.pop("monthly", None)
    setup = columns.pop("setup", Decimal("900.00"))
    if number != 1:
        columns = {"sku": f"FIB-{number:03}", "name": f"Fibre {number}"} | columns
    if monthly is not None:
        given = {"price": monthly, "base_price_zar": monthly}
        columns = given | {"pricing": {"monthly": monthly, "setup": setup}} | columns
    return msgspec.structs.replace(_ROW, **({"id": an_id(number)} | columns))


def a_dated_price(on: str, old: str | None, new: str, published: str = "") -> DatedPrice:
    """A list price that holds from a local date on."""
    return DatedPrice(
        effective_date=date.fromisoformat(on),
        published_at=datetime.fromisoformat(published) if published else None,
        old_price=None if old is None else Decimal(old),
        new_price=Decimal(new),
    )


def outline_of(row: PackageRow) -> OutlineRow:
    """What the census sees of a row."""
    columns = OutlineRow.__struct_fields__
    return OutlineRow(**{column: getattr(row, column) for column in columns})


def a_census(rows: Iterable[PackageRow] = (), now: datetime = NOW) -> Census:
    """The census of a catalogue."""
    outlines = [outline_of(row) for row in rows]
    return take_census(lambda: iter(outlines), RULES.today(now))


def an_entry(row: PackageRow, revision: str = "r1", **more: Any) -> CatalogueEntry:
    """A row as the catalogue hands it out."""
    return CatalogueEntry(row, revision, **more)


def an_offering(**fields: Any) -> Offering:
    """An ordinary offering."""
    offering = Offering(
        offering_id=an_id(1),
        sku="FIB-100",
        name="Fibre 100",
        description="A fast line",
        product_category="connectivity",
        service_type="fibre",
        market_segment="consumer",
        provider="NorthNet",
        source_product_id="00000000-0000-4000-8000-0000000000aa",
        recurring=money("899.00"),
        setup=money("900.00"),
        term_months=24,
        down_mbps=100,
        up_mbps=50,
        valid_from=None,
        valid_to=None,
        devices=(),
    )
    return replace(offering, **fields)


def money(amount: str) -> Money:
    """An amount in the usual currency."""
    return Money(Decimal(amount), "ZAR")


def a_device(model: str = "Router X", sku: str = "", cost: str | None = None) -> Device:
    """A device."""
    return Device(model, sku, None if cost is None else Decimal(cost))


def a_key(code: str = "FIB-100", kind: Kind = Kind.CRM_PRODUCT) -> RecordKey:
    """A key."""
    return RecordKey(kind, code)


CRM_FIELDS: Fields = {
    "Product_Name": "Fibre 100",
    "Product_Code": "FIB-100",
    "Unit_Price": Decimal("899.00"),
    "Product_Active": True,
}


def a_desired(fields: Fields | None = None, **more: Any) -> DesiredRecord:
    """A desired CRM record of the first offering."""
    record = DesiredRecord(
        key=a_key(),
        slot=Slot.PRODUCT,
        fields=CRM_FIELDS if fields is None else fields,
        owner=an_id(1),
        users=(an_id(1),),
        sku="FIB-100",
    )
    return replace(record, **more)


def a_remote(fields: Fields | None = None, **more: Any) -> RemoteRecord:
    """A CRM record with the code of the first offering."""
    record = RemoteRecord(
        kind=Kind.CRM_PRODUCT,
        remote_id="r-1",
        code="FIB-100",
        fields=CRM_FIELDS if fields is None else fields,
    )
    return replace(record, **more)


def a_binding(applied: Fields | None = None, **more: Any) -> Binding:
    """The memory of the CRM record of the first offering."""
    binding = Binding(
        key=a_key(),
        slot=Slot.PRODUCT,
        remote_id="r-1",
        owner=an_id(1),
        sku="FIB-100",
        applied=CRM_FIELDS if applied is None else applied,
    )
    return replace(binding, **more)


def an_intent(**more: Any) -> Intent:
    """A create of the CRM record of the first offering whose answer was lost."""
    return replace(Intent(key=a_key(), name="Fibre 100"), **more)


def a_change(
    deltas: Mapping[str, tuple[FieldValue, FieldValue]] | None = None, **more: Any
) -> Change:
    """An update of the price of the CRM record of the first offering."""
    given = {"Unit_Price": (Decimal("799.00"), Decimal("899.00"))} if deltas is None else deltas
    change = Change(
        key=a_key(),
        action=Action.UPDATE,
        reason=Reason.EDITED,
        deltas={name: FieldDelta(*pair) for name, pair in given.items()},
        slot=Slot.PRODUCT,
        owner=an_id(1),
        users=(an_id(1),),
        sku="FIB-100",
        remote_id="r-1",
    )
    return replace(change, **more)


def a_create(kind: Kind, code: str, number: int = 1, **fields: FieldValue) -> Change:
    """The creation of a record."""
    return a_change(
        {name: (None, value) for name, value in fields.items()} or {"name": (None, code)},
        key=RecordKey(kind, code),
        action=Action.CREATE,
        reason=Reason.MISSING,
        remote_id="",
        owner=an_id(number),
        users=(an_id(number),),
        sku=code,
        fields=fields or {"name": code},
    )


def a_result(**verdicts: ProductStatus) -> ProductResult:
    """What a run decided about the first offering: `a_result(crm=ProductStatus.OK)`."""
    decided = {TargetName(name): Verdict(status) for name, status in verdicts.items()}
    return ProductResult(an_id(1), "FIB-100", "Fibre 100", "r1", decided)


def _type_of(name: str) -> str:
    return "currency" if name in ("Unit_Price", "recurring_price", "rate") else "text"


def a_schema(
    target: TargetName, mapping: FieldMap = MAPPING, without: Collection[str] = ()
) -> Schema:
    """A target that has every mapped field but those in `without`."""
    kinds = {
        kind: {
            rule.field: FieldSpec(
                rule.field, _type_of(rule.field), _LENGTHS.get((kind, rule.field))
            )
            for rule in mapping.rules[kind]
            if rule.field not in without
        }
        for kind in Kind
        if kind.target is target
    }
    return Schema(kinds)


def schemas(mapping: FieldMap = MAPPING, **without: Collection[str]) -> dict[TargetName, Schema]:
    """Both targets; `crm=("ct_provider",)` leaves fields of one out."""
    return {t: a_schema(t, mapping, without.get(t.value, ())) for t in TargetName}


def a_mapping(kind: Kind, *lines: FieldRule) -> FieldMap:
    """The default mapping with some lines of a kind replaced."""
    replaced = {line.field: line for line in lines}
    known = [replaced.pop(rule.field, rule) for rule in DEFAULT_RULES[kind]]
    return FieldMap({**DEFAULT_RULES, kind: (*known, *replaced.values())})


def projected(
    row: PackageRow, catalogue: Iterable[PackageRow] = (), mapping: FieldMap = MAPPING
) -> dict[RecordKey, DesiredRecord]:
    """The records of a row, by key."""
    offering, findings = read_row(row, RULES, NOW)
    assert isinstance(offering, Offering), findings
    census = a_census([row, *catalogue])
    records = Projector(mapping, census, schemas(mapping)).project(offering)
    return {record.key: record for record in records}
