"""`trueup demo`: two nights in the life of a catalogue, on real parts and without an account."""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from trueup.cli import output
from trueup.cli.selectors import Verbose, at_least_one, whole
from trueup.domain.changes import Action, Change, Reason
from trueup.domain.errors import UsageError

if TYPE_CHECKING:
    from trueup.bootstrap import App
    from trueup.cli.demo_stage import Zoho
    from trueup.domain.plan import Plan
    from trueup.reconcile.running import Report
    from trueup.settings import Settings

PREDECESSOR_REQUESTS = 9  # a product and night, whether anything changed or not


def demo(
    *,
    time_scale: Annotated[
        int,
        Parameter(
            name="--time-scale",
            converter=whole,
            validator=at_least_one,
            help="How many times faster a minute passes there.",
        ),
    ] = 30,
    serve: Annotated[
        bool,
        Parameter(name="--serve", negative="", help="Leave something wrong, and serve the pages."),
    ] = False,
    port: Annotated[
        int | None,
        Parameter(name="--port", converter=whole, help="With --serve: this port, not a free one."),
    ] = None,
    verbose: Verbose = False,
) -> int:
    """Watch the whole job: no account, no server, nothing to configure.

    Starts a Postgres and a Zoho emulator of its own, loads a sample
    catalogue, runs the nightly job, changes some rows and some records by
    hand at "Zoho", plans and runs again, and shows that the plan after it
    is empty.

    With --serve it stops before the end: a price is held, a row refused, a
    product fails, records were changed by hand, one was made twice. It
    prints a link to the pages on which all of that is found and put right.
    Ctrl-C ends it.

    For example:
      trueup demo
      trueup demo --serve
      trueup demo --serve --port 8080
    """
    from trueup import logs
    from trueup.bootstrap import open_app
    from trueup.cli.demo_pages import reserve, stay
    from trueup.cli.demo_stage import fresh_folder, zoho
    from trueup.settings import load

    if port is not None and not serve:
        raise UsageError("--port goes with --serve", "`trueup demo --serve --port 8080`")
    logs.set_up(verbose=verbose)
    with ExitStack() as stack:
        mine = load(use_file=False)
        listening = stack.enter_context(reserve(mine.host, port)) if serve else None
        output.say("Starting Postgres and the Zoho emulator …", "dim")
        folder = stack.enter_context(fresh_folder(mine.data_dir / "demo"))
        there = stack.enter_context(zoho(time_scale))
        settings = load(use_file=False, environment=_environment(folder, there))
        app = stack.enter_context(open_app(settings))
        story = _Story(app, there, settings, verbose)
        if listening is not None:
            story.tell_half()
            stay(settings, listening)
            return 0
        agreed = story.tell()
    output.say()
    output.say("Look around (the demo's database stays until the next demo):", "bold")
    program = "trueup" if shutil.which("trueup") else sys.argv[0]
    for command in ("status", "runs", "errors", f"history {_EXAMPLE}", "trends"):
        output.say(f"  TRUEUP_DATA_DIR={folder} {program} {command}")
    output.say(f"Then point it at your own Zoho: `{program} check` says what is missing.")
    return 0 if agreed else 1


_EXAMPLE = "BIZ-FBR-001"


def _environment(folder: Path, there: Zoho) -> dict[str, str]:
    return {
        **there.variables,
        "TRUEUP_DATA_DIR": str(folder),
        # Every run of the demo compares everything, as if a night had passed in between.
        "TRUEUP_STALE_AFTER": "0.001s",
        "TRUEUP_MAX_PRODUCTS": "1000",
    }


