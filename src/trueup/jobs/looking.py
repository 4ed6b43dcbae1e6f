"""Look at everything, write to no target, and keep what was found: drift, or duplicates."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from trueup.domain.changes import Action, Change, Reason
from trueup.domain.errors import TargetStoppedError, TrueupError
from trueup.domain.jobs import Ending, Job, JobKind, JobOutcome
from trueup.domain.looks import Look
from trueup.domain.plan import Plan, count_actions, value_as_json
from trueup.domain.records import TargetName
from trueup.domain.threeway import Moved
from trueup.jobs.searching import Search, search, search_as_json
from trueup.jobs.verifying import worst
from trueup.planner.due import Look as Widely
from trueup.planner.explain import counted
from trueup.postgres import looks
from trueup.reconcile.scope import Scope
from trueup.reconcile.survey import survey
from trueup.reconcile.telling import EVERY, Teller

if TYPE_CHECKING:
    from datetime import datetime

    from trueup.bootstrap import App
    from trueup.reconcile.applying import Brake
    from trueup.reconcile.observing import WhyStop
    from trueup.reconcile.scope import Watcher

MOST_LISTED = 500  # changes, or groups, that are kept for the page; the counts are of all


def look_for_drift(app: App, job: Job, brake: Brake) -> JobOutcome:
    """Compare all products, whatever was verified when, as `trueup drift` does.

    Raises `TrueupError` when the brake is pulled before all is read: nothing is kept then.
    """
    began, shop, why_stop = app.clock.now(), app.workshop(), _why_stop(app, brake)
    scope, reading = Scope(look=Widely.EVERYTHING), f"drift-{secrets.token_hex(6)}"
    with _telling(app, job) as watcher:
        seen = survey(replace(shop, watcher=watcher), scope, reading, why_stop=why_stop)
    if seen.stopped and (reason := why_stop()) is not None:
        raise TrueupError(f"{reason} while reading")
    plan = seen.plan(batch_size=shop.limits.batch_size, rate=shop.limits.rate)
    document = keep_drift(app, plan, seen.stopped, began, job.request.asked_by).document
    unread = document["unread"]
    said = [
        f"{counted(document['products'], 'product')} of {plan.looked:,} differ.",
        *(f"{target} could not be read: {why}." for target, why in unread.items()),
    ]
    ending = Ending.SUCCEEDED if plan.empty else Ending.DIFFERS
    figures = ("products", "changes", "held", "unread")
    report = {name: document[name] for name in figures} | {"looked": plan.looked}
    exit_code = worst(seen.stopped.values()).exit_code if unread else int(not plan.empty)
    return JobOutcome(
        Ending.FAILED if unread else ending,
        message=" ".join(said),
        report=report | {"exit_code": exit_code},
    )


def keep_drift(
    app: App,
    plan: Plan,
    stopped: Mapping[TargetName, TargetStoppedError],
    began: datetime,
    asked_by: str,
) -> Look:
    """Keep a plan of everything for the page of drift, and with it which targets were not read."""
    unread = {target.value: error.message for target, error in stopped.items()}
    document = drift_as_json(plan, unread)
    found = Look(JobKind.DRIFT, began, app.clock.now(), plan.looked, document["products"])
    return _kept(app, replace(found, asked_by=asked_by, document=document))


def keep_duplicates(app: App, found: Search, began: datetime, asked_by: str) -> Look:
    """Keep a search of everything for the page of duplicates."""
    document = search_as_json(found, MOST_LISTED, ZoneInfo(app.settings.timezone))
    look = Look(JobKind.DUPLICATES, began, app.clock.now(), found.read, len(found.groups))
    return _kept(app, replace(look, asked_by=asked_by, document=document))


def look_for_duplicates(app: App, job: Job, brake: Brake) -> JobOutcome:
    """Find records that are one thing twice, as `trueup duplicates` does.

    Raises `TrueupError` when a target cannot be read, or the brake is pulled before all is.
    """
    began = app.clock.now()
    with _telling(app, job) as watcher:
        found = search(app, tuple(TargetName), watcher, why_stop=_why_stop(app, brake))
    groups = found.groups
    keep_duplicates(app, found, began, job.request.asked_by)
    return JobOutcome(
        Ending.DIFFERS if groups else Ending.SUCCEEDED,
        message=f"{counted(len(groups), 'group')} among {found.read:,} records.",
        report={
            "groups": len(groups),
            "settled": found.settled,
            "read": found.read,
            "exit_code": int(bool(groups)),
        },
    )


def drift_as_json(plan: Plan, unread: Mapping[str, str]) -> dict[str, Any]:
    """What a look at everything found: counts of all, and a list of the first.

    Drift comes first in the list, then what differs because the catalogue moved. `unread` says why
    a target could not be read: nothing is known there.
    """
    held = {id(one.change): [rule.value for rule in one.rules] for one in plan.held}
    told = [change for change in plan.changes if change.action is not Action.CREATE]
    fields = Counter(name for change in told for name in change.deltas)
    moved = Counter(change.moved(name) for change in told for name in change.deltas)
    writes = Counter(change.target.value for change in plan.free if change.writes)
    first = sorted(plan.changes, key=_drift_first)[:MOST_LISTED]
    return {
        "products": len({change.owner or str(change.key) for change in plan.changes}),
        "changes": len(plan.changes),
        "held": len(plan.held),
        "refused": sum(finding.blocks != frozenset() for finding in plan.findings),
        "writes": dict(writes),
        "actions": {
            target.value: {action.value: number for action, number in counts.items() if number}
            for target, counts in count_actions(plan.changes).items()
        },
        "fields": dict(fields.most_common()),
        "moved": {who.value: moved[who] for who in Moved if moved[who]},
        "requests": plan.estimate.requests,
        "seconds": round(plan.estimate.seconds, 1),
        "unread": dict(unread),
        "listed": [_difference(change, held.get(id(change), [])) for change in first],
    }


def _drift_first(change: Change) -> tuple[bool, str, str, str]:
    here = change.reason is not Reason.DRIFTED
    return here, change.sku, change.target.value, str(change.key)


def _difference(change: Change, held: list[str]) -> dict[str, Any]:
    return {
        "sku": change.sku,
        "kind": change.key.kind.value,
        "code": change.key.code,
        "remote_id": change.remote_id,
        "action": change.action.value,
        "reason": change.reason.value,
        "editor": change.editor,
        "held": held,
        "writes": change.writes,
        "fields": [
            {
                "name": name,
                "before": value_as_json(delta.before),
                "after": value_as_json(delta.after),
                "moved": who.value if (who := change.moved(name)) else "",
            }
            for name, delta in change.deltas.items()
        ],
    }


@contextmanager
def _telling(app: App, job: Job) -> Iterator[Watcher]:
    """Somebody who watches, and tells the page how far it has come."""
    teller = Teller(app.watcher, looks.progress_keeper(app.pool), dict, EVERY)
    teller.name(str(job.job_id))
    try:
        yield teller
    finally:
        teller.close()


def _why_stop(app: App, brake: Brake) -> WhyStop:
    ends_at = app.clock.monotonic() + app.settings.run_deadline
    return lambda: brake.why_stop(app.clock, ends_at)


def _kept(app: App, look: Look) -> Look:
    with app.pool.connection() as connection:
        looks.keep(connection, look)
    return look
