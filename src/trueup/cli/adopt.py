"""`adopt SKU TARGET REMOTE_ID`: a person says which remote record is a product's."""

from __future__ import annotations

import shlex
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from trueup.cli import output
from trueup.cli.asking import By, Why, person
from trueup.cli.done import write_down
from trueup.cli.job import job_app
from trueup.cli.selectors import Json, TargetWord, Verbose, known_skus
from trueup.domain.deeds import Did
from trueup.domain.errors import UsageError
from trueup.domain.records import TargetName

if TYPE_CHECKING:
    from trueup.bootstrap import App
    from trueup.reconcile.adopting import Adopted, Wish
    from trueup.reconcile.drawing import Drawn

PartWord = Literal["product", "plan", "installation", "device"]


def adopt(
    sku: Annotated[str, Parameter(help="The product.", name="SKU")],
    target: Annotated[TargetWord, Parameter(help="Where the record is.", name="TARGET")],
    remote_id: Annotated[
        str, Parameter(help="Its id there; of a plan, its code.", name="REMOTE_ID")
    ],
    /,
    *,
    kind: Annotated[
        PartWord | None,
        Parameter(
            name="--kind",
            help="Which part of the product it is, where the record does not tell.",
            show_default=False,
        ),
    ] = None,
    by: By = None,
    reason: Why = "",
    json: Json = False,
    verbose: Verbose = False,
) -> int:
    """Bind a remote record to a product: of several that could be it, this is the one.

    Reads the record as it is, remembers it as the product's, and writes
    nothing to the target. The others stay as they are. Then shows what the
    next run would change for the product; guards still apply to that.

    For example:
      trueup adopt FIB-100 crm 4611000000000123 --reason "the one with quotes"
      trueup adopt FIB-100 billing 982000000555 --kind installation
      trueup adopt FIB-100 crm 4611000000000123 && trueup resync FIB-100
    """
    from trueup.jobs.adopting import adopted_as_json, next_plan
    from trueup.ports import Decision
    from trueup.reconcile.adopting import Wish

    decision = Decision(person(by), reason.strip())
    wanted = remote_id.strip()
    if not wanted:
        raise UsageError("the id of the record is missing", "`trueup duplicates` lists ids")
    with job_app(json=json, verbose=verbose) as app:
        [known] = known_skus(app, [sku])
        wish = Wish(known, TargetName(target), wanted, decision, _part(kind))
        adopted = _bind(app, wish)
        _write_down(app, by, adopted, wish)
        drawn = next_plan(app, wish)
    with suppress(BrokenPipeError):
        if json:
            output.print_json(adopted_as_json(adopted, wish, drawn))
        else:
            _show(adopted, wish, drawn)
    return drawn.trouble.exit_code if drawn.trouble is not None else 0


def _part(word: PartWord | None) -> Any:
    from trueup.planner.adoption import Part

    return None if word is None else Part(word)


def _bind(app: App, wish: Wish) -> Adopted:
    from trueup.reconcile.adopting import adopt as bind

    return bind(app.workshop(), wish, app.past.sign)


def _write_down(app: App, by: str | None, adopted: Adopted, wish: Wish) -> None:
    if adopted.run is not None:
        there, why = wish.target.value, wish.decision.note
        was, now = {there: adopted.before or None}, {there: adopted.record.remote_id}
        write_down(app, Did.ADOPTED, adopted.sku, by=by, reason=why, before=was, after=now)


def _show(adopted: Adopted, wish: Wish, drawn: Drawn) -> None:
    from trueup.cli.planning import show_plan

    named = f"{wish.target.value} {adopted.record.remote_id} ({adopted.record.name})"
    if adopted.run is None:
        output.say(f"{named} is {adopted.key} already; nothing was done.")
    else:
        output.say(f"{named} is {adopted.key} from now on.", "bold green")
        if adopted.before and adopted.before != adopted.record.remote_id:
            output.say(f"It was {adopted.before} until now, which stays as it is.")
    show_plan(drawn.plan, whole=drawn.trouble is None)
    if drawn.trouble is not None:
        output.complain(drawn.trouble.message, drawn.trouble.remedy)
    elif not drawn.plan.empty:
        command = f"trueup resync {shlex.quote(adopted.sku)}"
        output.say(f"→ `{command}` does this now; else the next run does", "cyan")
