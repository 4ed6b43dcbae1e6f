"""How many requests a night takes: everything new, nothing new, one product in a hundred edited."""

from __future__ import annotations

import time
from collections.abc import Iterator
from math import ceil

from bench.figures import Figure, Section
from bench.lab import Lab, Zoho, edit, reconcile
from trueup.bootstrap import App
from trueup.domain.records import Kind, TargetName

SIZES = (100, 1_000, 10_000)
QUICK_SIZES = (20,)
_CRM_BATCH = 100  # records in one request (zoho-facts §2.4)
_PAGE = 200  # records on a listing page (zoho-facts §2.7, §3.8)
_EXTRA = 3  # a token, metadata
_BILLING_RECORDS = 3  # of a product without hardware: product, plan, installation item


def measure(lab: Lab) -> Section:
    """Requests for every size and situation, as the emulator counted them."""
    figures = [f for n in (QUICK_SIZES if lab.quick else SIZES) for f in _night(lab, n)]
    return Section(
        "requests",
        "Requests (counted by the emulator)",
        "Each size starts with an empty Zoho and an empty ledger: one run writes everything, one"
        " finds everything equal, one follows after the price of one product in a hundred changed.",
        tuple(figures),
    )


def _night(lab: Lab, products: int) -> Iterator[Figure]:
    edited = ceil(products / 100)
    pages = ceil(products / _PAGE) * len(Kind)
    with lab.zoho() as zoho, lab.app(products, zoho) as app:
        for target in TargetName:  # as `trueup check` does, before there is a first run
            app.currency_of(target)
        writes = ceil(products / _CRM_BATCH) + _BILLING_RECORDS * products
        first = writes + len(Kind) + _EXTRA
        yield from _run(app, zoho, products, "first", "first sync", first)
        yield from _run(app, zoho, products, "same", "no change", pages + _EXTRA)
        edit(app, edited)
        yield from _run(app, zoho, products, "edited", f"{edited:,} edited", None)


def _run(
    app: App, zoho: Zoho, products: int, key: str, text: str, goal: int | None
) -> Iterator[Figure]:
    before, writes = zoho.requests(), zoho.writes()
    began = time.monotonic()
    reconcile(app)
    seconds = time.monotonic() - began
    after, written = zoho.requests(), zoho.writes()
    sent = {name: after[name] - before[name] for name in after}
    wrote = {name: written[name] - writes[name] for name in written}
    note = (
        f"crm {sent['crm']:,} ({wrote['crm']:,} of them write), billing {sent['billing']:,}"
        f" ({wrote['billing']:,}), tokens {sent['oauth']}; {seconds:.1f} s"
    )
    label = f"{products:,} products, {text}"
    yield Figure(f"requests.{products}.{key}", label, sum(sent.values()), "requests", goal, note)
