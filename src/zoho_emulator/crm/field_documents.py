"""One field as `settings/fields` describes it (zoho-facts §2.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoho_emulator.crm.fields import Field
from zoho_emulator.wire import JsonDocument

if TYPE_CHECKING:
    from zoho_emulator.crm.store import CrmStore


def field_document(store: CrmStore, name: str) -> JsonDocument:
    """One field's metadata; `{}` stands for "not set" (zoho-facts §2.2)."""
    field = store.fields[name]
    writable = not field.read_only
    external = {"type": field.external, "show": True, "allow_multiple_config": False}
    return {
        "id": store.field_ids[name],
        "api_name": name,
        "field_label": field.label,
        "display_label": field.label,
        "data_type": field.data_type if field.data_type != "tag" else "text",
        "json_type": field.json_type,
        "length": field.length,
        "decimal_place": field.decimal_place,
        "system_mandatory": field.mandatory,
        "unique": {"casesensitive": str(field.case_sensitive).lower()} if field.unique else {},
        "external": external if field.external else {},
        "custom_field": field.custom,
        "read_only": field.read_only,
        "field_read_only": field.read_only,
        "visible": True,
        "operation_type": {
            "web_update": writable,
            "api_create": writable,
            "web_create": writable,
            "api_update": writable,
        },
        "view_type": {"view": True, "edit": writable, "quick_create": False, "create": writable},
        "pick_list_values": options_of(store, field),
        "pick_list_values_sorted_lexically": False,
        "enable_colour_code": False,
        "lookup": _lookup(store, field),
        "currency": _currency(field),
        "textarea": {"type": "large"} if field.data_type == "textarea" else None,
        "profiles": [
            {
                "permission_type": "read_write" if writable else "read_only",
                "name": "Administrator",
                "id": store.profile_id,
            }
        ],
        "created_source": "default",
        "type": "used",
        "tooltip": None,
        "webhook": True,
        "searchable": field.data_type in {"text", "picklist"},
        "sortable": field.data_type != "textarea",
        "filterable": field.data_type != "textarea",
        "mass_update": writable,
        "virtual_field": False,
        "separator": field.data_type in {"integer", "double", "currency"},
        "history_tracking_enabled": False,
        "display_field": name == "Product_Name",
        "formula": {},
        "auto_number": {},
        "multiselectlookup": {},
        "multiuserlookup": {},
        "convert_mapping": {},
        "association_details": None,
        "default_value": None,
        # The rest is present in every live answer and says nothing about a product.
        "multi_module_lookup": {},
        "rollup_summary": {},
        "range": None,
        "public": True,
        "ui_type": 1,
        "display_type": -1,
        "businesscard_supported": False,
        "colour_code_enabled_by_system": False,
        "email_parser": {
            "fields_update_supported": False,
            "record_operations_supported": False,
        },
    }


def options_of(store: CrmStore, field: Field) -> list[JsonDocument]:
    """The pick list as zoho-facts §2.1 describes an option."""
    return [
        {
            "display_value": value,
            "actual_value": value,
            "reference_value": value,
            "sequence_number": position,
            "id": f"{store.field_ids[field.api_name][:15]}{position:04d}",
            "type": "used",
            "colour_code": None,
        }
        for position, value in enumerate(field.pick_list_values, start=1)
    ]


def _lookup(store: CrmStore, field: Field) -> JsonDocument:
    if not field.lookup_module:
        return {}
    target = {
        "api_name": field.lookup_module,
        "id": store.module_ids[field.lookup_module],
        "module_name": field.lookup_module,
    }
    return {
        "api_name": "Products",
        "display_label": "Products",
        "id": store.field_ids[field.api_name],
        "module": target,
        "query_details": {},
    }


def _currency(field: Field) -> JsonDocument:
    if field.data_type != "currency":
        return {}
    return {"rounding_option": "normal", "precision": field.decimal_place}
