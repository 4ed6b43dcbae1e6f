"""What a person could do about records that may be one thing twice. Words only: nothing writes."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from trueup.planner.duplicates import Group, Member, Why

_NAMED = 6  # ids and SKUs named in a sentence


@dataclass(frozen=True, slots=True)
class Advice:
    """A proposal in words; the remote id to keep, if one is proposed; commands that carry it out.

    A name alone, and an id that somebody stored, propose no record and no command.
    """

    text: str
    keep: str | None = None
    commands: tuple[str, ...] = ()


def advise(group: Group) -> Advice:
    """The proposal for one group."""
    if group.why is Why.NAME:
        return Advice("look at these: a name alone proves nothing")
    if group.why is Why.STORED_ID:
        return _about_a_stored_id(group)
    bound = [member for member in group.members if member.binding is not None]
    if len(bound) > 1:
        return _about_several_bound(bound, group.members)
    return _about_copies(group)


def _about_copies(group: Group) -> Advice:
    best, *others = group.members
    on_sale = [m for m in others if m.active]
    inactivate = f"make {_ids(on_sale)} inactive at Zoho" if on_sale else ""
    keep = f"keep {best.record.remote_id}{_traits(best, group.members)}"
    if best.binding is not None:
        other = adoption(others[0], best.sku)
        text = f"{keep}; {inactivate}, or if another is the right one: `{other}`"
        return Advice(text, best.record.remote_id)
    sku = next((m.sku for m in group.members if m.sku), "")
    if not sku:
        return Advice("look at these: none of them is a product of the catalogue")
    command = adoption(best, sku)
    text = f"{keep}: `{command}`" + (f", then {inactivate}" if inactivate else "")
    return Advice(text, best.record.remote_id, (command,))


def _about_several_bound(bound: Sequence[Member], members: Iterable[Member]) -> Advice:
    keys = _listed(str(m.binding.key) for m in bound if m.binding)
    copies = [m for m in members if m.binding is None and m.active]
    more = f"; make {_ids(copies)} inactive at Zoho" if copies else ""
    return Advice(f"look at these: {len(bound)} are bound, as {keys}{more}")


def _about_a_stored_id(group: Group) -> Advice:
    skus = _listed(use.sku or use.owner for use in group.users)
    if not group.members:
        holder = "no record read has it"
    else:
        record = group.members[0].record
        holder = f"it is {record.name!r}" + (f" with the code {record.code}" if record.code else "")
    return Advice(
        f"look at these: {len(group.users)} products remember one id ({skus}); {holder}."
        " A run trusts own ids and codes"
    )


def adoption(member: Member, sku: str) -> str:
    """The command that binds a record to a product."""
    record = member.record
    words = ["trueup", "adopt", sku, record.kind.target.value, record.remote_id]
    return shlex.join(words)


def _traits(member: Member, members: Sequence[Member]) -> str:
    youth = min(m.age for m in members)
    newest = [m for m in members if m.age and m.age == youth]
    traits = [
        "bound" if member.binding is not None else "",
        "carries our id" if member.record.own_id else "",
        "" if member.active else "inactive",
        "newest" if newest == [member] else "",
    ]
    said = ", ".join(trait for trait in traits if trait)
    return f" ({said})" if said else ""


def _ids(members: Iterable[Member]) -> str:
    return _listed(m.record.remote_id for m in members)


def _listed(words: Iterable[str]) -> str:
    known = list(words)
    more = len(known) - _NAMED
    return ", ".join(known[:_NAMED]) + (f" and {more} more" if more > 0 else "")
