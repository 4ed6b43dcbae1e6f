"""The fields of the Products module, as an administrator would have set them up.

The 31 standard names are those of zoho-facts §2.1; the eleven `ct_*` fields are the custom ones
that a catalogue needs beside them. Lengths are defaults, a live organisation may differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

# What a value looks like in JSON, by the type of its field (zoho-facts §2.1, §2.2).
JSON_TYPES: Mapping[str, str] = {
    "bigint": "string",
    "text": "string",
    "textarea": "string",
    "picklist": "string",
    "profileimage": "string",
    "date": "string",
    "datetime": "string",
    "boolean": "boolean",
    "integer": "integer",
    "double": "double",
    "currency": "double",
    "lookup": "jsonobject",
    "ownerlookup": "jsonobject",
    "userlookup": "jsonobject",
    "multiselectpicklist": "jsonarray",
    "tag": "jsonarray",
}

# "Do not allow duplicate values" exists for these types only (zoho-facts §2.5).
UNIQUE_TYPES = frozenset({"text", "email", "phone", "integer", "bigint", "website"})


@dataclass(frozen=True, slots=True)
class Field:
    """One field of Products; `length` counts characters, or digits for numbers.

    `external` is "" (not set), "org" or "user" (zoho-facts §2.6). `duplicate_check` marks the
    system-defined field that an upsert matches on by itself (zoho-facts §2.5). `field_label` is
    what people see; empty: the API name with blanks.
    """

    api_name: str
    data_type: str
    length: int
    decimal_place: int | None = None
    mandatory: bool = False
    unique: bool = False
    case_sensitive: bool = False
    external: str = ""
    duplicate_check: bool = False
    custom: bool = False
    read_only: bool = False
    pick_list_values: tuple[str, ...] = ()
    lookup_module: str = ""
    field_label: str = ""

    @property
    def label(self) -> str:
        """What people see."""
        return self.field_label or self.api_name.replace("_", " ").strip()

    @property
    def json_type(self) -> str:
        """The JSON type Zoho states for this field in its metadata."""
        return JSON_TYPES[self.data_type]

    @property
    def matchable(self) -> bool:
        """Whether an upsert may name this field in `duplicate_check_fields` (zoho-facts §2.5)."""
        return self.unique or self.duplicate_check

    @property
    def enforced(self) -> bool:
        """Whether two records may not share a value (zoho-facts §2.5, §2.6)."""
        return self.unique or bool(self.external)

    def folded(self, value: object) -> str:
        """`value` as it is compared for uniqueness."""
        text = str(value)
        return text if self.case_sensitive else text.casefold()


def _text(name: str, length: int = 255, **more: Any) -> Field:
    return Field(name, "text", length, **more)


def _number(name: str, data_type: str) -> Field:
    return Field(name, data_type, 16, decimal_place=2)


def _system(name: str, data_type: str, length: int = 120) -> Field:
    return Field(name, data_type, length, read_only=True)


def _picklist(name: str, *values: str, read_only: bool = False) -> Field:
    return Field(name, "picklist", 120, pick_list_values=values, read_only=read_only)


STANDARD_FIELDS: tuple[Field, ...] = (
    _system("id", "bigint", 20),
    Field("Owner", "ownerlookup", 120),
    _text("Product_Name", 50, mandatory=True, duplicate_check=True),
    _text("Product_Code", 40),
    Field("Vendor_Name", "lookup", 120, lookup_module="Vendors"),
    Field("Product_Active", "boolean", 5),
    _picklist("Manufacturer", "-None-"),
    _picklist("Product_Category", "-None-", "Hardware", "Software", "CRM Applications"),
    Field("Sales_Start_Date", "date", 20),
    Field("Sales_End_Date", "date", 20),
    Field("Support_Start_Date", "date", 20),
    Field("Support_Expiry_Date", "date", 20),
    _number("Unit_Price", "currency"),
    _number("Commission_Rate", "currency"),
    Field("Taxable", "boolean", 5),
    Field("Tax", "multiselectpicklist", 120),
    _picklist("Usage_Unit", "-None-", "Box", "Each", "Hours", "Lb", "Pieces", "Quantity"),
    _number("Qty_Ordered", "double"),
    _number("Qty_in_Stock", "double"),
    _number("Reorder_Level", "double"),
    _number("Qty_in_Demand", "double"),
    Field("Handler", "userlookup", 120),
    Field("Description", "textarea", 32000),
    Field("Tag", "tag", 2000),
    _system("Record_Image", "profileimage", 255),
    _system("Created_By", "ownerlookup"),
    _system("Modified_By", "ownerlookup"),
    _system("Created_Time", "datetime"),
    _system("Modified_Time", "datetime"),
    _picklist("Record_Status__s", "Available", "Draft", "Trash", read_only=True),
    _system("Locked__s", "boolean", 5),
)

CATALOGUE_FIELDS: tuple[Field, ...] = (
    _text("ct_product_id", custom=True),
    _text("ct_service_package_id", custom=True),
    _text("ct_service_type", custom=True),
    _text("ct_market_segment", custom=True),
    _text("ct_provider", custom=True),
    Field("ct_installation_fee", "currency", 16, decimal_place=2, custom=True),
    Field("ct_download_speed_mbps", "integer", 9, custom=True),
    Field("ct_upload_speed_mbps", "integer", 9, custom=True),
    Field("ct_contract_term_months", "integer", 9, custom=True),
    Field("ct_valid_from", "date", 20, custom=True),
    Field("ct_valid_to", "date", 20, custom=True),
)


def compose(
    custom: Iterable[Field],
    overrides: Mapping[str, Mapping[str, Any]],
    missing: Iterable[str],
) -> dict[str, Field]:
    """The fields of one organisation, by API name.

    Raises `ValueError` when an override names an unknown field or attribute, or makes a field
    unique whose type cannot be.
    """
    fields = {field.api_name: field for field in (*STANDARD_FIELDS, *custom)}
    for name in missing:
        fields.pop(name, None)
    for name, changes in overrides.items():
        if name not in fields:
            raise ValueError(f"field override for {name}, which the organisation lacks")
        for attribute in changes:
            if attribute not in Field.__dataclass_fields__:
                raise ValueError(f"field override for {name}: {attribute} is no attribute")
        fields[name] = replace(fields[name], **_frozen(changes))
        if fields[name].enforced and fields[name].data_type not in UNIQUE_TYPES:
            raise ValueError(f"{name} is a {fields[name].data_type}, which cannot be unique")
    return fields


def _frozen(changes: Mapping[str, Any]) -> dict[str, Any]:
    """The changes with lists as tuples, so that options may come from JSON."""
    return {
        key: tuple(value) if isinstance(value, list) else value for key, value in changes.items()
    }
