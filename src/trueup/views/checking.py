"""The whole preflight: every question in order, for `trueup check` and for the page of health."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from trueup.views import preflight, preflight_billing, preflight_fields, preflight_fix
from trueup.views import preflight_zoho as zoho
from trueup.views.catalogue_use import CatalogueUse, look_through
from trueup.views.preflight import Findings, Line, Question
from trueup.views.preflight_fix import Fix
from trueup.zoho import probe

if TYPE_CHECKING:
    from trueup.bootstrap import App
    from trueup.zoho.custom_fields import Described
    from trueup.zoho.probe import Permission


def nothing_made() -> Fix:
    """Look, and make nothing."""
    return Fix(requested=False, agreed=lambda _: False)


def ask_here(app: App, found: Findings) -> bool:
    """The questions that cost no request and no look at every row; whether a token can be had."""
    settings = app.settings
    found.ask("configuration", lambda: preflight.configuration(settings))
    key = found.ask("secret key", lambda: preflight.stored_key(settings))
    ready = _ask_database(app, found)
    _ask_writers(app, found, ready=ready)
    return _ask_account(app, found) and key and ready


def ask_everything(app: App, found: Findings, fix: Fix) -> None:
    """Every question in order; one that cannot be asked any more is skipped, not failed.

    About 25 requests are sent, and a token is fetched where none is valid. Nothing is written but
    what `fix` agrees to.
    """
    settings = app.settings
    found.ask("configuration", lambda: preflight.configuration(settings))
    key = found.ask("secret key", lambda: preflight.stored_key(settings))
    ready = _ask_database(app, found)
    use = _catalogue(app, found, ready=ready)
    _ask_writers(app, found, ready=ready)
    account = _ask_account(app, found)
    if not (key and ready and account):
        found.skip("Zoho", "not asked: what is needed for a token is not there yet")
    elif found.ask("token", lambda: zoho.token(app)):
        permissions = _permissions(app, found)
        _ask_crm(app, found, permissions, use, fix)
        _ask_billing(app, found, permissions)
    else:
        found.skip("Zoho", "not asked: there is no token")


def as_json(found: Findings) -> dict[str, Any]:
    """The verdict and every line, for programs."""
    return {
        "verdict": found.verdict.value,
        "lines": [
            {
                "check": line.check,
                "verdict": line.verdict.value,
                "detail": line.detail,
                "remedy": line.remedy,
            }
            for line in found.lines
        ],
    }


def _ask_database(app: App, found: Findings) -> bool:
    return found.ask("database", lambda: preflight.database(app)) and found.ask(
        "schema", lambda: preflight.schema(app)
    )


def _ask_writers(app: App, found: Findings, *, ready: bool) -> None:
    if ready:
        found.ask("lock", lambda: preflight.run_lock(app))
        found.ask("second writer", lambda: preflight.second_writer(app))
    found.ask("rate", lambda: preflight.rate(app.settings))


def _ask_account(app: App, found: Findings) -> bool:
    known = found.ask("credentials", lambda: zoho.credentials(app.settings))
    placed = found.ask("region", lambda: zoho.data_centre(app.settings))
    return known and placed


def _catalogue(app: App, found: Findings, *, ready: bool) -> CatalogueUse | None:
    seen: list[CatalogueUse] = []

    def question() -> Iterator[Line]:
        seen.append(look_through(app.catalogue, app.settings.mapping, app.rules, app.clock.now()))
        yield from preflight.catalogue(app.settings.catalogue_table, seen[0])

    if not ready:
        found.skip("catalogue", "not read: the database is not ready")
        return None
    found.ask("catalogue", question)
    return seen[0] if seen else None


def _permissions(app: App, found: Findings) -> list[Permission]:
    """What the token may do: what a run needs, and what it can do without."""
    permissions: list[Permission] = []

    def scopes() -> Iterator[Line]:
        needed = probe.permissions(app.door, app.settings.org_id)
        optional = probe.optional_permissions(app.door, app.settings.org_id)
        permissions.extend((*needed, *optional))
        yield from zoho.scopes(needed)
        yield from zoho.optional_scopes(optional)

    found.ask("scopes", scopes)
    return permissions


def _allowed(
    found: Findings, permissions: Sequence[Permission], check: str, scope: str, question: Question
) -> bool:
    """Ask, unless the permission that it takes is known to be missing."""
    if any(p.scope == scope and p.granted is False for p in permissions):
        found.skip(check, f"not asked: it needs {scope}")
        return False
    return found.ask(check, question)


def _ask_crm(
    app: App,
    found: Findings,
    permissions: Sequence[Permission],
    use: CatalogueUse | None,
    fix: Fix,
) -> None:
    from trueup.zoho.custom_fields import describe

    mapping = app.settings.mapping
    described: list[Described] = []

    def new_fields() -> Iterator[Line]:
        described.append(describe(app.door))
        yield from preflight_fix.make_fields(app.door, mapping, described[-1], fix)
        if fix.made:
            described.append(describe(app.door))

    def fields() -> Iterator[Line]:
        if not described:
            described.append(describe(app.door))
        specs = described[-1].specs
        yield from preflight_fields.crm_fields(specs, mapping, use or CatalogueUse())

    def layouts() -> Iterator[Line]:
        specs = described[-1].specs if described else {}
        yield from preflight_fields.crm_layouts(probe.layouts(app.door), specs, mapping)

    def ask(check: str, scope: str, question: Question) -> bool:
        return _allowed(found, permissions, check, scope, question)

    if ask("CRM organisation", "ZohoCRM.org.READ", lambda: zoho.crm_organisation(app)):
        found.ask("clock", lambda: zoho.zoho_clock(app))
    if fix.requested:
        ask("new fields", "ZohoCRM.settings.fields.READ", new_fields)
    ask("CRM fields", "ZohoCRM.settings.fields.READ", fields)
    ask("CRM layouts", "ZohoCRM.settings.layouts.READ", layouts)


def _ask_billing(app: App, found: Findings, permissions: Sequence[Permission]) -> None:
    scope = "ZohoSubscriptions.settings.READ"
    check = "Billing organisation"

    def organisation() -> Iterator[Line]:
        return preflight_billing.billing_organisation(app)

    if _allowed(found, permissions, check, scope, organisation):
        found.ask("Billing", lambda: preflight_billing.billing_settings(app, permissions))
    else:
        found.skip("Billing", "not asked: the organisation is not confirmed")
    found.ask("limits", preflight_billing.billing_limits)
    found.ask("renewal pricing", preflight_billing.renewal_pricing)