class _Story:
    """Two nights, told step by step."""

    def __init__(self, app: App, there: Zoho, settings: Settings, verbose: bool) -> None:
        self._app, self._there, self._settings, self._verbose = app, there, settings, verbose

    def tell(self) -> bool:
        """Tell all of it; returns whether both sides agree in the end."""
        from trueup.cli.demo_stage import (
            SLIPPED,
            change_catalogue,
            change_zoho,
            load_sample,
            put_right,
        )
        from trueup.cli.planning import show_plan
        from trueup.cli.report import show_report

        rows = load_sample(self._app)
        window = self._settings.rate_window
        output.say(
            f"A catalogue of {rows} rows, an empty CRM and an empty Billing."
            f" A minute of Zoho's limits lasts {window:g} s here."
        )
        output.heading("═══ The first night ═══")
        first = self._run()
        show_report(first)

        output.heading("═══ The next day ═══")
        for event in (*change_catalogue(self._app), *change_zoho(self._app, self._there)):
            output.say(f"  • {event}")
        output.heading("═══ What the second night would do: `trueup plan` ═══")
        plan = self._plan()
        show_plan(plan)
        output.heading("═══ The second night ═══")
        second = self._run()
        show_report(second)
        output.heading("═══ What waited for a person ═══")
        output.say(f"  {_what_waited(second)}", "magenta")
        output.say(f"  • somebody looks, and puts {SLIPPED} right in the catalogue")
        put_right(self._app)
        output.heading("═══ And the plan after it ═══")
        after = self._plan()
        show_plan(after, findings=False)
        self._sum_up(first, plan, second)
        return after.empty

    def tell_half(self) -> None:
        """Two nights, and a morning on which somebody is needed; what is wrong, the pages tell."""
        from trueup.cli.demo_stage import (
            change_catalogue,
            change_zoho,
            load_sample,
            make_twice,
            refuse_once,
            slip_again,
        )

        rows = load_sample(self._app)
        output.say(f"A catalogue of {rows} rows. The first night …", "dim")
        self._run()
        output.heading("═══ The next day ═══")
        by_hand = (*change_zoho(self._app, self._there), make_twice(self._there))
        for event in (*change_catalogue(self._app), *by_hand):
            output.say(f"  • {event}")
        refuse_once(self._there)
        output.heading("═══ The second night ═══")
        output.say(f"  {_agreement(self._run())}")
        output.heading("═══ The next morning ═══")
        for event in slip_again(self._app, self._there):
            output.say(f"  • {event}")

    def _run(self) -> Report:
        from trueup.domain.runs import Trigger
        from trueup.reconcile.applying import Brake
        from trueup.reconcile.orders import Order
        from trueup.reconcile.running import run
        from trueup.reconcile.scope import Scope

        with self._watched():
            return run(self._app.workshop(), Order(Scope(), Trigger.DEMO), Brake())

    def _plan(self) -> Plan:
        from trueup.cli.planning import draw
        from trueup.reconcile.scope import Scope

        with self._watched():
            return draw(self._app, Scope()).plan

    @contextmanager
    def _watched(self) -> Iterator[None]:
        from trueup.cli.progress import watching

        with watching(self._settings, quiet=False, verbose=self._verbose) as progress:
            self._app.watcher, self._app.on_request = progress, progress.request
            yield

    def _sum_up(self, first: Report, plan: Plan, second: Report) -> None:
        output.heading("═══ In short ═══")
        created = Counter(c.key.kind.value for c in first.plan.changes if c.action is Action.CREATE)
        output.say("Created in the first night:", "bold")
        output.say("  " + ", ".join(f"{count} {kind}" for kind, count in created.items()))
        output.say("Drift found and repaired in the second night:", "bold")
        for change in plan.changes:
            if change.reason is Reason.DRIFTED or _was_deleted(change):
                output.say(f"  {_repair(change)}", "yellow")
        output.say("A larger price change, for new customers only:", "bold")
        for change in plan.free:
            if change.reason is Reason.REPRICED:
                output.say(f"  {_repricing(change)}", "cyan")
        output.say("A price that nobody at Zoho ever saw, because a guard held it:", "bold")
        output.say(f"  {_what_waited(second)}", "magenta")
        refused = next((f for f in plan.findings if f.held), None)
        if refused is not None:
            output.say("A row that was refused, and why:", "bold")
            output.say(f"  {refused.sku}: {refused.message}", "magenta")
        self._compare_requests(first, second)

    def _compare_requests(self, first: Report, second: Report) -> None:
        sent = [sum(report.run.requests.values()) for report in (first, second)]
        products = second.run.summary["totalCandidates"]
        seen = self._there.state()["largest_windows"]
        output.say("Requests:", "bold")
        output.say(f"  the first night {sent[0]}, the second {sent[1]}, for {products} products;")
        output.say(
            f"  the script it replaces sends {PREDECESSOR_REQUESTS} a product, every night:"
            f" {PREDECESSOR_REQUESTS * products}."
        )
        limit = self._settings.rate_limit
        output.say(f"  Most requests in any minute, as Zoho saw it: {seen['total']} of {limit}.")


def _agreement(report: Report) -> str:
    verdicts = [result.verdicts.values() for result in report.results]
    agree = sum(all(verdict.status.agrees for verdict in each) for each in verdicts)
    return f"{agree} of {report.run.summary['totalCandidates']} products agree"


def _was_deleted(change: Change) -> bool:
    """Whether a record had to be made again that was made in the first night."""
    from trueup.cli.demo_stage import NEW

    return change.reason is Reason.MISSING and change.sku != NEW


def _what_waited(report: Report) -> str:
    """The first change that a guard held; the others of its product wait with it."""
    return next(f"{held.change.key}: {held.why}" for held in report.plan.held)


def _repricing(change: Change) -> str:
    if change.action is Action.CREATE:
        price = change.after.get("recurring_price")
        return f"{change.key} is made, at {price}"
    return f"{change.key} is marked inactive; who subscribes to it keeps it"


def _repair(change: Change) -> str:
    from trueup.planner.explain import explain_value

    if change.action is Action.CREATE:
        return f"{change.key}: it was deleted, and is made again"
    moved = ", ".join(
        f"{name} {explain_value(d.before)} -> {explain_value(d.after)}"
        for name, d in change.deltas.items()
    )
    return f"{change.key}: {moved}"
