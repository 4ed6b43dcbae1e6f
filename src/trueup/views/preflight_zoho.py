"""The questions of the preflight about credentials, scopes and CRM's organisation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from trueup.domain.records import TargetName
from trueup.views.preflight import Line, Verdict, clock_skew
from trueup.zoho import probe
from trueup.zoho.crm import BASE as CRM
from trueup.zoho.regions import REGIONS, region
from trueup.zoho.scopes import OPTIONAL_SCOPES

if TYPE_CHECKING:
    from trueup.bootstrap import App
    from trueup.settings import Settings
    from trueup.zoho.probe import Permission

_CREDENTIALS = 4  # exit code (spec §3.2)
_PATIENCE = 60.0  # seconds to wait for the budget, or for another process's refresh
# Credits in 24 hours, credits per user, calls at once, by edition (zoho-facts §2.13).
_EDITIONS: Mapping[str, tuple[int, int, int]] = {
    "free": (5_000, 0, 5),
    "standard": (50_000, 250, 10),
    "professional": (50_000, 500, 15),
    "enterprise": (50_000, 1_000, 20),
    "ultimate": (50_000, 2_000, 25),
}
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


def optional_scopes(found: Sequence[Permission]) -> Iterator[Line]:
    """What the token may do besides, and what is lost where it may not."""
    lacking = [p.scope for p in found if not p.granted]
    if lacking:
        yield Line(
            "scopes",
            Verdict.WARN,
            "not granted: " + ", ".join(f"{s} ({OPTIONAL_SCOPES[s]})" for s in lacking),
            "nothing fails for it; `trueup auth url` lists it among the scopes to ask for",
        )


def _names(permissions: Iterator[Permission]) -> list[str]:
    return sorted({permission.scope for permission in permissions if permission.scope})


def crm_organisation(app: App) -> Iterator[Line]:
    """CRM's organisation: its currency must be the catalogue's."""
    found = probe.crm_organisation(app.door)
    if found.currency:
        app.currencies.keep(TargetName.CRM, found.currency)
    yield currency_line(
        "CRM organisation", found.name or found.zgid, found.currency, app.settings.currency
    )
    yield from crm_limits(app.settings, found.edition, found.users)


def crm_limits(settings: Settings, edition: str, users: int | None) -> Iterator[Line]:
    """What the edition allows in a day and at once, as far as CRM tells (zoho-facts §2.13)."""
    known = _EDITIONS.get(edition.lower())
    if known is None:
        yield Line(
            "limits", Verdict.NOTE, "CRM does not tell its edition, so its limits are unknown"
        )
        return
    credits_, per_user, at_once = known
    most = credits_ + per_user * (users or 0)
    detail = f"CRM {edition.lower()}: {most:,} credits in 24 hours, {at_once} calls at once"
    if settings.daily_budget and settings.daily_budget > most:
        yield Line(
            "limits",
            Verdict.WARN,
            f"{detail}; TRUEUP_DAILY_BUDGET allows {settings.daily_budget:,} requests",
            "lower TRUEUP_DAILY_BUDGET: others need credits too",
        )
    elif settings.concurrency > at_once:
        yield Line(
            "limits",
            Verdict.WARN,
            f"{detail}; TRUEUP_CONCURRENCY is {settings.concurrency}",
            f"set TRUEUP_CONCURRENCY to {at_once} or less",
        )
    else:
        yield Line("limits", Verdict.OK, detail)


def currency_line(check: str, name: str, theirs: str, ours: str) -> Line:
    """Whether an organisation counts in the catalogue's currency."""
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
