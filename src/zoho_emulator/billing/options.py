"""What can be chosen about Billing; defaults are the worst case (zoho-facts §5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class BillingOptions:
    """Undocumented points of Billing v1.

    `unknown_fields`: whether a key that the specification does not list is refused or passed over.
    `product_names_unique`, `duplicate_code`, `duplicate_status`: a second product of one name, and
    the sentinel for duplicates whose code nobody has published (§3.8).
    `item_ids_as_numbers`: item ids leave as bare JSON numbers (§3.1).
    `strict_org_header`: a request without the organisation header is refused with code 6041.
    `honour_undocumented_filters`: `plan_code` and `sku` filter lists instead of being ignored.
    `put_resets`: an optional field that a plan's PUT leaves out returns to its default.
    `attached_blocks_delete`: a product with plans or addons cannot be deleted.
    `unknown_object_status`: HTTP status of "does not exist".
    """

    unknown_fields: Literal["refuse", "ignore"] = "refuse"
    product_names_unique: bool = True
    item_skus_unique: bool = True
    item_ids_as_numbers: bool = True
    duplicate_code: int = 9999
    duplicate_status: int = 400
    attached_code: int = 9998
    strict_org_header: bool = False
    honour_undocumented_filters: bool = False
    put_resets: bool = False
    attached_blocks_delete: bool = True
    unknown_object_status: int = 404
    price_precision: int = 2
    tax_percentage: float = 15.0
