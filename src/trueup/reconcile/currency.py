"""The last look before the first amount is sent: the other side must count in our currency."""

from __future__ import annotations

from collections.abc import Iterable

from trueup.domain.changes import Change
from trueup.domain.errors import UsageError
from trueup.domain.records import Kind
from trueup.reconcile.scope import Workshop


def refuse_another_currency(shop: Workshop, changes: Iterable[Change]) -> None:
    """Raise `UsageError` when an amount is about to go where amounts mean something else.

    Costs one request per target, and none where no amount is to be written.
    """
    money = {kind: shop.mapping.money(kind).keys() for kind in Kind}
    ours = shop.rules.currency
    for target in sorted({c.target for c in changes if money[c.key.kind] & c.deltas.keys()}):
        theirs = shop.currency_of(target)
        if theirs and theirs.upper() != ours.upper():
            raise UsageError(
                f"{target.value} counts in {theirs}, the catalogue in {ours}: prices would mean"
                " something else, so nothing was written",
                "check ZOHO_ORG_ID, or set currency in [catalogue] of trueup.toml",
            )
