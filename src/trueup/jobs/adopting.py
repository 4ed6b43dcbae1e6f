"""The job that binds a remote record to a product, and shows what that leads to."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from trueup.domain.errors import LockedError, UsageError
from trueup.domain.jobs import Ending, Job, JobOutcome, Terms
from trueup.jobs.noting import noted_workshop
from trueup.jobs.sync import LOCKED_WAIT, plan_in_short
from trueup.planner.adoption import Part
from trueup.planner.due import Look
from trueup.ports import Decision
from trueup.reconcile.adopting import Adopted, Wish, adopt
from trueup.reconcile.drawing import Drawn, draw, drawn_as_json
from trueup.reconcile.scope import Scope

if TYPE_CHECKING:
    from trueup.bootstrap import App
    from trueup.reconcile.applying import Brake

_ONE = 1


def bind(app: App, job: Job, brake: Brake) -> JobOutcome:
    """Bind the record that the terms name; `plan` says what the next run would change there.

    A record that is the product's already is left as it is, so that twice is once.
    """
    del brake  # nothing is written to a target
    wish = wish_of(job.request.terms, job.request.asked_by)
    try:
        adopted = adopt(noted_workshop(app), wish, app.past.sign)
    except LockedError as error:
        return JobOutcome(None, job.run_id, error.message, wait=LOCKED_WAIT)
    drawn = next_plan(app, wish)
    report = adopted_as_json(adopted, wish, drawn)
    report["plan"] = plan_in_short(report["plan"])
    run_id = adopted.run.run_id if adopted.run is not None else ""
    return JobOutcome(Ending.SUCCEEDED, run_id, _said(adopted, wish), report | {"exit_code": 0})


def wish_of(terms: Terms, by: str) -> Wish:
    """What the terms ask for; raises `UsageError` unless they name one product, target, record."""
    if len(terms.skus) != _ONE or len(terms.targets) != _ONE or not terms.remote_id:
        raise UsageError("an adoption names one product, one target and one record")
    if terms.part not in ("", *Part):
        raise UsageError(f"there is no part {terms.part!r}", f"parts are {', '.join(Part)}")
    part = Part(terms.part) if terms.part else None
    decision = Decision(by, terms.reason)
    return Wish(terms.skus[0], terms.targets[0], terms.remote_id, decision, part)


def next_plan(app: App, wish: Wish) -> Drawn:
    """What the next run would change for this product there."""
    scope = Scope((wish.target,), (wish.sku,), look=Look.EVERYTHING)
    return draw(app.workshop(), scope, f"plan-{secrets.token_hex(6)}")


def adopted_as_json(adopted: Adopted, wish: Wish, drawn: Drawn) -> dict[str, Any]:
    """The document of `trueup adopt --json`."""
    return {
        "sku": adopted.sku,
        "target": wish.target.value,
        "kind": adopted.key.kind.value,
        "code": adopted.key.code,
        "remote_id": adopted.record.remote_id,
        "before": adopted.before or None,
        "run_id": adopted.run.run_id if adopted.run is not None else None,
        "by": wish.decision.by,
        "plan": drawn_as_json(drawn),
    }


def _said(adopted: Adopted, wish: Wish) -> str:
    named = f"{wish.target.value} {adopted.record.remote_id} ({adopted.record.name})"
    if adopted.run is None:
        return f"{named} was {adopted.key} already"
    return f"{named} is {adopted.key} from now on"
