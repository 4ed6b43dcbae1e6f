"""The questions of the preflight that Zoho answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from trueup.cli.preflight import Line, Verdict, clock_skew
from trueup.domain.records import TargetName
from trueup.zoho import probe
from trueup.zoho.crm import BASE as CRM
from trueup.zoho.regions import REGIONS, region

if TYPE_CHECKING:
    from trueup.bootstrap import App
    from trueup.settings import Settings
    from trueup.zoho.probe import BillingOrganisation, Permission

_CREDENTIALS = 4  # exit code (spec §3.2)
_PATIENCE = 60.0  # seconds to wait for the budget, or for another process's refresh
_CENTS = 2  # decimal places of money
# COQL wants its own permission and the module's (zoho-facts §1.6): without the second, its
# refusal says nothing about the first.
_COQL, _MODULE = "ZohoCRM.coql.READ", "ZohoCRM.modules.products.READ"


def credentials(settings: Settings) -> Iterator[Line]:
    """Whether all are set; raises `CredentialsError` naming those that are not."""
    from trueup.bootstrap import require_credentials

    require_credentials(settings)
    yield Line("credentials", Verdict.OK, "client, secret, refresh token and organisation are set")


def data_centre(settings: Settings) -> Iterator[Line]:
    """Which hosts are spoken to; raises `UsageError` for an unknown region."""
    chosen = region(settings.region)
    overrides = [
        f"{name} is {url}"
        for name, url in (
            ("ZOHO_ACCOUNTS_URL", settings.accounts_url),
            ("ZOHO_API_URL", settings.api_url),
        )
        if url
    ]
    yield Line("region", Verdict.OK, ", ".join([chosen.name, *overrides]))


def token(app: App) -> Iterator[Line]:
    """Whether there is an access token, fetching one where it is due, as a run would."""
    found = app.tokens.get(app.door.authenticator.mint, patience=_PATIENCE)
    until = f"{found.expires_at:%Y-%m-%d %H:%M:%S %Z}"
    yield Line("token", Verdict.OK, f"valid until {until}, shared by all processes")
    yield from api_domain(app.settings, found.api_domain)


def api_domain(settings: Settings, named: str) -> Iterator[Line]:
    """A line where the token belongs to another data centre than the one configured.

    The API host of the token's answer is used in any case (zoho-facts §1.1).
    """
    if not named or settings.api_url or settings.accounts_url:
        return
    if _host(named) == _host(region(settings.region).api_url):
        return
    home = next((r.name for r in REGIONS.values() if _host(r.api_url) == _host(named)), "")
    yield Line(
        "region",
        Verdict.WARN,
        f"ZOHO_REGION is {settings.region}, but the account lives at {named}",
        f"set ZOHO_REGION={home}" if home else "check ZOHO_REGION",
    )


def _host(url: str) -> str:
    return url.partition("://")[2].removeprefix("www.").rstrip("/").lower()


def scopes(found: Sequence[Permission]) -> Iterator[Line]:
    """Which permissions the token lacks, by name."""
    missing = _names(p for p in found if p.granted is False)
    if _MODULE in missing and _COQL in missing:
        missing.remove(_COQL)
    unclear = [p for p in found if p.granted is None]
    granted = _names(p for p in found if p.granted)
    if missing:
        yield Line(
            "scopes",
            Verdict.FAIL,
            f"missing: {', '.join(missing)}",
            "make a refresh token with all scopes: `trueup auth url`, `trueup auth exchange`",
            _CREDENTIALS,
        )
    if unclear:
        yield Line(
            "scopes",
            Verdict.WARN,
            f"cannot tell: {', '.join(_names(iter(unclear)))} ({unclear[0].detail})",
        )
    if not missing and not unclear:
        yield Line("scopes", Verdict.OK, f"all {len(granted)} are granted")


def _names(permissions: Iterator[Permission]) -> list[str]:
    return sorted({permission.scope for permission in permissions if permission.scope})


def crm_organisation(app: App) -> Iterator[Line]:
    """CRM's organisation: its currency must be the catalogue's."""
    found = probe.crm_organisation(app.door)
    yield _currency_line(
        "CRM organisation", found.name or found.zgid, found.currency, app.settings.currency
    )


def billing_organisation(app: App) -> Iterator[Line]:
    """Billing's organisation: it exists, and its currency and decimal places are ours."""
    settings = app.settings
    found = probe.billing_organisations(app.door)
    ours = next((o for o in found if o.organization_id == settings.org_id), None)
    if ours is None:
        known = ", ".join(f"{o.organization_id} ({o.name})" for o in found) or "none"
        yield Line(
            "Billing organisation",
            Verdict.FAIL,
            f"{settings.org_id} is not an organisation of this user; known: {known}",
            "set ZOHO_ORG_ID to one of them, or use a refresh token of the right user",
            _CREDENTIALS,
        )
        return
    yield _currency_line("Billing organisation", ours.name, ours.currency, settings.currency)
    yield from _places(ours)


