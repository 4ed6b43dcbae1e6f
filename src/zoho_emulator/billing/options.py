"""What can be chosen about Billing; defaults are the worst case (zoho-facts §5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class BillingOptions:
    """Undocumented points of Billing v1.

    `unknown_fields`: whether a key that the specification does not list is refused or passed over.
    `product_names_unique`, `item_skus_unique`: whether a second one is refused; with
    `duplicate_code`, a sentinel, as nobody has published the real code (§3.8).
    `attached_code`: the sentinel for a deletion refused because of plans or subscriptions.
    `item_ids_as_numbers`: item ids leave as bare JSON numbers (§3.1).
    `plan_id_everywhere`: `plan_id` also in answers about one plan, not only in lists (§3.4).
    `strict_org_header`: a request without the organisation header is refused with code 6041.
    `honour_undocumented_filters`: `plan_code` and `sku` filter lists instead of being ignored.
    `put_resets`: an optional field that a PUT leaves out returns to its default (§3.4).
    `attached_blocks_delete`: a product with plans or addons cannot be deleted (§3.3).
    `custom_fields`: labels of the custom fields that an administrator has defined.
    `subscription_plan_code`: where a listed subscription names its plan's code; the documentation
    has it nowhere, live lists have it flat (§3.10).
    `price_precision`: decimal places that prices are rounded to, half up (§3.7).
    """

    unknown_fields: Literal["refuse", "ignore"] = "refuse"
    product_names_unique: bool = True
    item_skus_unique: bool = True
    duplicate_status: int = 400
    duplicate_code: int = 9999
    attached_code: int = 9998
    item_ids_as_numbers: bool = True
    plan_id_everywhere: bool = False
    strict_org_header: bool = False
    honour_undocumented_filters: bool = False
    put_resets: bool = False
    attached_blocks_delete: bool = True
    unknown_object_status: int = 404
    custom_fields: tuple[str, ...] = ()
    subscription_plan_code: Literal["flat", "nested", "absent"] = "flat"
    price_precision: int = 2
    tax_percentage: float = 15.0
