"""Looking at a workspace: how it stands, its runs, what waits, what looks have found."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from trueup.domain.jobs import JobKind
from trueup.domain.looks import Look
from trueup.domain.runs import Run, RunState, Trigger
from trueup.postgres import looks, reports, run_lists
from trueup.postgres.decisions import PostgresDecisions
from trueup.postgres.prune import changes_removed_at
from trueup.views import daily, limits
from trueup.views.desk import Desk
from trueup.views.documents import (
    account_as_json,
    change_as_json,
    run_as_json,
    status_as_json,
)
from trueup.views.held import group_as_json, grouped
from trueup.views.runs import account
from trueup.views.standing import gather
from trueup.views.times import BusinessTime
from trueup.web.api import answers
from trueup.web.api.asked import LIMIT, Asked, whole, word, words_of
from trueup.web.api.callers import Caller
from trueup.web.api.endpoints import WORKSPACE, Api, Described, Document
from trueup.web.refusals import Refusal

_LAST = "last"
_EARLIER = 10
_AFTER_RUN = words_of("after", "Begin behind this run: `next` of the page before.")
_AFTER_NUMBER = whole("after", "`next` of the page before.", most=10**18 - 1)
_STATE = word("state", "Only runs that stand so.", RunState)
_TRIGGER = word("trigger", "Only runs that this asked for.", Trigger)
_DAYS = whole("days", "How many days back, today included.", default=30, most=400)


def add(api: Api) -> None:
    """The endpoints."""
    _add_standing(api)
    _add_runs(api)
    _add_looks(api)


def _add_standing(api: Api) -> None:
    @api.reads(
        Described(f"{WORKSPACE}/status", "v1_status", answers.StatusDocument, "How it stands")
    )
    def status(caller: Caller, _: Asked) -> Document:
        """As `trueup status --json`."""
        with caller.desk() as desk:
            return status_as_json(gather(desk), desk.time)

    @api.reads(
        Described(
            f"{WORKSPACE}/trends",
            "v1_trends",
            answers.TrendsDocument,
            "Runs over time",
            parameters=[_DAYS],
        )
    )
    def trends(caller: Caller, asked: Asked) -> Document:
        """As `trueup trends --json`."""
        with caller.desk() as desk:
            return daily.trends_as_json(*daily.gather(desk, asked["days"]), desk.time)

    @api.reads(
        Described(f"{WORKSPACE}/held", "v1_held", answers.HeldDocument, "What waits for a person")
    )
    def held(caller: Caller, _: Asked) -> Document:
        """As `trueup held --json`."""
        with caller.desk() as desk:
            decisions = PostgresDecisions(desk.app.pool)
            waiting = decisions.waiting()
            groups = [group_as_json(group, desk.time) for group in grouped(desk, waiting)]
            return {"run_id": decisions.newest_run(), "changes": len(waiting), "groups": groups}

    @api.reads(
        Described(
            f"{WORKSPACE}/limits",
            "v1_limits",
            answers.LimitsDocument,
            "What the rate limit allows and has used",
        )
    )
    def rate_limits(caller: Caller, _: Asked) -> Document:
        """As `trueup limits --json`: the window, the day, pauses, the token's times."""
        with caller.desk() as desk:
            return limits.limits_as_json(limits.gather(desk), desk.time)


