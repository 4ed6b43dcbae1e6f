"""`trueup check`: the preflight, from the configuration to the last field of CRM."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from trueup.cli import output
from trueup.cli.selectors import Json
from trueup.domain.errors import UsageError

if TYPE_CHECKING:
    from trueup.bootstrap import App
    from trueup.cli.catalogue_use import CatalogueUse
    from trueup.cli.preflight import Findings, Line, Question
    from trueup.cli.preflight_fix import Fix
    from trueup.zoho.probe import Permission

_STYLES = {
    "ok": "green", "note": "cyan", "warn": "yellow", "fail": "bold red", "skipped": "dim",
}  # fmt: skip
_WIDTH = 21  # of the column that names the question
_INDENT = " " * 9


def check(
    *,
    fix: Annotated[
        bool,
        Parameter(
            name="--fix",
            negative="",
            show_default=False,
            help="Offer to make the custom fields (ct_…) of the mapping that CRM lacks.",
        ),
    ] = False,
    yes: Annotated[
        bool,
        Parameter(
            name="--yes",
            negative="",
            show_default=False,
            help="With --fix: make them without asking, for scripts.",
        ),
    ] = False,
    json: Json = False,
) -> int:
    """Look at everything that a run relies on, and say what to do where it lacks.

    Configuration, database, schema, catalogue, credentials, region, token,
    scopes, organisations, CRM fields and layouts, Billing, rate and lock.
    Nothing is written without --fix, but a token is fetched where none is
    valid, and about 25 requests are sent.

    Ends with 0 (also with warnings), 1 when something fails, 2 when the
    configuration or the database does, 4 when credentials or scopes do.

    For example:
      trueup check
      trueup check --fix
      trueup check --json | jq '.lines[] | select(.verdict == "fail")'
    """
    from trueup.bootstrap import open_app
    from trueup.cli.preflight import Findings
    from trueup.cli.preflight_fix import Fix
    from trueup.settings import load

    if yes and not fix:
        raise UsageError("--yes belongs to --fix", "`trueup check --fix --yes`")
    found = Findings((lambda _: None) if json else _tell)
    fixing = Fix(requested=fix, agreed=lambda question: yes or (not json and _asked(question)))
    with open_app(load(), person=True) as app:
        _inspect(app, found, fixing)
    if json:
        output.print_json(_document(found) | ({"fixes": fixing.document()} if fix else {}))
    else:
        output.say()
        output.say(_conclusion(found), _STYLES[found.verdict.value])
    return found.exit_code


def _inspect(app: App, found: Findings, fix: Fix) -> None:
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
        found.ask("second writer", lambda: preflight.second_writer(app))
    found.ask("rate", lambda: preflight.rate(settings))
    known = found.ask("credentials", lambda: preflight_zoho.credentials(settings))
    placed = found.ask("region", lambda: preflight_zoho.data_centre(settings))
    if not (key and ready and known and placed):
        found.skip("Zoho", "not asked: what is needed for a token is not there yet")
    elif found.ask("token", lambda: preflight_zoho.token(app)):
        permissions = _permissions(app, found)
        _ask_crm(app, found, permissions, use, fix)
        _ask_billing(app, found, permissions)
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


def _permissions(app: App, found: Findings) -> list[Permission]:
    """What the token may do: what a run needs, and what it can do without."""
    from trueup.cli import preflight_zoho as zoho
    from trueup.zoho import probe

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
    from trueup.cli import preflight_fields, preflight_fix
    from trueup.cli import preflight_zoho as zoho
    from trueup.cli.catalogue_use import CatalogueUse
    from trueup.zoho import probe
    from trueup.zoho.custom_fields import Described, describe

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
    from trueup.cli import preflight_billing as billing

    scope = "ZohoSubscriptions.settings.READ"
    check = "Billing organisation"
    if _allowed(found, permissions, check, scope, lambda: billing.billing_organisation(app)):
        found.ask("Billing", lambda: billing.billing_settings(app, permissions))
    else:
        found.skip("Billing", "not asked: the organisation is not confirmed")
    found.ask("limits", billing.billing_limits)
    found.ask("renewal pricing", billing.renewal_pricing)


def _asked(question: str) -> bool:
    """One question, where a person is at the terminal; anything but a yes is a no."""
    if not (output.on_terminal() and sys.stdin.isatty()):
        return False
    sys.stdout.write(f"{question} [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


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
