"""Options that several commands share, and what they mean."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter, Token

from trueup.domain.errors import UsageError
from trueup.domain.records import TargetName

if TYPE_CHECKING:
    from trueup.bootstrap import App

_MOST_COMPARED = 20_000

TargetWord = Literal["crm", "billing"]
Json = Annotated[
    bool, Parameter(name="--json", negative="", help="Print one JSON document on stdout.")
]
Targets = Annotated[
    list[TargetWord] | None,
    Parameter(name="--target", negative="", help="Only this target; may be given twice."),
]
Skus = Annotated[
    list[str] | None,
    Parameter(name="--sku", negative="", help="Only this product; may be repeated."),
]
Verbose = Annotated[
    bool,
    Parameter(
        name=["--verbose", "-v"], negative="", help="Log every request and change to stderr."
    ),
]


def whole(_: object, tokens: Sequence[Token]) -> int:
    """A whole number as it is written; by itself the command line would round 1.5 to 2."""
    try:
        return int(tokens[0].value)
    except ValueError:
        raise ValueError(f"{tokens[0].value!r} is not a whole number") from None


def at_least_one(_: object, value: int | None) -> None:
    """Refuse a limit of zero or less, with the words of a usage error."""
    if value is not None and value < 1:
        raise ValueError("must be 1 or more")


MaxProducts = Annotated[
    int | None,
    Parameter(
        name="--max-products",
        converter=whole,
        validator=at_least_one,
        help="Write at most so many products; those found equal do not count.",
    ),
]
Limit = Annotated[
    int | None,
    Parameter(
        name="--limit",
        converter=whole,
        validator=at_least_one,
        help="Look at no more than so many.",
    ),
]


def targets_of(words: list[TargetWord] | None) -> tuple[TargetName, ...]:
    """The targets asked for; all of them where none is named."""
    return tuple(t for t in TargetName if not words or t.value in words)


def known_skus(app: App, skus: list[str] | None) -> tuple[str, ...]:
    """The SKUs asked for; raises `UsageError` for one that neither catalogue nor ledger knows."""
    asked = tuple(dict.fromkeys(s.strip() for s in skus or ()))
    if "" in asked:
        raise UsageError("a SKU is missing after --sku")
    found = app.catalogue.offering_ids(asked) if asked else {}
    unknown = [sku for sku in asked if not found.get(sku) and not _is_remembered(app, sku)]
    if unknown:
        hint = _close(app, unknown[0])
        raise UsageError(
            f"the catalogue has no product with the SKU {unknown[0]!r}{hint}",
            "`trueup status` and `trueup errors` list products",
        )
    return asked


def _is_remembered(app: App, sku: str) -> bool:
    """Whether a product that left the catalogue still has records of ours."""
    missing = app.ledger.missing_owners()
    return any(b.sku.casefold() == sku.casefold() for _, _, bindings in missing for b in bindings)


def _close(app: App, sku: str) -> str:
    if app.catalogue.count() > _MOST_COMPARED:
        return ""
    known = {
        row.sku.strip().casefold(): row.sku.strip() for row in app.catalogue.outline() if row.sku
    }
    close = get_close_matches(sku.casefold(), list(known), n=1, cutoff=0.6)
    return f" (did you mean {known[close[0]]!r}?)" if close else ""