def _add_runs(api: Api) -> None:
    @api.reads(
        Described(
            f"{WORKSPACE}/runs",
            "v1_runs",
            answers.RunsDocument,
            "The runs",
            parameters=[_STATE, _TRIGGER, _AFTER_RUN, LIMIT],
        )
    )
    def runs(caller: Caller, asked: Asked) -> Document:
        """The newest first; a run as in `trueup runs --json`."""
        most = asked["limit"]
        with caller.desk() as desk:
            found = run_lists.page(
                desk.connection,
                states=[RunState(asked["state"])] if asked["state"] else (),
                triggers=[Trigger(asked["trigger"])] if asked["trigger"] else (),
                after=_place(desk, asked["after"]),
                limit=most + 1,
            )
            shown = [one.run for one in found[:most]]
            return {
                "runs": [run_as_json(run, desk.time) for run in shown],
                "next": shown[-1].run_id if len(found) > most else None,
            }

    @api.reads(Described(f"{WORKSPACE}/runs/{{run_id}}", "v1_run", answers.RunDocument, "One run"))
    def run(caller: Caller, _: Asked) -> Document:
        """As `trueup runs show --json`, without its changes."""
        with caller.desk() as desk:
            found = find_run(desk, caller.path("run_id"))
            removed_at = changes_removed_at(desk.connection, found.run_id)
            removed = {"changes_removed_at": desk.time.iso(removed_at)}
            told = account_as_json(account(desk, found), desk.time)
            return run_as_json(found, desk.time) | removed | told

    @api.reads(
        Described(
            f"{WORKSPACE}/runs/{{run_id}}/changes",
            "v1_run_changes",
            answers.ChangesDocument,
            "What a run changed",
            parameters=[_AFTER_NUMBER, LIMIT],
        )
    )
    def run_changes(caller: Caller, asked: Asked) -> Document:
        """In the order in which they were tried; a change as in `trueup runs show --json`."""
        most = asked["limit"]
        with caller.desk() as desk:
            run_id = find_run(desk, caller.path("run_id")).run_id
            found = run_lists.changes(
                desk.connection, run_id, after=asked["after"] or 0, limit=most + 1
            )
            return {
                "run_id": run_id,
                "changes": [change_as_json(one, desk.time) for _, one in found[:most]],
                "next": found[most - 1][0] if len(found) > most else None,
            }


def _add_looks(api: Api) -> None:
    @api.reads(
        Described(f"{WORKSPACE}/drift", "v1_drift", answers.LookDocument, "The last look at drift")
    )
    def drift(caller: Caller, _: Asked) -> Document:
        """What differed when everything was last compared; a job of the kind `drift` compares."""
        return _last_look(caller, JobKind.DRIFT)

    @api.reads(
        Described(
            f"{WORKSPACE}/duplicates",
            "v1_duplicates",
            answers.LookDocument,
            "The last search for duplicates",
        )
    )
    def duplicates(caller: Caller, _: Asked) -> Document:
        """Groups as in `trueup duplicates --json`; a job of the kind `duplicates` searches."""
        return _last_look(caller, JobKind.DUPLICATES)


def find_run(desk: Desk, wanted: str) -> Run:
    """The run with this id or beginning, or the last; raises `Refusal` (404), `UsageError`."""
    if wanted == _LAST:
        found = next(iter(reports.last_runs(desk.connection, 1)), None)
    else:
        found = reports.find_run(desk.connection, wanted)
    if found is None:
        raise Refusal(HTTPStatus.NOT_FOUND, "there is no such run", "GET …/runs lists them")
    return found


def _place(desk: Desk, after: str | None) -> run_lists.Place | None:
    if after is None:
        return None
    found = reports.find_run(desk.connection, after) if after else None
    if found is None or found.run_id != after:
        raise no_such_page()
    return run_lists.Place(found.started_at, found.run_id)


def no_such_page() -> Refusal:
    """Nothing was ever given out by this `after`."""
    return Refusal(
        HTTPStatus.NOT_FOUND, "there is no such page", "send as `after` what `next` was, unchanged"
    )


def _last_look(caller: Caller, what: JobKind) -> Document:
    with caller.desk() as desk:
        last = looks.last(desk.connection, what)
        earlier = looks.earlier(desk.connection, what, _EARLIER)
        return {
            "last": last and _look_as_json(last, desk.time) | {"document": dict(last.document)},
            "earlier": [_look_as_json(one, desk.time) for one in earlier],
        }


def _look_as_json(one: Look, time: BusinessTime) -> dict[str, Any]:
    return {
        "began_at": time.iso(one.began_at),
        "ended_at": time.iso(one.ended_at),
        "looked": one.looked,
        "found": one.found,
        "asked_by": one.asked_by or None,
    }
