"""What the organisation says about itself: fields, modules, pick lists, org (zoho-facts §2.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoho_emulator.crm.errors import NO_CONTENT, invalid_parameter, refusal
from zoho_emulator.crm.fields import Field
from zoho_emulator.wire import JsonDocument, Request, Response, ServiceError

if TYPE_CHECKING:
    from zoho_emulator.crm.store import CrmStore
    from zoho_emulator.world import World

_SINGULAR = {"Products": "Product", "Vendors": "Vendor"}
_STATUSES = frozenset({"visible", "scheduled_for_deletion", "user_hidden", "system_hidden"})


def list_fields(world: World, request: Request) -> Response:
    """`GET /settings/fields?module=Products`; 204 for a module without any (zoho-facts §2.2)."""
    store = world.crm
    _module_of(store, request)
    kind = request.query.get("type", "all")
    if kind not in {"all", "used", "unused"}:
        raise invalid_parameter("type", supported_values=["all", "unused", "used"])
    if request.query["module"] != "Products" or kind == "unused":
        return NO_CONTENT
    return Response.json(200, {"fields": [field_document(store, name) for name in store.fields]})


def get_field(world: World, request: Request, field_id: str) -> Response:
    """`GET /settings/fields/{id}?module=Products`; 204 when nobody has that id."""
    _module_of(world.crm, request)
    name = _field_named(world.crm, field_id)
    if name is None:
        return NO_CONTENT
    return Response.json(200, {"fields": [field_document(world.crm, name)]})


def pick_list_values(world: World, request: Request, field_id: str) -> Response:
    """`GET /settings/fields/{id}/pick_list_values?module=Products`."""
    _module_of(world.crm, request)
    name = _field_named(world.crm, field_id)
    if name is None or world.crm.fields[name].data_type != "picklist":
        raise refusal(400, "INVALID_DATA", "invalid data", resource_path_index=2)
    options = [
        option | {"layout_associations": None}
        for option in _options(world.crm, world.crm.fields[name])
    ]
    return Response.json(200, {"pick_list_values": options}) if options else NO_CONTENT


def list_modules(world: World, request: Request) -> Response:
    """`GET /settings/modules`."""
    wanted = [status for status in request.query.get("status", "").split(",") if status]
    if not _STATUSES.issuperset(wanted):
        raise invalid_parameter("status", supported_values=sorted(_STATUSES))
    if wanted and "visible" not in wanted:
        return NO_CONTENT
    modules = [_module(world.crm, name) for name in world.crm.module_ids]
    return Response.json(200, {"modules": modules})


def get_module(world: World, request: Request, module: str) -> Response:
    """`GET /settings/modules/{api_name|id}`."""
    del request
    for name, module_id in world.crm.module_ids.items():
        if module in {name, module_id}:
            return Response.json(200, {"modules": [_module(world.crm, name)]})
    raise invalid_module(2)


def get_org(world: World, request: Request) -> Response:
    """`GET /org`; `zgid` is the value of `X-CRM-ORG` (zoho-facts §2.2)."""
    del request
    options, store = world.options, world.crm
    org = {
        "id": options.org_id,
        "zgid": options.org_id,
        "company_name": options.org_name,
        "type": "production",
        "currency": options.currency,
        "iso_code": options.currency,
        "currency_locale": "en_ZA",
        "time_zone": options.time_zone,
        "mc_status": False,
        "primary_email": store.person.email,
        "created_time": store.stamp(store.opened_at),
        "license_details": {
            "paid_expiry": None,
            "users_license_purchased": 2,
            "trial_type": None,
            "trial_expiry": None,
            "paid": True,
            "paid_type": "enterprise",
            "portal_users_license_purchased": 0,
        },
    }
    return Response.json(200, {"org": [org]})


def invalid_module(position: int) -> ServiceError:
    """INVALID_MODULE about the path segment at `position` (zoho-facts §2.14)."""
    text = "the module name given seems to be invalid"
    return refusal(400, "INVALID_MODULE", text, resource_path_index=position)


def field_document(store: CrmStore, name: str) -> JsonDocument:
    """One field's metadata; `{}` stands for "not set" (zoho-facts §2.2)."""
    field = store.fields[name]
    writable = not field.read_only
    label = name.replace("_", " ").strip()
    external = {"type": field.external, "show": True, "allow_multiple_config": False}
    return {
        "id": store.field_ids[name],
        "api_name": name,
        "field_label": label,
        "display_label": label,
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
        "pick_list_values": _options(store, field),
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
    }


def _options(store: CrmStore, field: Field) -> list[JsonDocument]:
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


def _module(store: CrmStore, name: str) -> JsonDocument:
    ours = name == "Products"
    return {
        "api_name": name,
        "module_name": name,
        "id": store.module_ids[name],
        "api_supported": True,
        "creatable": ours,
        "editable": ours,
        "viewable": True,
        "deletable": ours,
        "generated_type": "default",
        "status": "visible",
        "visible": True,
        "singular_label": _SINGULAR[name],
        "plural_label": name,
        "global_search_supported": True,
        "recycle_bin_on_delete": True,
        "quick_create": False,
        "show_as_tab": True,
        "triggers_supported": True,
        "profile_count": 1,
        "has_more_profiles": False,
        "public_fields_configured": False,
        "sub_menu_available": False,
        "description": None,
        "modified_time": None,
    }


def _module_of(store: CrmStore, request: Request) -> None:
    """Refuse a missing or unknown `module` parameter."""
    if "module" not in request.query:
        text = "One of the expected parameter is missing"
        raise refusal(400, "REQUIRED_PARAM_MISSING", text, param_name="module")
    if request.query["module"] not in store.module_ids:
        raise refusal(
            400, "INVALID_MODULE", "the module name given seems to be invalid", param_name="module"
        )


def _field_named(store: CrmStore, field_id: str) -> str | None:
    return next((name for name, known in store.field_ids.items() if known == field_id), None)