def _currency_line(check: str, name: str, theirs: str, ours: str) -> Line:
    if theirs.upper() == ours.upper():
        return Line(check, Verdict.OK, f"{name}, {theirs}")
    if not theirs:
        return Line(check, Verdict.WARN, f"{name} does not state its currency")
    return Line(
        check,
        Verdict.FAIL,
        f"{name} counts in {theirs}, the catalogue in {ours}: prices would mean something else",
        "check ZOHO_ORG_ID; if the catalogue is in that currency, set currency in [catalogue]",
    )


def _places(ours: BillingOrganisation) -> Iterator[Line]:
    if ours.price_precision is not None and ours.price_precision < _CENTS:
        yield Line(
            "Billing organisation",
            Verdict.WARN,
            f"it keeps {ours.price_precision} decimal places of a price: cents are lost,"
            " and such prices are written again in every run",
            "set the price precision of the organisation to 2",
        )


def billing_settings(app: App, found: Sequence[Permission]) -> Iterator[Line]:
    """Whether products, plans and items can be read, and whether the configured tax exists."""
    areas = ("products", "plans", "items")
    answered = {p.scope: p for p in found}
    reads = {area: answered.get(f"ZohoSubscriptions.{area}.READ") for area in areas}
    unread = [area for area, answer in reads.items() if answer is None or not answer.granted]
    if unread:
        remedy = "see the scopes above"
        yield Line("Billing", Verdict.FAIL, f"cannot be read: {', '.join(unread)}", remedy)
    else:
        yield Line("Billing", Verdict.OK, "products, plans and items can be read")
    yield from _tax(app)


def _tax(app: App) -> Iterator[Line]:
    wanted = app.settings.tax_id
    known = probe.taxes(app.door, app.settings.org_id)
    named = ", ".join(f"{tax.tax_id} ({tax.name} {tax.percentage} %)" for tax in known) or "none"
    if not wanted:
        yield Line("taxes", Verdict.OK, f"no tax is put on items; the organisation has {named}")
    elif any(tax.tax_id == wanted for tax in known):
        yield Line("taxes", Verdict.OK, f"{wanted} is put on items")
    else:
        yield Line(
            "taxes",
            Verdict.FAIL,
            f"the organisation has no tax {wanted}; it has {named}",
            "correct tax_id in [zoho] of trueup.toml",
        )


def zoho_clock(app: App) -> Iterator[Line]:
    """Compare clocks, where the answer states a time."""
    answer = app.door.send(TargetName.CRM, "GET", f"{CRM}/org")
    now = app.clock.now()
    try:
        stated = parsedate_to_datetime(answer.headers.get("date", ""))
    except ValueError:
        return
    if stated.tzinfo is not None:
        yield from clock_skew("Zoho", stated, now)
