"""The questions of the preflight that Billing answers, and the ones that it does not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from trueup.domain.records import TargetName
from trueup.settings.options import BY_KEY
from trueup.settings.workspaces import variable
from trueup.views.preflight import Line, Verdict
from trueup.views.preflight_zoho import currency_line
from trueup.zoho import probe

if TYPE_CHECKING:
    from trueup.bootstrap import App
    from trueup.zoho.probe import BillingOrganisation, Permission

_CREDENTIALS = 4  # exit code (spec §3.2)
_CENTS = 2  # decimal places of money


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
            f"set {variable(settings.workspace, BY_KEY['zoho.org_id'])} to one of them, or use a"
            " refresh token of the right user",
            _CREDENTIALS,
        )
        return
    if ours.currency:
        app.currencies.keep(TargetName.BILLING, ours.currency)
    yield currency_line("Billing organisation", ours.name, ours.currency, settings.currency)
    yield from _places(ours)


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


def renewal_pricing() -> Iterator[Line]:
    """Whether a plan's new price reaches customers, which cannot be read (zoho-facts §3.7)."""
    yield Line(
        "renewal pricing",
        Verdict.NOTE,
        "cannot be read: Zoho documents no call for it. With `Use Latest Prices` a changed plan"
        " price reaches running subscriptions when they renew",
        "look at Settings > Subscriptions > General > Renewal Pricing in Billing yourself",
    )


def billing_limits() -> Iterator[Line]:
    """The edition of Billing, which its API does not tell (zoho-facts §3.8)."""
    yield Line(
        "limits",
        Verdict.NOTE,
        "Billing allows 1,000 to 5,000 requests a day, by an edition that cannot be read",
        "set TRUEUP_DAILY_BUDGET below it",
    )
