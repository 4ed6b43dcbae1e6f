"""Billing products: addressed by id, no documented filters, no external key (zoho-facts §3.3)."""

from __future__ import annotations

from collections.abc import Mapping

from zoho_emulator.billing.dialect import refuse
from zoho_emulator.billing.paging import kept_listing
from zoho_emulator.billing.resource import Resource, Selection, Wording, refuse_duplicate
from zoho_emulator.billing.schema import ITEM_NAME_LENGTH, TEXT_LENGTH, Field
from zoho_emulator.billing.store import BillingStore, Record
from zoho_emulator.wire import JsonDocument


class Products(Resource):
    """A product is the folder that plans and addons hang in."""

    plural = "products"
    singular = "product"
    label = "Product"
    fields = (
        Field("name", longest=ITEM_NAME_LENGTH),
        Field("description", default="", longest=TEXT_LENGTH),
        Field("email_ids", default=""),
        Field("redirect_url", default=""),
    )
    update_fields = fields
    create_requires = ("name",)
    update_requires = ("name",)
    wording = Wording(
        "The product has been created",
        "The product details have been updated.",
        "The product has been deleted.",
        "The product has been marked as active.",
        "The product has been marked as inactive.",
    )

    def locate(self, store: BillingStore, key: str) -> Record | None:
        return store.get(self.plural, key)

    def check(self, store: BillingStore, body: JsonDocument, record: Record | None) -> None:
        """Uniqueness of names is undocumented; the worst case refuses a second one (§3.3)."""
        if not store.options.product_names_unique:
            return
        if any(other is not record for other in store.alike(self.plural, "name", body["name"])):
            refuse_duplicate(store, f"Product {body['name']} already exists.")

    def check_deletion(self, store: BillingStore, record: Record) -> None:
        attached = [
            *store.alike("plans", "product_id", record.id),
            *store.alike("addons", "product_id", record.id),
        ]
        if attached and store.options.attached_blocks_delete:
            message = "The product cannot be deleted as plans or addons are associated with it."
            refuse(400, store.options.attached_code, message)

    def select(self, store: BillingStore, query: Mapping[str, str]) -> Selection:
        del query  # no filter is documented
        key = (self.plural,)
        rows = kept_listing(store, key, lambda: store.all(self.plural)[::-1])
        return Selection(key, rows, "ProductStatus.All")

    def show(self, store: BillingStore, record: Record, *, listed: bool) -> JsonDocument:
        shown = {"product_id": record.id, **record.fields, "status": record.status}
        shown["created_time"] = store.stamp(record.created_at)
        shown["updated_time"] = store.stamp(record.updated_at)
        if listed:
            # Live lists were seen to add these (§3.3).
            shown["created_at"] = shown["created_time"]
            shown["plans_count"] = len(store.alike("plans", "product_id", record.id))
            shown["addons_count"] = len(store.alike("addons", "product_id", record.id))
            shown["coupons_count"] = 0
        return shown
