"""Billing plans: addressed by `plan_code`, priced per interval (zoho-facts §3.4)."""

from __future__ import annotations

from collections.abc import Mapping

from zoho_emulator.billing.dialect import refuse, refuse_value
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


class Plans(Resource):
    """A plan is what a subscription is to: a price, an interval, a number of cycles."""

    plural = "plans"
    singular = "plan"
    label = "Plan"
    update_fields = (
        Field("plan_code", longest=CODE_LENGTH),
        Field("name", longest=NAME_LENGTH),
        Field("recurring_price", "money", least=0),
        Field("unit", default=""),
        Field("interval", "whole", least=1),
        Field("interval_unit", default="months", choices=("months", "years")),
        Field("billing_cycles", "whole", default=-1, least=-1),
        Field("trial_period", "whole", default=0, least=0),
        Field("setup_fee", "money", default=0.0, least=0),
        Field("setup_fee_account_id"),
        Field("can_charge_setup_fee_immediately", "flag"),
        Field("tags", "rows", default=[]),
        Field("custom_fields", "rows", default=[]),
        Field("description", default="", longest=TEXT_LENGTH),
        Field("store_markup_description", default="", longest=TEXT_LENGTH),
        Field("is_taxable"),
        Field("tax_exemption_code"),
        *TAX_FIELDS,
        Field("addons", "rows"),
    )
    # A plan cannot be moved to another product: `product_id` is a field of creation alone.
    fields = (
        *(field for field in update_fields if field.name != "addons"),
        Field("product_id"),
    )
    create_requires = ("plan_code", "name", "recurring_price", "interval", "product_id")
    update_requires = ("plan_code", "name", "recurring_price", "interval")
    wording = Wording(
        "The plan has been created.",
        "The plan details has been updated.",
        "The plan has been deleted.",
        "The plan has been marked as active.",
        "The plan has been marked as inactive.",
    )

    def locate(self, store: BillingStore, key: str) -> Record | None:
        return store.by_code(self.plural, key)

    def check(self, store: BillingStore, body: JsonDocument, record: Record | None) -> None:
        """Zero billing cycles are refused: endless is -1 (§3.4)."""
        check_references(store, body)
        if body.get("billing_cycles") == 0:
            refuse_value("billing_cycles")
        check_code(store, self.plural, body["plan_code"], record)

    def check_deletion(self, store: BillingStore, record: Record) -> None:
        """Only a plan without transactions can be deleted (§3.4)."""
        if store.subscriptions.get(record.id) or store.cancelled.get(record.id):
            message = "The plan cannot be deleted as it has transactions."
            refuse(400, store.options.attached_code, message)

    def select(self, store: BillingStore, query: Mapping[str, str]) -> Selection:
        """`plan_code` is no documented filter: ignored, so the first row is any plan (§3.4)."""
        selection = select_by_status(store, self.plural, query, "PlanStatus")
        if store.options.honour_undocumented_filters and "plan_code" in query:
            rows = [r for r in selection.rows if r.fields["plan_code"] == query["plan_code"]]
            return Selection(selection.key, rows, selection.applied_filter)
        return selection

    def show(self, store: BillingStore, record: Record, *, listed: bool) -> JsonDocument:
        shown: JsonDocument = {**record.fields, "status": record.status}
        shown.setdefault("addons", [])
        shown["created_time"] = store.stamp(record.created_at)
        shown["updated_time"] = store.stamp(record.updated_at)
        if listed or store.options.plan_id_everywhere:
            shown["plan_id"] = record.id
        if listed:
            shown["pricing_scheme"] = "flat"
            shown["price_brackets"] = [{"price": record.fields.get("recurring_price")}]
        else:
            shown["url"] = f"https://billing.example/subscribe/{record.id}"
            shown["account_id"], shown["account_name"] = store.tax_authority_id, "Sales"
        return shown
