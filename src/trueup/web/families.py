"""The metrics that are read from the databases: their names, and which figure goes where.

No label takes a value without bounds (an SKU, a run), and none tells a secret or an organisation.
What happened within a day is a gauge, not a counter: old rows are removed in time, and a counter
that falls looks to Prometheus as if everything had happened again.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from typing import Final

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from trueup import __version__
from trueup.domain.jobs import JobKind, JobState
from trueup.domain.records import TargetName
from trueup.domain.runs import RunState
from trueup.domain.states import Standing
from trueup.postgres.gauges import LastRun, LedgerFigures, QueueFigures
from trueup.settings import Settings

_W: Final = ("workspace",)
_WT: Final = ("workspace", "target")
GAUGES: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "trueup_build_info": ("Always 1; says what answers.", ("version", "python")),
    "trueup_up": ("1 while the workspace's database can be read, else 0.", _W),
    "trueup_queue_up": ("1 while the home database with the jobs can be read, else 0.", ()),
    "trueup_schema_version": ("Version of the schema in the workspace's database.", _W),
    "trueup_schema_expected_version": ("Version of the schema that this program needs.", ()),
    "trueup_products": (
        "Products by how they stand at a target. pending: not decided yet.",
        ("workspace", "target", "status"),
    ),
    "trueup_products_quarantined": (
        "Products that are not tried again until something changes.",
        _WT,
    ),
    "trueup_products_failing_often": (
        "Products that fail now, and did in more runs of the last 24 h than are allowed.",
        _W,
    ),
    "trueup_products_oldest_verification_seconds": (
        "Time since that product in agreement was compared which waits the longest for it.",
        _WT,
    ),
    "trueup_runs_24h": (
        "Runs that began within the last 24 h (a gauge: runs are not kept for ever).",
        ("workspace", "state", "trigger"),
    ),
    "trueup_running_run_age_seconds": ("Time since the run began that is writing; 0: none.", _W),
    "trueup_last_run_state": ("1 for the state in which the last run ended, else 0.",
                              ("workspace", "state")),
    "trueup_last_run_age_seconds": ("Time since the last run that has ended began.", _W),
    "trueup_last_run_duration_seconds": ("How long the last run took.", _W),
    "trueup_last_run_products": (
        "Products of the last run, by what was decided about them.",
        ("workspace", "result"),
    ),
    "trueup_last_run_findings": ("Findings of the last run.", _W),
    "trueup_last_success_age_seconds": (
        "Time since a run over all that was due went well, or held; else since there is a schema.",
        _W,
    ),
    "trueup_last_job_ending": (
        "Always 1; how the last job of a kind over everything ended.",
        ("workspace", "kind", "ending"),
    ),
    "trueup_last_job_exit_code": (
        "Exit code of the last job of a kind over everything (4: credentials or permission).",
        ("workspace", "kind"),
    ),
    "trueup_held_changes": ("Changes that wait for a person.", _WT),
    "trueup_alerts": ("Alerts that stand, by kind.", ("workspace", "kind")),
    "trueup_rate_window_requests": ("Requests to Zoho within the current rate window.", _WT),
    "trueup_rate_window_limit": ("Most requests in any rate window, all targets together.", _W),
    "trueup_rate_window_seconds": ("Length of the rate window.", _W),
    "trueup_target_rate_ratio": ("Share of the rate limit that a target may use now.", _WT),
    "trueup_target_pause_seconds": ("How much longer a target is left alone; 0: not paused.", _WT),
    "trueup_requests_in_flight": ("Requests to Zoho that are in flight.", _W),
    "trueup_requests_in_flight_limit": ("Most requests that may be in flight.", _W),
    "trueup_daily_requests": ("Requests to Zoho within the last 24 h, of all processes.", _WT),
    "trueup_daily_budget": ("Most requests in any 24 h; absent where no budget is set.", _W),
    "trueup_throttles_24h": (
        "Answers for too many requests within the last 24 h; exhausted: a daily quota.",
        ("workspace", "target", "kind"),
    ),
    "trueup_token_age_seconds": ("Age of the shared access token; absent without one.", _W),
    "trueup_token_expiry_seconds": ("Time until the token expires; absent without one.", _W),
    "trueup_token_cooldown_seconds": ("How much longer no token is asked for; 0: none.", _W),
    "trueup_verification_products": ("Products that the last verification compared.", _W),
    "trueup_verification_differing_products": (
        "Of these, products that did not say the same everywhere.",
        _W,
    ),
    "trueup_verification_unexplained_products": (
        "Of these, products that are neither held nor failing nor refused: drift.",
        _W,
    ),
    "trueup_verification_age_seconds": ("Time since the last verification.", _W),
    "trueup_jobs": ("Jobs that wait or run.", ("workspace", "kind", "state")),
    "trueup_jobs_oldest_waiting_seconds": (
        "How long the job has been due that waits the longest; 0: none is due.",
        _W,
    ),
    "trueup_jobs_finished_24h": (
        "Jobs that ended within the last 24 h.",
        ("workspace", "kind", "ending"),
    ),
    "trueup_workers": ("Workers that are alive.", ()),
    "trueup_worker_slots": ("Jobs that they can do at once.", ()),
    "trueup_scrape_seconds": ("How long it took to read these figures.", ()),
}  # fmt: skip
COUNTERS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "trueup_tokens_minted_total": ("Access tokens that were ever asked for and given.", _W),
}
_ENDED: Final = [s for s in RunState if s not in (RunState.RUNNING, RunState.ALREADY_RUNNING)]
_RESULTS: Final = {  # the names of spec §3.2, as Prometheus writes names
    "totalCandidates": "candidates",
    "processed": "processed",
    "crmSucceeded": "crm_succeeded",
    "crmFailed": "crm_failed",
    "billingSucceeded": "billing_succeeded",
    "billingFailed": "billing_failed",
    "skipped": "skipped",
    "unchanged": "unchanged",
    "held": "held",
    "deferred": "deferred",
}


class Families:
    """The families of one scrape, filled figure by figure."""

    def __init__(self) -> None:
        self._gauges = {n: GaugeMetricFamily(n, h, labels=w) for n, (h, w) in GAUGES.items()}
        self._counters = {n: CounterMetricFamily(n, h, labels=w) for n, (h, w) in COUNTERS.items()}
        self.add("build_info", 1, __version__, platform.python_version())

    def collect(self) -> Iterable[Metric]:
        """All of them, also those that nobody has a figure for."""
        return [*self._gauges.values(), *self._counters.values()]

    def add(self, name: str, value: float | None, *labels: str) -> None:
        """One sample; none where there is no figure."""
        if value is not None:
            family = self._gauges.get(f"trueup_{name}") or self._counters[f"trueup_{name}"]
            family.add_metric(labels, value)

    def add_ledger(self, settings: Settings, found: LedgerFigures | None) -> None:
        """A workspace; None where its database could not be read."""
        name = settings.workspace
        readable = found is not None and found.schema.ready
        self.add("up", int(readable), name)
        self.add("rate_window_limit", settings.rate_limit, name)
        self.add("rate_window_seconds", settings.rate_window, name)
        self.add("requests_in_flight_limit", settings.concurrency, name)
        self.add("daily_budget", settings.daily_budget, name)
        if found is None:
            return
        self.add("schema_version", found.schema.current, name)
        if not readable:
            return
        self._add_products(name, found)
        self._add_runs(name, found)
        self._add_limits(name, found)
        if found.verification is not None:
            age, products, differing, unexplained = found.verification
            self.add("verification_products", products, name)
            self.add("verification_differing_products", differing, name)
            self.add("verification_unexplained_products", unexplained, name)
            self.add("verification_age_seconds", age, name)

    def add_queue(self, workspaces: Iterable[str], found: QueueFigures | None) -> None:
        """The jobs of all workspaces; None where the home database could not be read."""
        self.add("queue_up", int(found is not None))
        if found is None:
            return
        self.add("workers", found.workers)
        self.add("worker_slots", found.slots)
        known = {(w, k, s): (count, age) for w, k, s, count, age in found.jobs}
        for workspace in workspaces:
            oldest = 0.0
            for kind in JobKind:
                for state in (JobState.WAITING, JobState.RUNNING):
                    count, age = known.get((workspace, kind.value, state.value), (0, 0.0))
                    self.add("jobs", count, workspace, kind.value, state.value)
                    oldest = max(oldest, age if state is JobState.WAITING else 0.0)
            self.add("jobs_oldest_waiting_seconds", oldest, workspace)
        for workspace, kind_word, ending, count in found.done:
            self.add("jobs_finished_24h", count, workspace, kind_word, ending)

    def _add_products(self, name: str, found: LedgerFigures) -> None:
        held = {row[0]: row[1] for row in found.held}
        known = {(target, status): rest for target, status, *rest in found.products}
        for target in TargetName:
            stopped = 0
            for standing in Standing:
                count, quarantined, oldest = known.get((target.value, standing), (0, 0, None))
                stopped += quarantined
                self.add("products", count, name, target.value, standing.value)
                self.add("products_oldest_verification_seconds", oldest, name, target.value)
            self.add("products_quarantined", stopped, name, target.value)
            self.add("held_changes", held.get(target.value, 0), name, target.value)
        self.add("products_failing_often", found.failing_often, name)
        for kind, count in found.alerts:
            self.add("alerts", count, name, kind)

    def _add_runs(self, name: str, found: LedgerFigures) -> None:
        for state, trigger, count in found.runs:
            self.add("runs_24h", count, name, state, trigger)
        self.add("running_run_age_seconds", found.running or 0.0, name)
        self.add("last_success_age_seconds", found.since_success, name)
        for kind, ending, code in found.last_exits:
            self.add("last_job_ending", 1, name, kind, ending)
            self.add("last_job_exit_code", code, name, kind)
        if found.last_run is not None:
            self._add_last_run(name, found.last_run)

    def _add_last_run(self, name: str, run: LastRun) -> None:
        for state in _ENDED:
            self.add("last_run_state", int(state.value == run.state), name, state.value)
        self.add("last_run_age_seconds", run.age, name)
        self.add("last_run_duration_seconds", run.duration, name)
        self.add("last_run_findings", run.summary.get("findings"), name)
        for key, result in _RESULTS.items():
            self.add("last_run_products", run.summary.get(key), name, result)

    def _add_limits(self, name: str, found: LedgerFigures) -> None:
        for target, ratio, in_window, today, pause in found.gates:
            self.add("rate_window_requests", in_window, name, target)
            self.add("target_rate_ratio", ratio, name, target)
            self.add("target_pause_seconds", pause or 0.0, name, target)
            self.add("daily_requests", today, name, target)
        for target, kind, count in found.throttles:
            self.add("throttles_24h", count, name, target, kind)
        self.add("requests_in_flight", found.in_flight, name)
        self.add("token_age_seconds", found.token.age, name)
        self.add("token_expiry_seconds", found.token.left, name)
        self.add("token_cooldown_seconds", found.token.cooldown, name)
        self.add("tokens_minted_total", found.token.minted, name)
