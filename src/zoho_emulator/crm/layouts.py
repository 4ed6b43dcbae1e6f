"""Layouts: which fields a page shows, and which of them it demands (zoho-facts §2.2).

What a layout demands is in no answer but this one; `settings/fields` does not tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zoho_emulator.crm.errors import NO_CONTENT
from zoho_emulator.crm.metadata import module_of
from zoho_emulator.wire import JsonDocument, Request, Response

if TYPE_CHECKING:
    from zoho_emulator.crm.store import CrmStore
    from zoho_emulator.world import World


def list_layouts(world: World, request: Request) -> Response:
    """`GET /settings/layouts?module=Products`: all of them, without pages."""
    if module_of(world.crm, request) != "Products":
        return NO_CONTENT
    return Response.json(200, {"layouts": [_document(world.crm, n) for n in world.crm.layouts]})


def get_layout(world: World, request: Request, layout_id: str) -> Response:
    """`GET /settings/layouts/{id}?module=Products`; 204 when nobody has that id."""
    module_of(world.crm, request)
    name = layout_named(world.crm, layout_id)
    if name is None:
        return NO_CONTENT
    return Response.json(200, {"layouts": [_document(world.crm, name)]})


def layout_id(store: CrmStore, name: str) -> str:
    """A layout's id follows from its module's."""
    return str(int(store.module_ids["Products"]) + 1 + list(store.layouts).index(name))


def layout_named(store: CrmStore, wanted: str) -> str | None:
    """The layout with this id."""
    return next((name for name in store.layouts if layout_id(store, name) == wanted), None)


def layout_of(store: CrmStore, given: Mapping[str, Any]) -> str | None:
    """The layout that a record asks for, the first one without; None for one that is not there."""
    asked = given.get("Layout")
    if asked is None:
        return next(iter(store.layouts))
    return layout_named(store, str(asked.get("id", ""))) if isinstance(asked, dict) else None


def _document(store: CrmStore, name: str) -> JsonDocument:
    own = {"id": layout_id(store, name), "name": name}
    usual = next(iter(store.layouts))
    first = name == usual
    view = {"id": layout_id(store, usual), "name": usual, "type": "layout"}
    profile = {
        "id": store.profile_id,
        "name": "Administrator",
        "default": first,
        "type": "normal_profile",
        "_default_view": view,
        "_default_assignment_view": view,
    }
    return {
        **own,
        "api_name": name.replace(" ", "_"),
        "display_label": name,
        "status": "active",
        "visible": True,
        "generated_type": "system" if first else "custom",
        "source": "crm",
        "show_business_card": True,
        "created_for": None,
        "created_time": store.stamp(store.opened_at),
        "created_by": store.person.signature(),
        "modified_time": store.stamp(store.opened_at),
        "modified_by": store.person.signature(),
        "has_more_profiles": False,
        "profiles": [profile],
        "sections": [_section(store, name)],
    }


def _section(store: CrmStore, layout: str) -> JsonDocument:
    return {
        "id": f"{store.profile_id[:15]}{list(store.layouts).index(layout):04d}",
        "name": "Product Information",
        "api_name": "Product_Information",
        "display_label": "Product Information",
        "sequence_number": 1,
        "column_count": 2,
        "type": "used",
        "generated_type": "default",
        "isSubformSection": False,
        "tab_traversal": "left_to_right",
        "properties": None,
        "fields": [
            _field(store, name, position, required=name in store.layouts[layout])
            for position, name in enumerate(store.fields, start=1)
        ],
    }


def _field(store: CrmStore, name: str, position: int, *, required: bool) -> JsonDocument:
    field = store.fields[name]
    return {
        "id": store.field_ids[name],
        "api_name": name,
        "field_label": field.label,
        "data_type": field.data_type if field.data_type != "tag" else "text",
        "required": required or field.mandatory,
        "read_only": field.read_only,
        "visible": True,
        "sequence_number": position,
        "validation_rule": None,
        "default_value": None,
    }
