"""How the ledger's values look in its tables, both directions."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeAlias

from trueup.domain.changes import Change, Outcome
from trueup.domain.records import NAME, Binding, Intent, Kind, RecordKey, Slot
from trueup.domain.runs import ProductStatus, Run, RunState, Trigger
from trueup.domain.states import ProductState, Standing
from trueup.postgres.jsonfields import (
    clean,
    dump,
    load,
    load_fields,
    plain_deltas,
    plain_fields,
)

Row: TypeAlias = tuple[Any, ...]

# What a run's end is called in the predecessor's run log.
LOG_STATUS = {
    RunState.RUNNING: "running",
    RunState.SUCCEEDED: "success",
    RunState.PARTIAL: "partial",
    RunState.FAILED: "failed",
    RunState.HELD: "held",
    RunState.INTERRUPTED: "partial",  # handed over; one that was killed is marked by the next run
    RunState.ALREADY_RUNNING: "failed",
}

# Who started it, in the words that the run log allows; whatever else was a person's doing.
_LOG_TRIGGER = {Trigger.SCHEDULE: "schedule", Trigger.CRON: "cron", Trigger.CLI: "cli"}

# What is remembered of a product's status. Deferred is absent: nothing was decided.
STANDING = {
    ProductStatus.OK: Standing.OK,
    ProductStatus.UNCHANGED: Standing.OK,
    ProductStatus.FAILED: Standing.FAILED,
    ProductStatus.HELD: Standing.HELD,
    ProductStatus.SKIPPED: Standing.SKIPPED,
}


def key_of(text: str) -> str:
    """What makes two SKUs or two names the same: trimmed, case-folded."""
    return clean(text).strip().casefold()


def run_values(run: Run) -> dict[str, Any]:
    """A run as query parameters."""
    told = {
        "run_id": run.run_id,
        "state": run.state.value,
        "requests": dict(run.requests),
        "fingerprint": run.fingerprint,
        "violations": list(run.violations),
    }
    return {
        "run_id": run.run_id,
        "trigger": run.trigger.value,
        "state": run.state.value,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "fingerprint": run.fingerprint,
        "summary": dump(dict(run.summary)),
        "requests": dump(dict(run.requests)),
        "error": run.error and clean(run.error),
        "catalogue_size": run.catalogue_size,
        "violations": dump(list(run.violations)),
        "resumes": run.resumes,
        "log_trigger": _LOG_TRIGGER.get(run.trigger, "manual"),
        "log_status": LOG_STATUS[run.state],
        "duration_ms": run.duration_ms,
        "log_summary": dump({**run.summary, **told}),
        "processed": run.summary.get("processed", 0),
        "failed": run.summary.get("crmFailed", 0) + run.summary.get("billingFailed", 0),
        "skipped": run.summary.get("skipped", 0),
    }


def to_run(row: Row) -> Run:
    """A run from the columns of `trueup.run` in their order, the documents as text."""
    run_id, trigger, state, started, finished, fingerprint, summary, requests, *rest = row
    error, catalogue_size, resumes, violations = rest
    return Run(
        run_id,
        Trigger(trigger),
        RunState(state),
        started,
        finished,
        fingerprint,
        load(summary),
        load(requests),
        error,
        catalogue_size,
        resumes,
        tuple(load(violations)),
    )


def to_binding(row: Row) -> Binding:
    """A binding from `kind, code, slot, remote_id, owner, sku, applied, terms`."""
    kind, code, slot, remote_id, owner, sku, applied, terms = row
    key = RecordKey(Kind(kind), code)
    slot, applied, terms = Slot(slot), load_fields(applied), load_fields(terms)
    return Binding(key, slot, remote_id, owner, sku, applied, terms)


def to_intent(row: Row) -> Intent:
    """An intent from `kind, code, name, namesakes, owner`."""
    kind, code, name, namesakes, owner = row
    return Intent(RecordKey(Kind(kind), code), name, frozenset(namesakes), owner)


def to_state(row: Row) -> ProductState:
    """A product's state from its columns in the order of `ProductState`."""
    standing, *rest = row
    return ProductState(Standing(standing), *rest)


def intended_name(change: Change) -> str:
    """The name that a create gives to its record."""
    return clean(str(change.after.get(NAME[change.key.kind]) or ""))


def intent_values(change: Change) -> dict[str, Any]:
    """A create about to be sent, for `trueup.write_intents`."""
    name = intended_name(change)
    return {
        "kind": change.key.kind.value,
        "code": change.key.code,
        "name": name,
        "name_key": key_of(name),
        "namesakes": sorted(change.namesakes),
        "slot": change.slot.value,
        "owner": change.owner,
        "sku": clean(change.sku),
    }


def outcome_values(place: int, outcome: Outcome) -> dict[str, Any]:
    """An outcome for `trueup.record_outcomes`; `place` is its place in the list."""
    change = outcome.change
    return {
        "place": place,
        "at": _iso(outcome.at),
        "kind": change.key.kind.value,
        "code": change.key.code,
        "target": change.target.value,
        "slot": change.slot.value,
        "owner": change.owner,
        "users": change.users,
        "sku": clean(change.sku),
        "sku_key": key_of(change.sku),
        "action": change.action.value,
        "reason": change.reason.value,
        "deltas": plain_deltas(change.deltas),
        "fields": plain_fields(change.fields),
        "status": outcome.status.value,
        "remote_id": outcome.remote_id or change.remote_id,
        "error_code": clean(outcome.code),
        "detail": clean(outcome.detail),
        "terms": plain_fields(change.terms),
        "editor": clean(change.editor),
    }


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
