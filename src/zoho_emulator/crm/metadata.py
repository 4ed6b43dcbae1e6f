"""What the organisation says about itself: fields, modules, pick lists, org (zoho-facts §2.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoho_emulator.crm.errors import NO_CONTENT, invalid_parameter, refusal
from zoho_emulator.crm.field_documents import field_document, options_of
from zoho_emulator.wire import JsonDocument, Request, Response, ServiceError

if TYPE_CHECKING:
    from zoho_emulator.crm.store import CrmStore
    from zoho_emulator.world import World

_SINGULAR = {"Products": "Product", "Vendors": "Vendor"}
_STATUSES = frozenset({"visible", "scheduled_for_deletion", "user_hidden", "system_hidden"})


def list_fields(world: World, request: Request) -> Response:
    """`GET /settings/fields?module=Products`; 204 for a module without any (zoho-facts §2.2)."""
    store = world.crm
    module_of(store, request)
    kind = request.query.get("type", "all")
    if kind not in {"all", "used", "unused"}:
        raise invalid_parameter("type", supported_values=["all", "unused", "used"])
    if request.query["module"] != "Products" or kind == "unused":
        return NO_CONTENT
    return Response.json(200, {"fields": [field_document(store, name) for name in store.fields]})


def get_field(world: World, request: Request, field_id: str) -> Response:
    """`GET /settings/fields/{id}?module=Products`; 204 when nobody has that id."""
    module_of(world.crm, request)
    name = _field_named(world.crm, field_id)
    if name is None:
        return NO_CONTENT
    return Response.json(200, {"fields": [field_document(world.crm, name)]})


def pick_list_values(world: World, request: Request, field_id: str) -> Response:
    """`GET /settings/fields/{id}/pick_list_values?module=Products`."""
    module_of(world.crm, request)
    name = _field_named(world.crm, field_id)
    if name is None or world.crm.fields[name].data_type != "picklist":
        raise refusal(400, "INVALID_DATA", "invalid data", resource_path_index=2)
    options = [
        option | {"layout_associations": None}
        for option in options_of(world.crm, world.crm.fields[name])
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


def list_users(world: World, request: Request) -> Response:
    """`GET /users`, which the official SDK asks for the name of the current user."""
    mine = request.query.get("type") == "CurrentUser"
    users = [world.crm.api_user] if mine else list(world.crm.users())
    rows = [
        {"id": user.id, "full_name": user.name, "email": user.email, "status": "active"}
        for user in users
    ]
    info = {"per_page": 200, "count": len(rows), "page": 1, "more_records": False}
    return Response.json(200, {"users": rows, "info": info})


def invalid_module(position: int) -> ServiceError:
    """INVALID_MODULE about the path segment at `position` (zoho-facts §2.14)."""
    text = "the module name given seems to be invalid"
    return refusal(400, "INVALID_MODULE", text, resource_path_index=position)


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
        "sequence_number": list(store.module_ids).index(name) + 1,
        "profiles": [{"name": "Administrator", "id": store.profile_id}],
        "profile_count": 1,
        "has_more_profiles": False,
        "public_fields_configured": False,
        "sub_menu_available": False,
        "description": None,
        "modified_time": None,
    }


def module_of(store: CrmStore, request: Request) -> str:
    """The `module` parameter; a missing or unknown one is refused."""
    if "module" not in request.query:
        text = "One of the expected parameter is missing"
        raise refusal(400, "REQUIRED_PARAM_MISSING", text, param_name="module")
    if request.query["module"] not in store.module_ids:
        raise refusal(
            400, "INVALID_MODULE", "the module name given seems to be invalid", param_name="module"
        )
    return request.query["module"]


def _field_named(store: CrmStore, field_id: str) -> str | None:
    return next((name for name, known in store.field_ids.items() if known == field_id), None)
