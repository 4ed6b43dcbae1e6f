"""`trueup duplicates`: records that are one thing twice, with a proposal for each group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from trueup.cli import output
from trueup.cli.asking import who_asks
from trueup.cli.done import write_down
from trueup.cli.reading import Limit
from trueup.cli.selectors import Json, Targets, Verbose, targets_of
from trueup.domain.deeds import Did
from trueup.domain.records import TargetName
from trueup.views.deeds import subject_of

if TYPE_CHECKING:
    from trueup.bootstrap import App
    from trueup.jobs.searching import Search
    from trueup.planner.duplicates import Group, Member
    from trueup.views.times import BusinessTime

Near = Annotated[
    bool, Parameter(name="--near", negative="--no-near", help="Also compare names, nearly.")
]
_SHOWN = 12  # records of a group written out on a terminal; a pipe and --json get all


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
    the copies are inactive already, is counted and not shown. The page of
    duplicates shows it, too, unless --target or --no-near left some out.

    Ends with 0 when nothing is found, with 1 when something is, or when a
    target could not be read.

    For example:
      trueup duplicates
      trueup duplicates --target crm --no-near
      trueup duplicates --json | jq -r '.groups[].commands[]'
    """
    from trueup.jobs.searching import search_as_json

    with _app(json=json, verbose=verbose) as app:
        search = _searched(app, target, near=near)
        time = _business_time(app)
    if json:
        output.print_json(search_as_json(search, limit, time.zone))
    else:
        _show(search, limit, time)
    return 1 if search.groups else 0


def _searched(app: App, target: Targets, *, near: bool) -> Search:
    """What is found; kept for the page where nothing was left out."""
    from trueup.jobs.looking import keep_duplicates
    from trueup.jobs.searching import search

    began, targets = app.clock.now(), targets_of(target)
    found = search(app, targets, app.watcher, near=near)
    if near and set(targets) == set(TargetName):
        keep_duplicates(app, found, began, who_asks())
    write_down(app, Did.ASKED_FOR_DUPLICATES, subject_of(()))
    return found


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


def _show(search: Search, limit: int, time: BusinessTime) -> None:
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


def _verdict(search: Search, groups: Sequence[Group]) -> str:
    from trueup.views.duplicates import REASONS

    among = f"among {search.read:,} records."
    if not groups:
        return f"No duplicates, {among}"
    counts = Counter(REASONS[group.why] for group in groups)
    by = ", ".join(f"{count:,} by {word}" for word, count in counts.items())
    return f"{len(groups):,} {'group' if len(groups) == 1 else 'groups'}: {by}, {among}"


def _show_group(group: Group, time: BusinessTime) -> None:
    from trueup.planner.duplicate_advice import advise
    from trueup.views.duplicates import REASONS

    word = REASONS[group.why]
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
