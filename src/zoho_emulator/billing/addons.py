"""Billing addons: extras on a product's plans, addressed by `addon_code` (zoho-facts §3.5)."""

from __future__ import annotations

from collections.abc import Mapping

from zoho_emulator.billing.dialect import refuse_value
from zoho_emulator.billing.resource import (
    Resource,
    Selection,
    Wording,
    check_code,
    check_references,
    select_by_status,
)
from zoho_emulator.billing.schema import CODE_LENGTH, NAME_LENGTH, TAX_FIELDS, TEXT_LENGTH, Field
from zoho_emulator.billing.store import BillingStore, Record
from zoho_emulator.wire import JsonDocument

_BRACKET_NEEDS = {
    "unit": (),
    "volume": ("start_quantity", "end_quantity"),
    "tier": ("start_quantity", "end_quantity"),
    "package": ("end_quantity",),
}


class Addons(Resource):
    """An addon is a one-time or recurring extra."""

    plural = "addons"
    singular = "addon"
    label = "Addon"
    fields = (
        Field("addon_code", longest=CODE_LENGTH),
        Field("name", longest=NAME_LENGTH),
        Field("unit_name"),
        Field("pricing_scheme", default="unit", choices=tuple(_BRACKET_NEEDS)),
        Field("price_brackets", "rows"),
        Field("type", default="recurring", choices=("recurring", "one_time")),
        Field("interval_unit", default="monthly", choices=("monthly", "yearly")),
        Field("applicable_to_all_plans", "flag", default=True),
        Field("plans", "rows", default=[]),
        Field("product_id"),
        Field("tags", "rows", default=[]),
        Field("custom_fields", "rows", default=[]),
        Field("description", default="", longest=TEXT_LENGTH),
        Field("store_markup_description", default="", longest=TEXT_LENGTH),
        Field("tax_exemption_code"),
        *TAX_FIELDS,
    )
    update_fields = fields
    create_requires = ("addon_code", "name", "unit_name", "price_brackets", "product_id")
    update_requires = create_requires
    wording = Wording(
        "The addon has been created",
        "The addon details have been updated.",
        "The addon has been deleted.",
        "The addon has been marked as active.",
        "The addon has been marked as inactive.",
    )

    def locate(self, store: BillingStore, key: str) -> Record | None:
        return store.by_code(self.plural, key)

    def check(self, store: BillingStore, body: JsonDocument, record: Record | None) -> None:
        """Plans are named unless the addon fits all of them; brackets fit the pricing scheme."""
        check_references(store, body)
        if not body.get("applicable_to_all_plans", True) and not body.get("plans"):
            refuse_value("plans", 4)
        for row in body.get("plans", []):
            if store.by_code("plans", str(row.get("plan_code", ""))) is None:
                refuse_value("plan_code", 4)
        needed = ("price", *_BRACKET_NEEDS[body.get("pricing_scheme", "unit")])
        for bracket in body["price_brackets"]:
            for name in needed:
                if not _is_number(bracket.get(name)):
                    refuse_value(name, 4)
        check_code(store, self.plural, body["addon_code"], record)

    def select(self, store: BillingStore, query: Mapping[str, str]) -> Selection:
        return select_by_status(store, self.plural, query, "AddonStatus")

    def show(self, store: BillingStore, record: Record, *, listed: bool) -> JsonDocument:
        shown: JsonDocument = {**record.fields, "status": record.status}
        shown["unit"] = record.fields.get("unit_name", "")
        shown["created_time"] = store.stamp(record.created_at)
        shown["updated_time"] = store.stamp(record.updated_at)
        if listed:
            shown["addon_id"] = record.id  # seen in live lists (§3.5)
        return shown


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
