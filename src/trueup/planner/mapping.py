"""Which field of a record comes from where, and who owns it.

The defaults are those of the specification; `trueup.toml` replaces single lines. Every source has
a name, so that a mapping is configuration and not code.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from trueup.domain.offering import Offering
from trueup.domain.records import FieldValue, Kind, RecordKey, Ref


class Policy(StrEnum):
    """Who owns a field."""

    ENFORCE = "enforce"  # the catalogue: a difference is corrected
    FILL = "fill"  # the catalogue only while it is empty
    REPORT = "report"  # the catalogue, but a person is asked before a hand edit is overwritten
    IGNORE = "ignore"  # somebody else: never read, never sent


@dataclass(frozen=True, slots=True)
class FieldRule:
    """One line of a mapping: a field, the name of its source or a constant, and its policy."""

    field: str
    source: str = ""
    value: FieldValue = None
    policy: Policy = Policy.ENFORCE


@dataclass(frozen=True, slots=True)
class Facts:
    """What the sources of a product's records look at; `label` is its name made unique.

    `plan_code` names the version of its plan that counts; empty for the first one, the SKU.
    """

    offering: Offering
    label: str
    plan_code: str = ""


Source = Callable[[Facts], FieldValue]

PRODUCT_SOURCES: Mapping[str, Source] = {
    "name": lambda f: f.offering.name,
    "label": lambda f: f.label,
    "sku": lambda f: f.offering.sku,
    "plan_code": lambda f: f.plan_code or f.offering.sku,
    "description": lambda f: f.offering.description,
    "product_category": lambda f: f.offering.product_category,
    "service_type": lambda f: f.offering.service_type,
    "market_segment": lambda f: f.offering.market_segment,
    "provider": lambda f: f.offering.provider,
    "offering_id": lambda f: f.offering.offering_id,
    "source_product_id": lambda f: f.offering.source_product_id,
    "recurring": lambda f: f.offering.recurring.amount,
    "setup": lambda f: f.offering.setup.amount,
    "term_months": lambda f: f.offering.term_months,
    "down_mbps": lambda f: f.offering.down_mbps,
    "up_mbps": lambda f: f.offering.up_mbps,
    "valid_from": lambda f: f.offering.valid_from,
    "valid_to": lambda f: f.offering.valid_to,
    "active": lambda _: True,
    "billing_product": lambda f: Ref(RecordKey(Kind.BILLING_PRODUCT, f.offering.sku)),
}

_ZERO = Decimal("0.00")

DEFAULT_RULES: Mapping[Kind, tuple[FieldRule, ...]] = {
    Kind.CRM_PRODUCT: (
        FieldRule("Product_Name", "name"),
        FieldRule("Product_Code", "sku"),
        FieldRule("Description", "description"),
        FieldRule("Product_Category", "product_category"),
        FieldRule("Unit_Price", "recurring"),
        FieldRule("Product_Active", "active"),
        FieldRule("ct_product_id", "source_product_id"),
        FieldRule("ct_service_package_id", "offering_id"),
        FieldRule("ct_service_type", "service_type"),
        FieldRule("ct_market_segment", "market_segment"),
        FieldRule("ct_provider", "provider"),
        FieldRule("ct_installation_fee", "setup"),
        FieldRule("ct_download_speed_mbps", "down_mbps"),
        FieldRule("ct_upload_speed_mbps", "up_mbps"),
        FieldRule("ct_contract_term_months", "term_months"),
        FieldRule("ct_valid_from", "valid_from"),
        FieldRule("ct_valid_to", "valid_to"),
    ),
    Kind.BILLING_PRODUCT: (
        FieldRule("name", "label"),
        FieldRule("description", "description"),
        FieldRule("active", "active"),
    ),
    Kind.BILLING_PLAN: (
        FieldRule("plan_code", "plan_code"),
        FieldRule("name", "name"),
        FieldRule("description", "description"),
        FieldRule("recurring_price", "recurring"),
        FieldRule("interval", value=1),
        FieldRule("interval_unit", value="months"),
        FieldRule("billing_cycles", value=-1),
        FieldRule("setup_fee", value=_ZERO),
        # Zoho cannot move a plan to another product: it is stated once, at creation.
        FieldRule("product_id", "billing_product", policy=Policy.FILL),
        FieldRule("active", "active"),
    ),
    Kind.BILLING_ITEM: (
        FieldRule("name", "item_name"),
        FieldRule("sku", "item_sku"),
        FieldRule("rate", "item_rate"),
        FieldRule("description", "item_description"),
        FieldRule("active", "active"),
    ),
}

# The fields that Zoho itself takes as the price, wherever a mapping fills them from.
_PRICES = frozenset({"Unit_Price", "recurring_price"})
_FEES = frozenset({"setup", "item_rate"})

ITEM_SOURCES = ("item_name", "item_sku", "item_rate", "item_description", "active")


@dataclass(frozen=True, slots=True)
class FieldMap:
    """The effective mapping."""

    rules: Mapping[Kind, tuple[FieldRule, ...]]

    def managed(self, kind: Kind) -> tuple[str, ...]:
        """The fields of a kind that we read and may write."""
        return tuple(r.field for r in self.rules[kind] if r.policy is not Policy.IGNORE)

    def policies(self, kind: Kind) -> dict[str, Policy]:
        """The policy of each field of a kind."""
        return {rule.field: rule.policy for rule in self.rules[kind]}

    def money(self, kind: Kind) -> dict[str, bool]:
        """The managed fields that hold money; true for those that are the list price itself.

        A list price is never nothing. A fee may be, because 0.00 is a fee that is waived.
        """
        found: dict[str, bool] = {}
        for rule in self.rules[kind]:
            if rule.policy is not Policy.IGNORE:
                price = rule.source == "recurring" or rule.field in _PRICES
                if price or rule.source in _FEES or rule.field == "setup_fee":
                    found[rule.field] = price
        return found

    def field_from(self, kind: Kind, source: str) -> str:
        """The managed field that comes from a source; empty when none does."""
        managed = (r for r in self.rules[kind] if r.policy is not Policy.IGNORE)
        return next((rule.field for rule in managed if rule.source == source), "")

    def digest(self) -> str:
        """Changes when the mapping does, so that what a mapping broke is tried again."""
        text = repr([(kind.value, rules) for kind, rules in sorted(self.rules.items())])
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
