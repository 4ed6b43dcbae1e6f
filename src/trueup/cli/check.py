"""`trueup check`: the preflight, from the configuration to the last field of CRM."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from trueup.cli import output
from trueup.cli.selectors import Json

if TYPE_CHECKING:
    from trueup.bootstrap import App
    from trueup.cli.catalogue_use import CatalogueUse
    from trueup.cli.preflight import Findings, Line, Question
    from trueup.zoho.probe import Permission

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red", "skipped": "dim"}
_WIDTH = 21  # of the column that names the question
_INDENT = " " * 9


def check(*, json: Json = False) -> int:
    """Look at everything that a run relies on, and say what to do where it lacks.

    Configuration, database, schema, catalogue, credentials, region, token,
    scopes, organisations, CRM fields, Billing, rate and lock. Nothing is
    written, but a token is fetched where none is valid, and about 20
    requests are sent.

    Ends with 0 (also with warnings), 1 when something fails, 2 when the
    configuration or the database does, 4 when credentials or scopes do.

    For example:
      trueup check
      trueup check --json | jq '.lines[] | select(.verdict == "fail")'
    """
    from trueup.bootstrap import open_app
    from trueup.cli.preflight import Findings
    from trueup.settings import load

    found = Findings((lambda _: None) if json else _tell)
    with open_app(load(), person=True) as app:
        _inspect(app, found)
    if json:
        output.print_json(_document(found))
    else:
        output.say()
        output.say(_conclusion(found), _STYLES[found.verdict.value])
    return found.exit_code


def _inspect(app: App, found: Findings) -> None:
    """Every question in order; one that cannot be asked any more is skipped, not failed."""
    from trueup.cli import preflight, preflight_zoho

    settings = app.settings
    found.ask("configuration", lambda: preflight.configuration(settings))
    key = found.ask("secret key", lambda: preflight.stored_key(settings))
    ready = found.ask("database", lambda: preflight.database(app)) and found.ask(
        "schema", lambda: preflight.schema(app)
    )
    use = _catalogue(app, found, ready=ready)
    if ready:
        found.ask("lock", lambda: preflight.run_lock(app))
    found.ask("rate", lambda: preflight.rate(settings))
    known = found.ask("credentials", lambda: preflight_zoho.credentials(settings))
    placed = found.ask("region", lambda: preflight_zoho.data_centre(settings))
    if not (key and ready and known and placed):
        found.skip("Zoho", "not asked: what is needed for a token is not there yet")
    elif found.ask("token", lambda: preflight_zoho.token(app)):
        _ask_zoho(app, found, use)
    else:
        found.skip("Zoho", "not asked: there is no token")


def _catalogue(app: App, found: Findings, *, ready: bool) -> CatalogueUse | None:
    from trueup.cli import preflight
    from trueup.cli.catalogue_use import look_through

    seen: list[CatalogueUse] = []

    def question() -> Iterator[Line]:
        seen.append(look_through(app.catalogue, app.settings.mapping, app.rules, app.clock.now()))
        yield from preflight.catalogue(app.settings.catalogue_table, seen[0])

    if not ready:
        found.skip("catalogue", "not read: the database is not ready")
        return None
    found.ask("catalogue", question)
    return seen[0] if seen else None


def _ask_zoho(app: App, found: Findings, use: CatalogueUse | None) -> None:
    from trueup.cli import preflight_fields
    from trueup.cli import preflight_zoho as zoho
    from trueup.cli.catalogue_use import CatalogueUse
    from trueup.domain.records import Kind, TargetName
    from trueup.zoho import probe

    permissions: list[Permission] = []

    def scopes() -> Iterator[Line]:
        permissions.extend(probe.permissions(app.door, app.settings.org_id))
        yield from zoho.scopes(permissions)

    def fields() -> Iterator[Line]:
        specs = app.targets[TargetName.CRM].schema().kinds[Kind.CRM_PRODUCT]
        managed = app.settings.mapping.managed(Kind.CRM_PRODUCT)
        yield from preflight_fields.crm_fields(specs, managed, use or CatalogueUse())

    def ask(check: str, scope: str, question: Question) -> bool:
        if any(p.scope == scope and p.granted is False for p in permissions):
            found.skip(check, f"not asked: it needs {scope}")
            return False
        return found.ask(check, question)

    found.ask("scopes", scopes)
    if ask("CRM organisation", "ZohoCRM.org.READ", lambda: zoho.crm_organisation(app)):
        found.ask("clock", lambda: zoho.zoho_clock(app))
    ask("CRM fields", "ZohoCRM.settings.fields.READ", fields)
    settings_scope = "ZohoSubscriptions.settings.READ"
    if ask("Billing organisation", settings_scope, lambda: zoho.billing_organisation(app)):
        found.ask("Billing", lambda: zoho.billing_settings(app, permissions))
    else:
        found.skip("Billing", "not asked: the organisation is not confirmed")


def _tell(line: Line) -> None:
    word = line.verdict.value
    output.say(f"{word:<8} {line.check:<{_WIDTH}} {line.detail}", _STYLES[word])
    if line.remedy:
        output.say(f"{_INDENT}→ {line.remedy}")


def _conclusion(found: Findings) -> str:
    counts = Counter(line.verdict.value for line in found.lines)
    said = ", ".join(f"{counts[word]} {word}" for word in _STYLES if counts[word])
    return f"{found.verdict.value}: {said}"


def _document(found: Findings) -> dict[str, Any]:
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
