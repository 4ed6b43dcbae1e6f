"""`trueup duplicates`: records that are one thing twice, with a proposal for each group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from trueup.cli import output
from trueup.cli.reading import Limit
from trueup.cli.selectors import Json, Targets, Verbose, targets_of
from trueup.domain.records import KINDS_OF, Kind, RemoteRecord

if TYPE_CHECKING:
    from trueup.bootstrap import App
    from trueup.planner.duplicates import Found, Group, Member, Memory
    from trueup.ports import Target
    from trueup.views.times import BusinessTime

Near = Annotated[
    bool, Parameter(name="--near", negative="--no-near", help="Also compare names, nearly.")
]
_SHOWN = 12  # records of a group written out on a terminal; a pipe and --json get all
_STEP = 200  # records between two words to the watcher: a page


def duplicates(
    *,
    target: Targets = None,
    near: Near = True,
    limit: Limit = 200,
    json: Json = False,
    verbose: Verbose = False,
) -> int:
    """Find records that are one thing twice, and say what could be done. Writes nothing.

    Reads every record of the targets and groups those that carry one id of
    ours, one code (trimmed, whatever its case), or nearly one name; and the
    ids that several products share in the table of older screens. A group
    of the first two kinds comes with a proposal; a name alone proves
    nothing, so there it only says: look at these. What is settled, because
    the copies are inactive already, is counted and not shown.

    Ends with 0 when nothing is found, with 1 when something is, or when a
    target could not be read.

    For example:
      trueup duplicates
      trueup duplicates --target crm --no-near
      trueup duplicates --json | jq -r '.groups[].commands[]'
    """
    with _app(json=json, verbose=verbose) as app:
        search = _search(app, target, near=near)
        time = _business_time(app)
    if json:
        output.print_json(_document(search, limit, time))
    else:
        _show(search, limit, time)
    return 1 if search.groups else 0


@dataclass(frozen=True, slots=True)
class _Search:
    """What was found in every kind that was read."""

    kinds: Mapping[Kind, Found]

    @property
    def groups(self) -> list[Group]:
        """All groups, the strongest reason first."""
        from trueup.planner.duplicates import Why

        order = list(Why)
        found = [group for kind in self.kinds.values() for group in kind.groups]
        return sorted(found, key=lambda group: order.index(group.why))

    @property
    def settled(self) -> int:
        return sum(found.settled for found in self.kinds.values())

    @property
    def read(self) -> int:
        return sum(found.read for found in self.kinds.values())


def _search(app: App, target: Targets, *, near: bool) -> _Search:
    """Read one kind after the other, so that only one has to be kept in memory."""
    from trueup.planner.duplicates import find_duplicates

    memory = _memory(app)
    found: dict[Kind, Found] = {}
    for name in targets_of(target):
        for kind in KINDS_OF[name]:
            app.watcher.phase(f"reading {kind.value}")
            records = _watched(app, app.targets[name], kind)
            found[kind] = find_duplicates(kind, records, memory, near=near)
    return _Search(found)


def _memory(app: App) -> Memory:
    from trueup.planner.duplicates import remember
    from trueup.planner.reading import clean_sku
    from trueup.postgres.bound_ids import bound_ids, shared_stored_ids

    skus = {row.id: sku for row in app.catalogue.outline() if (sku := clean_sku(row.sku))}
    with app.pool.connection() as connection:
        return remember(bound_ids(connection), shared_stored_ids(connection), skus)


def _watched(app: App, target: Target, kind: Kind) -> Iterator[RemoteRecord]:
    count = 0
    for count, record in enumerate(target.records(kind), start=1):
        if count % _STEP == 0:
            app.watcher.read(kind, count)
        yield record
    app.watcher.read(kind, count)


@contextmanager
def _app(*, json: bool, verbose: bool) -> Iterator[App]:
    from trueup.bootstrap import open_app
    from trueup.cli.loading import load_logged
    from trueup.cli.progress import watching

    settings = load_logged(verbose=verbose)
    with (
        watching(settings, quiet=json, verbose=verbose) as progress,
        open_app(settings, watcher=progress, on_request=progress.request, person=True) as app,
    ):
        yield app


def _business_time(app: App) -> BusinessTime:
    from zoneinfo import ZoneInfo

    from trueup.views.times import BusinessTime

    return BusinessTime(ZoneInfo(app.settings.timezone), app.clock.now())


# --- for people ----------------------------------------------------------------------------


def _show(search: _Search, limit: int, time: BusinessTime) -> None:
    groups = search.groups
    for group in groups[:limit]:
        _show_group(group, time)
    if len(groups) > limit:
        output.say()
        output.say(f"… and {len(groups) - limit:,} more; --limit {2 * limit} shows more", "dim")
    if groups:
        output.say()
    output.say(_verdict(search, groups), "bold yellow" if groups else "bold green")
    if search.settled:
        word = "group is" if search.settled == 1 else "groups are"
        output.say(f"{search.settled:,} more {word} settled: the copies are inactive.", "dim")


def _verdict(search: _Search, groups: Sequence[Group]) -> str:
    among = f"among {search.read:,} records."
    if not groups:
        return f"No duplicates, {among}"
    counts = Counter(_WORDS[group.why.value] for group in groups)
    by = ", ".join(f"{count:,} by {word}" for word, count in counts.items())
    return f"{len(groups):,} {'group' if len(groups) == 1 else 'groups'}: {by}, {among}"


_WORDS = {
    "own_id": "our own id",
    "code": "code",
    "stored_id": "stored id",
    "name": "near name",
}


def _show_group(group: Group, time: BusinessTime) -> None:
    from trueup.planner.duplicate_advice import advise

    word = _WORDS[group.why.value]
    output.heading(f"{group.kind.value}, {word} {group.shared!r} ({group.certainty.value})")
    shown = group.members[:_SHOWN] if output.on_terminal() else group.members
    output.table(
        ("id", "name", "code", "#price", "active", "bound to", "modified"),
        [_row(member, time) for member in shown],
        empty="no record that was read has this id",
    )
    if len(shown) < len(group.members):
        output.say(f"… and {len(group.members) - len(shown):,} more; a pipe shows all", "dim")
    if group.differs:
        output.say(f"they differ in {', '.join(group.differs)}")
    output.say(f"→ {advise(group).text}", "cyan")


def _row(member: Member, time: BusinessTime) -> Sequence[object]:
    record = member.record
    bound = member.binding.key.code if member.binding else None
    modified = time.at(member.modified_at)
    return (
        record.remote_id,
        record.name,
        record.code,
        member.price,
        member.active,
        bound,
        modified,
    )


# --- for programs --------------------------------------------------------------------------


def _document(search: _Search, limit: int, time: BusinessTime) -> dict[str, Any]:
    counts = Counter(group.why.value for group in search.groups)
    return {
        "groups": [_group_as_json(group, time) for group in search.groups[:limit]],
        "found": {why: counts[why] for why in _WORDS},
        "settled": search.settled,
        "read": {kind.value: found.read for kind, found in search.kinds.items()},
    }


def _group_as_json(group: Group, time: BusinessTime) -> dict[str, Any]:
    from trueup.domain.plan import value_as_json
    from trueup.planner.duplicate_advice import advise

    advice = advise(group)
    return {
        "kind": group.kind.value,
        "why": group.why.value,
        "certainty": group.certainty.value,
        "shared": group.shared,
        "records": [_member_as_json(member, time) for member in group.members],
        "differs": {
            name: [value_as_json(value) for value in values]
            for name, values in group.differs.items()
        },
        "products": [
            {"offering_id": use.owner, "sku": use.sku or None, "slot": use.slot.value}
            for use in group.users
        ],
        "proposal": advice.text,
        "keep": advice.keep,
        "commands": list(advice.commands),
    }


def _member_as_json(member: Member, time: BusinessTime) -> dict[str, Any]:
    from trueup.domain.plan import value_as_json

    record, binding = member.record, member.binding
    return {
        "remote_id": record.remote_id,
        "name": record.name or None,
        "code": record.code or None,
        "own_id": record.own_id or None,
        "sku": member.sku or None,
        "price": value_as_json(member.price),
        "active": member.active,
        "modified_at": time.iso(member.modified_at),
        "bound_to": binding.key.code if binding else None,
    }
