"""What is wrong in a workspace, derived from what its ledger and the queue of jobs say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from trueup.domain.alert_facts import Facts
from trueup.domain.alerts import Condition, Kind, Severity
from trueup.domain.jobs import Ending

LONG_PAUSE: Final = timedelta(minutes=10)  # a shorter one is the rate limit's daily life
NOBODY_COMES: Final = timedelta(minutes=5)  # that a due job waits, while no worker is alive
STUCK: Final = timedelta(hours=1)  # that a due job waits beside workers that are at nothing
_NAMED: Final = 10  # products that a text names
_GOOD: Final = frozenset({Ending.SUCCEEDED, Ending.HELD})
_CREDENTIALS: Final = 4  # the exit code of refused credentials and permissions (spec §3.2)


@dataclass(frozen=True, slots=True)
class AlertLimits:
    """From when on something is a condition."""

    overdue_after: timedelta = field(default=timedelta(hours=26))
    failures_allowed: int = 3


def conditions(facts: Facts, limits: AlertLimits) -> list[Condition]:
    """Everything that is wrong, the most urgent first."""
    found = [
        *_last_run(facts),
        *_other_jobs(facts),
        *_overdue(facts, limits),
        *_jobs(facts),
        *_pauses(facts),
        *_failing(facts, limits),
        *_held(facts),
        *_drift(facts),
    ]
    return sorted(found, key=lambda one: -one.severity.rank)


def _last_run(facts: Facts) -> Iterator[Condition]:
    """One condition, whatever the kind of trouble: a night fails in one way at a time."""
    last = facts.last
    if last is None or last.ending in _GOOD or last.ending is Ending.CANCELLED:
        return
    named = f"run {last.run_id}" if last.run_id else "the job"
    reason = f"{named}: {last.message or 'see its products'}"
    show = f"`trueup runs show {last.run_id}` says more, " if last.run_id else ""
    if last.exit_code == _CREDENTIALS:
        kind, severity = Kind.REFUSED, Severity.CRITICAL
        title = "Zoho refuses the credentials, or a permission is missing"
        todo = "`trueup check` names what is missing; `trueup auth url` starts anew"
    elif last.ending is Ending.PARTIAL:
        kind, severity = Kind.RUN_PARTIAL, Severity.WARNING
        title = "the last run left something undone"
        todo = f"{show}`trueup errors` what is tried again and when"
    else:
        kind, severity = Kind.RUN_FAILED, Severity.CRITICAL
        title = "the last run failed"
        todo = f"{show}`trueup check` looks at everything that a run relies on"
    yield Condition("run", kind, severity, title, f"{reason}\n{todo}", last.at)


def _other_jobs(facts: Facts) -> Iterator[Condition]:
    for kind, last in sorted(facts.others.items()):
        if last.ending is Ending.FAILED:
            title = f"the last {kind} job failed"
            text = f"{last.message or 'no reason known'}\n`trueup check` looks at everything"
            key = f"job:{kind}"
            yield Condition(key, Kind.JOB_FAILED, Severity.WARNING, title, text, last.at)


def _overdue(facts: Facts, limits: AlertLimits) -> Iterator[Condition]:
    known = [at for at in (facts.good_at, facts.watched_since) if at is not None]
    if not known or facts.now - max(known) <= limits.overdue_after:
        return
    ever = f"the last one that did ended {facts.good_at:%Y-%m-%d %H:%M} UTC" if facts.good_at else (
        "none ever did"
    )  # fmt: skip
    hours = limits.overdue_after / timedelta(hours=1)
    title = f"no run went well for {hours:g} hours"
    text = f"{ever}\nis a worker alive (`trueup status`)? `trueup runs` shows how they ended"
    since = max(known) + limits.overdue_after
    yield Condition("overdue", Kind.OVERDUE, Severity.CRITICAL, title, text, since)


def _jobs(facts: Facts) -> Iterator[Condition]:
    waiting = facts.waiting
    if waiting is None or facts.busy:
        return
    waited = facts.now - waiting.since
    jobs = f"{waiting.jobs} job{'s' * (waiting.jobs > 1)}"
    if not facts.workers and waited > NOBODY_COMES:
        title = "no worker is alive"
        text = f"{jobs} due and nobody there to do them\nstart `trueup serve` or `trueup worker`"
        yield Condition("worker", Kind.NO_WORKER, Severity.CRITICAL, title, text, waiting.since)
    elif facts.workers and waited > STUCK:
        title = "jobs wait although workers are alive"
        text = f"{jobs} due, none under way\nlook at the workers' logs, and start them again"
        yield Condition("queue", Kind.QUEUE_STUCK, Severity.WARNING, title, text, waiting.since)


def _pauses(facts: Facts) -> Iterator[Condition]:
    for pause in facts.pauses:
        until = f"until {pause.until:%Y-%m-%d %H:%M} UTC"
        why = f": {pause.why}" if pause.why else ""
        if pause.target == "token":
            key, kind, title = "token", Kind.TOKEN_COOLDOWN, "the token endpoint wants silence"
        elif pause.until - pause.since >= LONG_PAUSE:
            key, kind = f"paused:{pause.target}", Kind.TARGET_PAUSED
            title = f"{pause.target} is paused"
        else:
            continue
        text = f"left alone {until}{why}\nnothing is lost; `trueup limits` shows who asks so much"
        yield Condition(key, kind, Severity.WARNING, title, text, pause.since)


def _failing(facts: Facts, limits: AlertLimits) -> Iterator[Condition]:
    often = [one for one in facts.failing if one.runs > limits.failures_allowed]
    if not often:
        return
    what = often[0].sku if len(often) == 1 else f"{len(often)} products"
    title = f"{what} failed more than {limits.failures_allowed} times in 24 hours"
    lines = [f"{one.sku}: {one.runs} times, {one.error or 'no reason known'}" for one in often]
    lines[_NAMED:] = [f"and {len(often) - _NAMED} more"] * (len(often) > _NAMED)
    todo = "`trueup errors` says why; `trueup resync SKU` tries again at once"
    yield Condition(
        "products",
        Kind.PRODUCTS_FAILING,
        Severity.WARNING,
        title,
        "\n".join([*lines, todo]),
        min(one.since for one in often),
        len(often),
    )


def _held(facts: Facts) -> Iterator[Condition]:
    if facts.held is None:
        return
    number = facts.held.products
    title = f"{number} product{'s wait' if number > 1 else ' waits'} for a person"
    text = "`trueup held` shows what and why, `trueup approve` and `trueup reject` decide"
    since = facts.held.oldest
    yield Condition("held", Kind.HELD, Severity.WARNING, title, text, since, number)


def _drift(facts: Facts) -> Iterator[Condition]:
    """A run that went well since has looked at everything again."""
    seen = facts.verified
    if seen is None or not seen.differing or (facts.good_at and facts.good_at > seen.at):
        return
    title = f"{seen.differing} of {seen.products} products differ from the catalogue"
    text = "the last verification found it; `trueup verify` names them, `trueup run` repairs them"
    yield Condition("drift", Kind.DRIFT, Severity.WARNING, title, text, seen.at, seen.differing)
