"""The operations of Billing v1 with their scopes (zoho-facts §1.6, §3.2)."""

from __future__ import annotations

from collections.abc import Callable

from zoho_emulator.billing import settings
from zoho_emulator.billing.addons import Addons
from zoho_emulator.billing.items import Items
from zoho_emulator.billing.plans import Plans
from zoho_emulator.billing.products import Products
from zoho_emulator.billing.resource import Resource
from zoho_emulator.billing.subscriptions import list_subscriptions
from zoho_emulator.wire import Request, Response, Route
from zoho_emulator.world import World

BASE = "/billing/v1"
_READ_SETTINGS = ("ZohoSubscriptions.settings.READ",)


def routes(_world: World) -> list[Route]:
    """Every operation of Billing."""
    return [
        *_operations(Products(), ("markasactive", "markasinactive")),
        *_operations(Plans(), ("markasactive", "markasinactive")),
        *_operations(Addons(), ("markasactive", "markasinactive")),
        *_operations(Items(), ("active", "inactive")),
        Route(
            "GET",
            f"{BASE}/subscriptions",
            _of_this_organisation(list_subscriptions),
            ("ZohoSubscriptions.subscriptions.READ",),
        ),
        _setting("settings/taxes", settings.taxes),
        _setting("settings/taxexemptions", settings.tax_exemptions),
        _setting("settings/taxauthorities", settings.tax_authorities),
        Route("GET", f"{BASE}/organizations", settings.organisations, _READ_SETTINGS),
        Route(
            "GET",
            f"{BASE}/organizations/{{organization_id}}",
            settings.organisation,
            _READ_SETTINGS,
        ),
    ]


def _operations(resource: Resource, marks: tuple[str, str]) -> list[Route]:
    """The seven operations of a resource; marking wants the CREATE scope (zoho-facts §1.6)."""
    every, one = f"{BASE}/{resource.plural}", f"{BASE}/{resource.plural}/{{key}}"
    area = f"ZohoSubscriptions.{resource.plural}"
    table: list[tuple[str, str, Callable[..., Response], str]] = [
        ("GET", every, resource.list, "READ"),
        ("POST", every, resource.create, "CREATE"),
        ("GET", one, resource.read, "READ"),
        ("PUT", one, resource.update, "UPDATE"),
        ("DELETE", one, resource.delete, "DELETE"),
        ("POST", f"{one}/{marks[0]}", resource.activate, "CREATE"),
        ("POST", f"{one}/{marks[1]}", resource.deactivate, "CREATE"),
    ]
    return [
        Route(method, template, _of_this_organisation(handler), (f"{area}.{operation}",))
        for method, template, handler, operation in table
    ]


def _setting(path: str, handler: Callable[..., Response]) -> Route:
    return Route("GET", f"{BASE}/{path}", _of_this_organisation(handler), _READ_SETTINGS)


def _of_this_organisation(handler: Callable[..., Response]) -> Callable[..., Response]:
    """A handler that first looks at the organisation header."""

    def checked(world: World, request: Request, **parameters: str) -> Response:
        settings.check_organisation(world, request)
        return handler(world, request, **parameters)

    return checked
