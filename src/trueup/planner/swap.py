"""Two versions of a plan that change places, when a run is taken back.

The run had put a new version on sale and withdrawn the one before. Taken back, the old one is on
sale again, then the new one goes. The catalogue still wants the new price, and asks for the version
after that one, because no code is used twice: what is refused is that price on that next code. The
former version's withdrawal is not refused: whatever price comes next may take over from it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from itertools import count

from trueup.domain.changes import Action, Change
from trueup.domain.past import Place
from trueup.domain.records import ACTIVE, Kind, RecordKey, Ref, Slot
from trueup.planner.versions import code_of, version_number

PRICE = "recurring_price"
_ACTIVE = ACTIVE[Kind.BILLING_PLAN]


@dataclass(frozen=True, slots=True)
class PlanTurn:
    """A plan of a product whose place on sale changes: to `on_sale`, when the run is taken back."""

    place: Place
    key: RecordKey
    owner: str
    sku: str
    on_sale: bool

    @property
    def number(self) -> int:
        """Which version of the product's plan it is; 0 for the plan of another SKU."""
        return version_number(self.sku, self.key.code)


@dataclass(frozen=True, slots=True)
class Swap:
    """The version that goes and the one that is on sale again."""

    goes: PlanTurn
    comes: PlanTurn

    @property
    def backwards(self) -> bool:
        """Whether an older version comes back, so that the price of the newer one is refused."""
        return self.comes.number < self.goes.number


def next_version(sku: str, codes: Collection[str]) -> RecordKey:
    """The plan that the catalogue would ask for next; `codes` are those that are taken."""
    taken = {code.casefold() for code in codes}
    code = next(c for n in count(2) if (c := code_of(sku, n)).casefold() not in taken)
    return RecordKey(Kind.BILLING_PLAN, code)


def sku_of(code: str) -> str:
    """The SKU of which a plan's code may name a version."""
    sku, found, number = code.rpartition("-V")
    return sku if found and number.isdigit() else code


def swaps(turns: Iterable[PlanTurn]) -> list[Swap]:
    """The versions that change places, a pair for each product where there is one."""
    by_owner: dict[str, list[PlanTurn]] = defaultdict(list)
    for turn in turns:
        if turn.owner and turn.number:
            by_owner[turn.owner].append(turn)
    found = []
    for of_one in by_owner.values():
        coming = [turn for turn in of_one if turn.on_sale]
        going = [turn for turn in of_one if not turn.on_sale]
        if coming and going:
            newest = max(going, key=lambda turn: turn.number)
            found.append(Swap(newest, max(coming, key=lambda turn: turn.number)))
    return found


def in_order(changes: Iterable[Change]) -> list[Change]:
    """A plan is withdrawn only when the one that is on sale again stands."""
    listed = list(changes)
    woken: dict[str, list[Ref]] = defaultdict(list)
    for change in listed:
        if change.slot is Slot.PLAN and change.activates:
            woken[change.owner].append(Ref(change.key))
    return [_after(change, woken.get(change.owner, ())) for change in listed]


def _after(change: Change, woken: Collection[Ref]) -> Change:
    if not woken or change.slot is not Slot.PLAN or change.action is not Action.RETIRE:
        return change
    return replace(change, needs=tuple(woken), stands={_ACTIVE: (True,)})
