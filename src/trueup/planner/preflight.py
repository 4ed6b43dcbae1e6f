"""The cheap part of the preflight: what a run can see of its targets before its first write.

Pure, and without a request of its own: it looks at what a run has read anyway. What is refused here
would go wrong for every product; a custom field that is missing is not, it is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from trueup.domain.errors import UsageError
from trueup.domain.records import FieldSpec, Kind, Schema, TargetName
from trueup.planner.mapping import FieldMap

# Types that give back the amount that was written, to the cent.
AMOUNTS = frozenset({"currency", "double", "decimal"})
# Under this name a schema's details tell the currency that the organisation counts in.
CURRENCY = "currency"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and what to do about it."""

    what: str
    remedy: str


def refuse_unsafe(schemas: Mapping[TargetName, Schema], mapping: FieldMap, currency: str) -> None:
    """Raise `UsageError` when a run would surely write wrongly, or be refused for every product.

    That is: a price of the mapping whose field is missing, cannot be written or is no amount; a
    field that a target demands and the mapping never fills; an organisation that counts in another
    currency than `currency`, the catalogue's. All that is wrong is named at once.
    """
    faults = [
        fault
        for target, schema in schemas.items()
        for fault in _faults(target, schema, mapping, currency)
    ]
    if faults:
        raise UsageError(
            "; ".join(fault.what for fault in faults),
            "; ".join(dict.fromkeys(fault.remedy for fault in faults))
            + "; nothing was written, `trueup check` looks at everything",
        )


def _faults(
    target: TargetName, schema: Schema, mapping: FieldMap, currency: str
) -> Iterator[Fault]:
    stated = str(schema.details.get(CURRENCY) or "")
    if stated and stated.upper() != currency.upper():
        yield Fault(
            f"{target.value} counts in {stated}, the catalogue in {currency}:"
            " prices would mean something else",
            "check ZOHO_ORG_ID, or set currency in [catalogue] of trueup.toml",
        )
    for kind, specs in schema.kinds.items():
        yield from _prices(kind, specs, mapping)
        yield from _demanded(kind, specs, mapping)


def _prices(kind: Kind, specs: Mapping[str, FieldSpec], mapping: FieldMap) -> Iterator[Fault]:
    list_prices = [name for name, is_price in mapping.money(kind).items() if is_price]
    for name in list_prices:
        spec = specs.get(name)
        if spec is None:
            yield Fault(
                f"{kind.value} has no field {name}, which the price belongs in",
                f"let the user of the refresh token see it, or map another field in {_part(kind)}",
            )
        elif not spec.writable:
            yield Fault(
                f"{kind.value}: {name}, which the price belongs in, cannot be written",
                "let the user of the refresh token edit it",
            )
        elif spec.data_type not in AMOUNTS:
            yield Fault(
                f"{kind.value}: {name} is of type {spec.data_type}, the price is an amount",
                f"give the field the type currency, or map another field in {_part(kind)}",
            )


def _demanded(kind: Kind, specs: Mapping[str, FieldSpec], mapping: FieldMap) -> Iterator[Fault]:
    managed = mapping.managed(kind)
    unfilled = [n for n, s in specs.items() if s.mandatory and s.writable and n not in managed]
    if unfilled:
        yield Fault(
            f"{kind.value} demands {', '.join(unfilled)}, which the mapping does not fill:"
            " every new record would be refused",
            f"map them in {_part(kind)} of trueup.toml, or make them optional",
        )


def _part(kind: Kind) -> str:
    return f"[mapping.{kind.value}]"
