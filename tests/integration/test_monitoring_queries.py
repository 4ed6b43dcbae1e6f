"""The queries of the old guide, and the old screens' columns, after a run."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from support.ledgers import (
    NOW,
    PostgresBench,
    a_change,
    a_desired,
    a_record,
    a_result,
    a_run,
    an_outcome,
    key,
    offering,
)
from trueup.domain.changes import Action, Status
from trueup.domain.records import Kind, Slot, TargetName
from trueup.domain.runs import ProductStatus, RunState, Tally
from trueup.ports import Fence
from trueup.postgres.pool import open_pool

P1, P2, P3 = offering(1), offering(2), offering(3)
LATER = NOW + timedelta(days=1)

RUN_LOG = """
    select job_name, status, execution_time_ms, result_summary, error_message, created_at
    from cron_execution_log where job_name = 'zoho-sync' order by created_at desc limit 5"""
BY_STATUS = """
    select zoho_crm_sync_status, zoho_billing_sync_status, count(*)
    from product_integrations group by zoho_crm_sync_status, zoho_billing_sync_status"""
FAILURES = """
    select sp.sku, sp.name, pi.zoho_crm_sync_status, pi.zoho_crm_last_sync_error,
           pi.zoho_billing_sync_status, pi.zoho_billing_last_sync_error, pi.last_synced_at
    from product_integrations pi join service_packages sp on sp.id = pi.service_package_id
    where pi.zoho_crm_sync_status = 'failed' or pi.zoho_billing_sync_status = 'failed'
    order by pi.updated_at desc"""
RATE_LIMITS = """
    select sp.sku, pi.last_rate_limit_at, pi.rate_limit_hits
    from product_integrations pi join service_packages sp on sp.id = pi.service_package_id
    where pi.last_rate_limit_at is not null order by pi.last_rate_limit_at desc limit 10"""
MIRROR = """
    select sync_status, zoho_crm_sync_status, zoho_billing_sync_status, last_sync_error,
           last_synced_at, zoho_crm_last_synced_at, zoho_billing_last_synced_at
    from product_integrations where service_package_id = %s"""


@pytest.fixture
def bench(database_url: str) -> Iterator[PostgresBench]:
    with open_pool(database_url, 4) as pool:
        yield PostgresBench(pool)


@pytest.fixture
def fence(bench: PostgresBench) -> Fence:
    bench.add_products(P1, P2, P3)
    return bench.take_over()


def test_the_four_queries_of_the_guide(bench: PostgresBench, fence: Fence) -> None:
    """Each answers with rows after a run, in the words that it always used."""
    results = [
        a_result(P1, ProductStatus.OK),
        a_result(P2, ProductStatus.FAILED, error="no such tax", targets=[TargetName.BILLING]),
        a_result(P2, ProductStatus.UNCHANGED, targets=[TargetName.CRM]),
    ]
    tally = Tally(total_candidates=2)
    for result in results:
        tally.add(result)
    run = a_run("r1")
    bench.ledger.begin(run, fence)
    assert [row[:2] for row in bench.sql(RUN_LOG)] == [("zoho-sync", "running")]
    bench.ledger.settle(results, "r1", fence, NOW)
    bench.ledger.rate_limited([P2], TargetName.BILLING, "too many requests")
    ended = replace(run, state=RunState.PARTIAL, finished_at=NOW + timedelta(milliseconds=1500))
    bench.ledger.finish(
        replace(ended, summary=tally.as_summary(), requests={"crm": 2}, error="1 failed"), fence
    )

    [(job, status, took, summary, error, created)] = bench.sql(RUN_LOG)
    assert (job, status, took, error) == ("zoho-sync", "partial", 1500, "1 failed")
    assert isinstance(created, datetime)
    assert tally.as_summary().items() <= summary.items()
    assert (
        summary["run_id"],
        summary["state"],
        summary["requests"],
    ) == ("r1", "partial", {"crm": 2})
    assert {("ok", "ok", 1), ("ok", "failed", 1)} == set(bench.sql(BY_STATUS))
    [failure] = bench.sql(FAILURES)
    assert failure[1:] == ("Line", "ok", None, "failed", "no such tax", None)
    [(_, _, hits)] = bench.sql(RATE_LIMITS)
    assert (hits[-1]["api"], hits[-1]["message"]) == ("billing", "too many requests")


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (RunState.SUCCEEDED, "success"),
        (RunState.PARTIAL, "partial"),
        (RunState.FAILED, "failed"),
        (RunState.HELD, "held"),
    ],
)
def test_the_run_log_says_how_it_ended(
    bench: PostgresBench, fence: Fence, state: RunState, expected: str
) -> None:
    """In the statuses of the guide (law 12)."""
    bench.ledger.begin(a_run("r1"), fence)
    bench.ledger.finish(a_run("r1", state, finished_at=NOW), fence)
    assert [expected] == [row[1] for row in bench.sql(RUN_LOG)]


def test_an_interrupted_run_is_a_failed_one_in_the_log(bench: PostgresBench, fence: Fence) -> None:
    """And says so."""
    bench.ledger.begin(a_run("dead"), fence)
    bench.ledger.begin(a_run("next"), bench.take_over())
    newest, oldest = bench.sql(RUN_LOG)
    assert (newest[1], oldest[1]) == ("running", "failed")
    assert "interrupted" in oldest[4]
    assert bench.sql("select state from trueup.run where run_id = 'dead'") == [("interrupted",)]


def test_last_synced_means_last_success(bench: PostgresBench, fence: Fence) -> None:
    """A failure changes statuses and errors, never times (law 5)."""
    bench.ledger.settle([a_result(P1, ProductStatus.OK)], "r1", fence, NOW)
    assert _mirror(bench, P1) == ("ok", "ok", "ok", None, NOW, NOW, NOW)
    failed = a_result(P1, ProductStatus.FAILED, error="no", targets=[TargetName.CRM])
    bench.ledger.settle([failed], "r2", fence, LATER)
    assert _mirror(bench, P1) == ("failed", "failed", "ok", "no", NOW, NOW, NOW)
    good = a_result(P1, ProductStatus.UNCHANGED, targets=[TargetName.CRM])
    bench.ledger.settle([good], "r3", fence, LATER)
    assert _mirror(bench, P1) == ("ok", "ok", "ok", None, LATER, LATER, NOW)


def test_held_and_skipped_read_pending(bench: PostgresBench, fence: Fence) -> None:
    """With the reason; the product is not there as it should be, but nothing failed."""
    bench.ledger.settle([a_result(P1, ProductStatus.OK)], "r1", fence, NOW)
    held = a_result(P1, ProductStatus.HELD, error="price to 0", targets=[TargetName.CRM])
    skipped = a_result(P2, ProductStatus.SKIPPED, error="SKU", targets=[TargetName.BILLING])
    bench.ledger.settle([held, skipped], "r2", fence, LATER)
    assert _mirror(bench, P1) == ("pending", "pending", "ok", "price to 0", NOW, NOW, NOW)
    assert tuple(_mirror(bench, P2)[i] for i in (0, 2, 3)) == ("pending", "pending", "SKU")
    bench.ledger.settle([a_result(P3, ProductStatus.DEFERRED)], "r2", fence, LATER)
    assert bench.sql(MIRROR, P3) == []


def test_each_failure_is_logged(bench: PostgresBench, fence: Fence) -> None:
    """One row per product and target, with the number of the attempt."""
    for run_id in ("r1", "r2"):
        failed = a_result(P1, ProductStatus.FAILED, error="no")
        bench.ledger.settle([failed], run_id, fence, NOW)
    rows = bench.sql(
        "select entity_type, entity_id::text, zoho_entity_type, status, attempt_number,"
        " error_message, metadata from zoho_sync_logs order by attempt_number, zoho_entity_type"
    )
    assert [(row[2], row[4]) for row in rows] == [
        ("Plans", 1),
        ("Products", 1),
        ("Plans", 2),
        ("Products", 2),
    ]
    metadata = {"run_id": "r1", "sku": "SKU-1", "target": "crm"}
    assert ("product", P1, "Products", "failed", 1, "no", metadata) == rows[1]


def test_remote_ids_are_mirrored_and_never_emptied(bench: PostgresBench, fence: Fence) -> None:
    """By slot; a shared device under each product that includes it."""
    crm = a_change(key("A"), owner=P1)
    changes = {
        "c1": crm,
        "l1": a_change(key("A", Kind.BILLING_PLAN), owner=P1, slot=Slot.PLAN),
        "i1": a_change(key("A-INSTALL", Kind.BILLING_ITEM), owner=P1, slot=Slot.INSTALLATION),
        "h1": a_change(key("ROUTER", Kind.BILLING_ITEM), slot=Slot.DEVICE, users=(P1, P2)),
        "p1": a_change(key("A", Kind.BILLING_PRODUCT), owner=P1),
    }
    outcomes = [an_outcome(change, remote_id=i) for i, change in changes.items()]
    bench.ledger.record(outcomes, "r1", fence)
    update = replace(crm, action=Action.UPDATE, remote_id="c1")
    bench.ledger.record([an_outcome(update, Status.FAILED)], "r2", fence)
    bench.ledger.settle([a_result(P1, ProductStatus.FAILED, error="no")], "r2", fence, NOW)
    rows = bench.sql(
        "select service_package_id::text, zoho_crm_product_id, zoho_billing_plan_id,"
        " zoho_billing_item_id, zoho_billing_hardware_item_id"
        " from product_integrations order by service_package_id"
    )
    assert rows == [(P1, "c1", "l1", "i1", "h1"), (P2, None, None, None, "h1")]


def test_a_product_that_left_the_catalogue_has_no_row_there(
    bench: PostgresBench, fence: Fence
) -> None:
    """Its records are retired and remembered all the same."""
    bench.remove_product(P1)
    change = a_change(key("A"), owner=P1)
    bench.ledger.record([an_outcome(change, remote_id="1")], "r1", fence)
    bench.ledger.settle([a_result(P1, ProductStatus.FAILED, error="no")], "r1", fence, NOW)
    bench.ledger.rate_limited([P1], TargetName.CRM, "slow down")
    assert bench.sql(MIRROR, P1) == []
    assert len(bench.ledger.bindings([P1], [])) == 1
    assert len(bench.ledger.states([P1])[P1]) == 2


def test_a_remote_record_is_never_bound_twice(bench: PostgresBench, fence: Fence) -> None:
    """The database itself refuses it, and then nothing of the call is kept."""
    changes = [a_change(key("A"), owner=P1), a_change(key("B"), owner=P2)]
    with pytest.raises(Exception, match="binding_by_remote_id"):
        bench.ledger.record([an_outcome(c, remote_id="1") for c in changes], "r1", fence)
    assert (bench.history(), bench.ledger.bindings([P1, P2], [])) == ([], [])


def test_two_lanes_never_wait_for_each_other(bench: PostgresBench, fence: Fence) -> None:
    """CRM and Billing write about the same products at once, in opposite orders."""
    ids = [offering(number) for number in range(1, 61)]
    bench.add_products(*ids[3:])

    def lane(target: TargetName, order: list[str]) -> None:
        kind = Kind.CRM_PRODUCT if target is TargetName.CRM else Kind.BILLING_PLAN
        for turn in range(8):
            made = [
                an_outcome(a_change(key(i, kind), owner=i, slot=Slot.PLAN), remote_id=i)
                for i in order
            ]
            bench.ledger.record(made, f"r{turn}", fence)
            failed = [
                a_result(i, ProductStatus.FAILED, error="no", targets=[target]) for i in order
            ]
            bench.ledger.settle(failed, f"r{turn}", fence, NOW)

    with ThreadPoolExecutor(2) as lanes:
        one = lanes.submit(lane, TargetName.CRM, ids)
        other = lanes.submit(lane, TargetName.BILLING, ids[::-1])
        assert (one.result(), other.result()) == (None, None)
    counts = {
        (s.failures, s.standing.value) for i in ids for s in bench.ledger.states([i])[i].values()
    }
    assert {(8, "failed")} == counts


def test_old_readings_are_dropped_when_a_run_begins(bench: PostgresBench, fence: Fence) -> None:
    """Those of dead processes; a day is longer than any run."""
    for name in ("old", "new"):
        bench.ledger.observe(name, Kind.CRM_PRODUCT, [a_record("1", "A")])
    bench.sql("update trueup.reading set started = now() - interval '25 hours' where name = 'old'")
    bench.ledger.begin(a_run("r1"), fence)
    wanted = [a_desired(key("A"))]
    found = {name: len(bench.ledger.candidates(name, wanted, [])) for name in ("old", "new")}
    assert found == {"old": 0, "new": 1}


def test_every_table_has_row_security(bench: PostgresBench) -> None:
    """On a hosted server nothing of ours is readable by anonymous roles."""
    open_tables = bench.sql(
        "select relname from pg_class where relnamespace = 'trueup'::regnamespace"
        " and relkind = 'r' and not relrowsecurity"
    )
    assert open_tables == []


def _mirror(bench: PostgresBench, offering_id: str) -> Any:
    [row] = bench.sql(MIRROR, offering_id)
    return row
