"""Billing items: things sold once, addressed by id, with unique names (zoho-facts §3.6)."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from zoho_emulator.billing.dialect import refuse, refuse_value
from zoho_emulator.billing.paging import kept_listing
from zoho_emulator.billing.resource import (
    Resource,
    Selection,
    Wording,
    check_references,
    refuse_duplicate,
)
from zoho_emulator.billing.schema import ITEM_NAME_LENGTH, TAX_FIELDS, TEXT_LENGTH, Field
from zoho_emulator.billing.store import BillingStore, Record
from zoho_emulator.wire import JsonDocument

_STATUSES = {"status.all": None, "status.active": "active", "status.inactive": "inactive"}
_TEXTS: Mapping[str, Callable[[str, str], bool]] = {
    "": operator.eq,
    "_startswith": str.startswith,
    "_contains": operator.contains,
}
_RATES: Mapping[str, Callable[[float, float], bool]] = {
    "": operator.eq,
    "_less_than": operator.lt,
    "_less_equals": operator.le,
    "_greater_than": operator.gt,
    "_greater_equals": operator.ge,
}
_SORTABLE = ("name", "rate", "tax_name")
_SEARCH_LENGTH = 100


class Items(Resource):
    """An item is sold once: an installation, a device."""

    plural = "items"
    singular = "item"
    label = "Item"
    unknown_code = 2006
    fields = (
        Field("name", longest=ITEM_NAME_LENGTH),
        Field("rate", "money", least=0),
        Field("description", default="", longest=TEXT_LENGTH),
        Field("sku", default="", longest=ITEM_NAME_LENGTH),
        Field("is_taxable", "flag"),
        Field("custom_fields", "rows", default=[]),
        *TAX_FIELDS,
    )
    update_fields = fields
    create_requires = ("name", "rate")
    update_requires = create_requires
    wording = Wording(
        "The item has been added.",
        "Item details have been saved.",
        "The item has been deleted.",
        "The item has been marked Active.",
        "The item has been marked Inactive.",
    )

    def locate(self, store: BillingStore, key: str) -> Record | None:
        return store.get(self.plural, key)

    def check(self, store: BillingStore, body: JsonDocument, record: Record | None) -> None:
        """Names are unique, also against inactive items: code 1000 (§3.6)."""
        check_references(store, body)
        if any(other is not record for other in store.alike(self.plural, "name", body["name"])):
            refuse(400, 1000, "Item name already exist")
        sku = body.get("sku")
        others = [r for r in store.alike(self.plural, "sku", sku) if r is not record] if sku else []
        if others and store.options.item_skus_unique:
            refuse_duplicate(store, f"An item with sku {sku} already exists.")
        before = record.fields.get("product_type") if record else None
        if before and body.get("product_type", before) != before:
            refuse(400, 2076, "product_type cannot be changed")

    def check_deletion(self, store: BillingStore, record: Record) -> None:
        if record.id in store.transactions:
            refuse(400, 2049, "Items that are part of a transaction cannot be deleted.")

    def select(self, store: BillingStore, query: Mapping[str, str]) -> Selection:
        """Active items alone unless `filter_by=Status.All` (§3.6); `sku` is no filter."""
        applied = query.get("filter_by", "Status.Active")
        column = query.get("sort_column", "name")
        if applied.lower() not in _STATUSES:
            refuse_value("filter_by")
        if column not in _SORTABLE:
            refuse_value("sort_column")
        status, tests = _STATUSES[applied.lower()], _tests(store, query)

        def build() -> list[Record]:
            rows = store.all(self.plural)
            if status is not None:
                rows = [record for record in rows if record.status == status]
            for test in tests:
                rows = [record for record in rows if test(record)]
            return sorted(rows, key=lambda record: _sort_key(record, column))

        key = (self.plural, applied.lower(), column, *sorted(_filters(store, query).items()))
        rows = kept_listing(store, key, build)
        return Selection(key, rows, applied, sort_column=column, sort_order="A")

    def show(self, store: BillingStore, record: Record, *, listed: bool) -> JsonDocument:
        del listed
        as_number = store.options.item_ids_as_numbers
        shown: JsonDocument = {"item_id": int(record.id) if as_number else record.id}
        shown |= {"unit": "", **record.fields, "status": record.status}
        if record.fields.get("tax_id"):
            # Percentages of items are text with a sign (§3.1).
            percentage = store.options.tax_percentage
            shown |= {"tax_name": "VAT", "tax_type": "tax", "tax_percentage": f"{percentage:g}%"}
        return shown


def _filters(store: BillingStore, query: Mapping[str, str]) -> dict[str, str]:
    names = {f"{field}{suffix}" for field in ("name", "description") for suffix in _TEXTS}
    names |= {f"rate{suffix}" for suffix in _RATES} | {"tax_id", "search_text"}
    if store.options.honour_undocumented_filters:
        names.add("sku")
    return {name: value for name, value in query.items() if name in names}


def _tests(store: BillingStore, query: Mapping[str, str]) -> list[Callable[[Record], bool]]:
    return [_test(name, value) for name, value in _filters(store, query).items()]


def _test(name: str, value: str) -> Callable[[Record], bool]:
    if name == "search_text":
        if len(value) > _SEARCH_LENGTH:
            refuse_value(name)
        return lambda r: any(
            value.casefold() in str(r.fields.get(f, "")).casefold() for f in ("name", "description")
        )
    if name in {"tax_id", "sku"}:
        return lambda record: record.fields.get(name) == value
    field, _, _ = name.partition("_")
    suffix = name.removeprefix(field)
    if field == "rate":
        rate = _number(name, value)
        return lambda record: _RATES[suffix](float(record.fields["rate"]), rate)
    return lambda r: _TEXTS[suffix](str(r.fields.get(field, "")).casefold(), value.casefold())


def _number(name: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        refuse_value(name)


def _sort_key(record: Record, column: str) -> tuple[Any, str]:
    value = record.fields.get(column, "")
    return (value if column == "rate" else str(value).casefold(), record.id)
