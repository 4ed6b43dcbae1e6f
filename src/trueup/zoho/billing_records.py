"""The three kinds of Billing record that Trueup keeps: addresses, fields, bodies (zoho-facts §3).

A PUT wants the whole record, and whether it keeps or resets what it leaves out is not known
(zoho-facts §3.4). So everything that may be written is sent back as it was just read, in the form
that requests have, and only the changed fields differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from trueup.domain.records import FieldSpec, FieldValue, Kind, RemoteRecord
from trueup.zoho.codec import identifier, read, text, write

BASE = "/billing/v1"
ORGANISATION = "X-com-zoho-subscriptions-organizationid"
_EMPTY: tuple[Any, ...] = (None, "", [])


@dataclass(frozen=True, slots=True)
class Shape:
    """What is particular about one kind.

    `rows` names the members that a list of objects has in requests (answers have more of them);
    `defaults` are the documented values of fields that an answer may leave out.
    """

    kind: Kind
    plural: str
    singular: str
    id_name: str
    address: str  # the member that goes into the path
    everything: Mapping[str, str]  # the filter that lists active and inactive ones
    marks: Mapping[bool, str]  # the last part of the path that activates or deactivates
    specs: Mapping[str, FieldSpec]
    writable: tuple[str, ...]
    rows: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)

    @property
    def collection(self) -> str:
        """The path of all records of this kind."""
        return f"{BASE}/{self.plural}"

    def path(self, address: str) -> str:
        """The path of one record; whatever its code holds stays one segment."""
        return f"{self.collection}/{quote(address, safe='')}"

    def read(self, row: Mapping[str, Any]) -> dict[str, FieldValue]:
        """The managed fields of an answer. What it does not say is left out: not read."""
        fields: dict[str, FieldValue] = {}
        for name, spec in self.specs.items():
            if name == "active":
                if row.get("status"):
                    fields[name] = text(row["status"]).lower() == "active"
            elif name in row:
                fields[name] = read(row[name], spec.data_type)
            elif name in self.defaults:
                fields[name] = read(self.defaults[name], spec.data_type)
        return fields

    def record(self, row: Mapping[str, Any]) -> RemoteRecord:
        """A record of ours from an answer of Billing."""
        code = {Kind.BILLING_PLAN: "plan_code", Kind.BILLING_ITEM: "sku"}.get(self.kind, "")
        return RemoteRecord(
            kind=self.kind,
            remote_id=identifier(row.get(self.id_name)),
            code=text(row.get(code)) if code else "",
            fields=self.read(row),
            parent_id=identifier(row.get("product_id")) if self.kind is Kind.BILLING_PLAN else "",
            version=text(row.get("updated_time")),
        )

    def creation(self, values: Mapping[str, FieldValue]) -> dict[str, Any]:
        """The body of a POST; a new record is active by itself, and null is refused (§3.7)."""
        return {
            name: write(value, self._type(name))
            for name, value in values.items()
            if name != "active" and value is not None
        }

    def replacement(
        self, current: Mapping[str, Any], edits: Mapping[str, FieldValue]
    ) -> dict[str, Any]:
        """The body of a PUT: the record as it was just read, with our edits."""
        body: dict[str, Any] = {}
        for name in self.writable:
            value = self._as_request(name, current.get(name))
            if value not in _EMPTY:
                body[name] = value
        for name, edit in edits.items():
            body[name] = "" if edit is None else write(edit, self._type(name))
        return body

    def _as_request(self, name: str, value: Any) -> Any:
        members = self.rows.get(name)
        if members is None or not isinstance(value, list):
            return value
        rows = [{m: row[m] for m in members if row.get(m) not in _EMPTY} for row in value]
        # A custom field without a value was read as empty, and empty is what leaving it out gives.
        return [row for row in rows if row and ("value" in row or "value" not in members)]

    def _type(self, name: str) -> str:
        spec = self.specs.get(name)
        return spec.data_type if spec else "text"


def _specs(*specs: FieldSpec) -> dict[str, FieldSpec]:
    return {spec.name: spec for spec in (*specs, FieldSpec("active", "boolean"))}


_MARKS = {True: "markasactive", False: "markasinactive"}
_TAXES = (
    "tax_id",
    "product_type",
    "hsn_or_sac",
    "sat_item_key_code",
    "unitkey_code",
    "item_tax_preferences",
    "is_taxable",
    "tax_exemption_id",
)

PRODUCT = Shape(
    kind=Kind.BILLING_PRODUCT,
    plural="products",
    singular="product",
    id_name="product_id",
    address="product_id",
    everything={},
    marks=_MARKS,
    specs=_specs(
        FieldSpec("name", max_length=100, mandatory=True),
        FieldSpec("description", "textarea"),
    ),
    writable=("name", "description", "email_ids", "redirect_url"),
    defaults={"description": ""},
)

# A plan is addressed by its code, which never changes, and its `plan_id` appears in listings alone
# (zoho-facts §3.4): the code is the only id that every answer carries.
PLAN = Shape(
    kind=Kind.BILLING_PLAN,
    plural="plans",
    singular="plan",
    id_name="plan_code",
    address="plan_code",
    everything={"filter_by": "PlanStatus.All"},
    marks=_MARKS,
    specs=_specs(
        FieldSpec("plan_code", max_length=99, unique=True, mandatory=True),
        FieldSpec("name", max_length=99, mandatory=True),
        FieldSpec("description", "textarea", max_length=2000),
        FieldSpec("recurring_price", "currency", mandatory=True),
        FieldSpec("interval", "integer", mandatory=True),
        FieldSpec("interval_unit", "picklist", options=("months", "years")),
        FieldSpec("billing_cycles", "integer"),
        FieldSpec("setup_fee", "currency"),
        FieldSpec("product_id", "reference", mandatory=True),
    ),
    writable=(
        "plan_code", "name", "recurring_price", "unit", "interval", "interval_unit",
        "billing_cycles", "trial_period", "setup_fee", "setup_fee_account_id",
        "can_charge_setup_fee_immediately", "tags", "custom_fields", "addons", "description",
        "store_markup_description", "tax_exemption_code", *_TAXES,
    ),
    rows={
        "tags": ("tag_id", "tag_option_id"),
        "custom_fields": ("label", "value"),
        "addons": ("addon_code", "name"),
        "item_tax_preferences": ("tax_specification", "tax_name", "tax_percentage", "tax_id"),
    },
    defaults={"description": "", "interval_unit": "months", "billing_cycles": -1, "setup_fee": 0},
)  # fmt: skip

ITEM = Shape(
    kind=Kind.BILLING_ITEM,
    plural="items",
    singular="item",
    id_name="item_id",
    address="item_id",
    everything={"filter_by": "Status.All"},
    marks={True: "active", False: "inactive"},
    specs=_specs(
        FieldSpec("name", max_length=100, unique=True, mandatory=True),
        FieldSpec("sku", max_length=100),
        FieldSpec("rate", "currency", mandatory=True),
        FieldSpec("description", "textarea", max_length=2000),
    ),
    writable=("name", "rate", "description", "sku", "custom_fields", *_TAXES),
    rows={
        "custom_fields": ("customfield_id", "value"),
        "item_tax_preferences": ("tax_id", "tax_specification"),
    },
    defaults={"description": "", "sku": ""},
)

SHAPES: Mapping[Kind, Shape] = {shape.kind: shape for shape in (PRODUCT, PLAN, ITEM)}
