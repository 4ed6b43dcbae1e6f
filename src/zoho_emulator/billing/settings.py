"""Taxes and organisations: what a preflight reads (zoho-facts §3.2)."""

from __future__ import annotations

from zoho_emulator.billing.dialect import refuse
from zoho_emulator.billing.resource import answer
from zoho_emulator.wire import JsonDocument, Request, Response
from zoho_emulator.world import World

_OLD_HOSTS = ("billing.zoho.", "subscriptions.zoho.")
_NOBODY = "This user is not associated with the CompanyID/CompanyName:{}."


def taxes(world: World, _request: Request) -> Response:
    """The organisation's taxes; percentages and flags are text here (zoho-facts §3.1)."""
    store = world.billing
    rates = (("VAT", store.options.tax_percentage, "true"), ("Zero rate", 0.0, "false"))
    rows = [
        {
            "tax_id": tax_id,
            "tax_name": name,
            "tax_percentage": f"{rate:g}",
            "tax_type": "tax",
            "tax_authority_id": store.tax_authority_id,
            "tax_authority_name": "Revenue office",
            "is_default_tax": is_default,
            "is_editable": "true",
        }
        for tax_id, (name, rate, is_default) in zip(store.tax_ids, rates, strict=True)
    ]
    return answer(200, "success", {"taxes": rows})


def tax_exemptions(_world: World, _request: Request) -> Response:
    """No exemption is defined."""
    return answer(200, "success", {"tax_exemptions": []})


def tax_authorities(world: World, _request: Request) -> Response:
    """The one authority that taxes go to."""
    row = {
        "tax_authority_id": world.billing.tax_authority_id,
        "tax_authority_name": "Revenue office",
        "description": "",
    }
    return answer(200, "success", {"tax_authorities": [row]})


def organisations(world: World, _request: Request) -> Response:
    """The organisations of the token's user: one."""
    return answer(200, "success", {"organizations": [_document(world)]})


def organisation(world: World, _request: Request, organization_id: str) -> Response:
    """One organisation; another one's id is none of this user's business."""
    if organization_id != world.org.org_id:
        refuse(400, 6041, _NOBODY.format(organization_id))
    return answer(200, "success", {"organization": _document(world)})


def check_organisation(world: World, request: Request) -> None:
    """The header (or `organization_id`) names this organisation, or nothing (zoho-facts §3.1).

    Billing's older hosts refuse everything with code 9.
    """
    if request.headers.get("host", "").startswith(_OLD_HOSTS):
        refuse(400, 9, "Use the zohoapis domain for API requests")
    named = request.headers.get(
        "x-com-zoho-subscriptions-organizationid", request.query.get("organization_id", "")
    )
    missing_is_fine = not named and not world.billing.options.strict_org_header
    if named != world.org.org_id and not missing_is_fine:
        refuse(400, 6041, _NOBODY.format(named))


def _document(world: World) -> JsonDocument:
    return {
        "organization_id": world.org.org_id,
        "name": world.org.name,
        "is_default_org": True,
        "currency_code": world.org.currency,
        "time_zone": world.org.time_zone,
        "price_precision": world.billing.options.price_precision,
    }
