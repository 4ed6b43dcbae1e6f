"""Every operation of the CRM half: address, scopes, cost (zoho-facts §1.6, §2.13)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from zoho_emulator.crm import (
    batch,
    bulk_read,
    bulk_write,
    coql,
    custom_fields,
    layouts,
    listing,
    metadata,
    records,
    search,
    uploads,
    upsert,
)
from zoho_emulator.crm.bulk_jobs import run_due_jobs
from zoho_emulator.wire import Request, Response, Route

if TYPE_CHECKING:
    from zoho_emulator.world import World

_READ = ("ZohoCRM.modules.products.READ",)
_CREATE = ("ZohoCRM.modules.products.CREATE",)
_UPDATE = ("ZohoCRM.modules.products.UPDATE",)
_DELETE = ("ZohoCRM.modules.products.DELETE",)
# Joined by a comma: both are needed (zoho-facts §1.6).
_SEARCH = ("ZohoCRM.modules.products.READ,ZohoSearch.securesearch.READ",)
_COQL = ("ZohoCRM.coql.READ,ZohoCRM.modules.products.READ",)
_BULK_READ = ("ZohoCRM.bulk.READ,ZohoCRM.modules.products.READ",)
_BULK_WRITE = ("ZohoCRM.bulk.CREATE",)
_FIELDS = ("ZohoCRM.settings.fields.READ",)
_LAYOUTS = ("ZohoCRM.settings.layouts.READ",)
_MODULES = ("ZohoCRM.settings.modules.READ",)

_V8 = "/crm/v8"
_BULK = "/crm/bulk/v8"


def routes(world: World) -> list[Route]:
    """The operations, more specific addresses first."""
    del world
    found = [*_metadata(), *_special_records(), *_records(), *_bulk(), *_other_modules()]
    return [replace(route, handler=_after_due_jobs(route.handler)) for route in found]


def _metadata() -> list[Route]:
    fields, modules = f"{_V8}/settings/fields", f"{_V8}/settings/modules"
    pages = f"{_V8}/settings/layouts"
    values = f"{fields}/{{field_id}}/pick_list_values"
    return [
        Route("GET", values, metadata.pick_list_values, _FIELDS),
        Route("GET", f"{fields}/{{field_id}}", metadata.get_field, _FIELDS),
        Route("GET", fields, metadata.list_fields, _FIELDS),
        Route("POST", fields, custom_fields.create_fields, ("ZohoCRM.settings.fields.CREATE",)),
        Route("GET", f"{pages}/{{layout_id}}", layouts.get_layout, _LAYOUTS),
        Route("GET", pages, layouts.list_layouts, _LAYOUTS),
        Route("GET", f"{modules}/{{module}}", metadata.get_module, _MODULES),
        Route("GET", modules, metadata.list_modules, _MODULES),
        Route("GET", f"{_V8}/org", metadata.get_org, ("ZohoCRM.org.READ",)),
        Route("GET", f"{_V8}/users", metadata.list_users, ("ZohoCRM.users.READ",)),
    ]


def _special_records() -> list[Route]:
    products = f"{_V8}/Products"
    return [
        Route("GET", f"{products}/actions/count", search.count, _SEARCH),
        Route("GET", f"{products}/deleted", listing.list_deleted, _READ),
        Route("GET", f"{products}/search", search.search, _SEARCH),
        Route(
            "POST",
            f"{products}/upsert",
            upsert.upsert,
            _CREATE,
            credits=batch.credits_of,
            sub_concurrency=batch.is_heavy,
        ),
        Route(
            "POST",
            f"{_V8}/coql",
            coql.query,
            _COQL,
            credits=coql.credits_of,
            sub_concurrency=lambda _request: True,
        ),
        Route("POST", f"{_V8}/upload", uploads.upload, ("ZohoFiles.files.ALL",)),
    ]


def _records() -> list[Route]:
    products = f"{_V8}/Products"
    one = f"{products}/{{record_id}}"
    return [
        Route(
            "GET",
            products,
            listing.list_records,
            _READ,
            credits=_list_credits,
            sub_concurrency=_is_sorted,
        ),
        _write("POST", products, records.insert, _CREATE),
        _write("PUT", products, records.update, _UPDATE),
        _write("DELETE", products, records.delete_many, _DELETE),
        Route("GET", one, listing.get_record, _READ),
        _write("PUT", one, records.update_by_id, _UPDATE),
        _write("DELETE", one, records.delete_by_id, _DELETE),
    ]


def _bulk() -> list[Route]:
    read, write = f"{_BULK}/read", f"{_BULK}/write"
    return [
        Route("GET", f"{read}/{{job_id}}/result", bulk_read.read_result, _BULK_READ),
        Route("GET", f"{read}/{{job_id}}", bulk_read.read_job, _BULK_READ),
        Route("POST", read, bulk_read.create_read_job, _BULK_READ, credits=lambda _request: 50),
        Route("GET", f"{write}/{{job_id}}/result", bulk_write.write_result, _BULK_WRITE),
        Route("GET", f"{write}/{{job_id}}", bulk_write.write_job, _BULK_WRITE),
        Route(
            "POST", write, bulk_write.create_write_job, _BULK_WRITE, credits=lambda _request: 500
        ),
    ]


def _other_modules() -> list[Route]:
    """Products is the only module with records; every other name is INVALID_MODULE (§2.14)."""
    return [
        Route(method, f"{_V8}/{{module}}", _no_such_module)
        for method in ("GET", "POST", "PUT", "DELETE")
    ]


def _write(
    method: str, template: str, handler: Callable[..., Response], scopes: tuple[str, ...]
) -> Route:
    return Route(
        method,
        template,
        handler,
        scopes,
        credits=batch.credits_of,
        sub_concurrency=batch.is_heavy,
    )


def _list_credits(request: Request) -> int:
    """Three credits for a listing of a custom view (zoho-facts §2.13)."""
    return 3 if "cvid" in request.query else 1


def _is_sorted(request: Request) -> bool:
    """Get Records with sort_by or cvid is one of the heavy calls (zoho-facts §2.13)."""
    return "sort_by" in request.query or "cvid" in request.query


def _no_such_module(world: World, request: Request, module: str) -> Response:
    del world, request, module
    raise metadata.invalid_module(0)


def _after_due_jobs(handler: Callable[..., Response]) -> Callable[..., Response]:
    """The handler, preceded by the bulk jobs whose time has come."""

    def answer(world: World, request: Request, **named: str) -> Response:
        run_due_jobs(world.crm)
        return handler(world, request, **named)

    return answer
