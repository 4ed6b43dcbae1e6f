"""What people ask about runs and products."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import psycopg
import pytest

from support.ledgers import (
    NOW,
    PostgresBench,
    a_change,
    a_result,
    a_run,
    an_outcome,
    key,
    offering,
)
from trueup.domain.changes import Action, FieldDelta, Status
from trueup.domain.errors import UsageError
from trueup.domain.records import Kind, Ref, Slot, TargetName
from trueup.domain.runs import ProductStatus, RunState
from trueup.domain.states import Standing
from trueup.ports import Fence
from trueup.postgres import reports
from trueup.postgres.pool import connect, open_pool

P1, P2 = offering(1), offering(2)


@pytest.fixture
def bench(database_url: str) -> Iterator[PostgresBench]:
    with open_pool(database_url, 4) as pool:
        yield PostgresBench(pool)


@pytest.fixture
def fence(bench: PostgresBench) -> Fence:
    bench.add_products(P1, P2)
    return bench.take_over()


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    with connect(database_url) as connection:
        yield connection


def test_an_empty_database_has_empty_reports(connection: psycopg.Connection) -> None:
    """Nothing is invented."""
    found = reports.overview(connection)
    assert (
        found.standings,
        found.runs,
        found.oldest_verification,
        found.quarantined,
    ) == ((), (), None, 0)
    assert reports.troubled_products(connection) == []
    assert reports.find_run(connection, "r1") is None
    assert list(reports.outcomes(connection, "r1")) == []
    assert reports.history(connection, "SKU-1") == []
    assert reports.run_trends(connection, NOW) == []
    assert reports.most_failing(connection, NOW) == []


def test_the_overview_counts_standings(
    bench: PostgresBench, fence: Fence, connection: psycopg.Connection
) -> None:
    """By CRM and Billing together; quarantined products once."""
    failed = a_result(
        P2, ProductStatus.FAILED, error="no", permanent=True, targets=[TargetName.BILLING]
    )
    bench.ledger.settle([a_result(P1, ProductStatus.OK), failed], "r1", fence, NOW)
    bench.ledger.begin(a_run("r1"), fence)
    found = reports.overview(connection)
    expected = [
        reports.StandingCount(Standing.OK, Standing.OK, 1),
        reports.StandingCount(Standing.PENDING, Standing.FAILED, 1),
    ]
    assert expected == list(found.standings)
    assert found.products(TargetName.BILLING, Standing.FAILED) == 1
    assert (found.oldest_verification, found.quarantined) == (NOW, 1)
    assert [run.run_id for run in found.runs] == ["r1"]


def test_troubled_products_say_why_and_what_next(
    bench: PostgresBench, fence: Fence, connection: psycopg.Connection
) -> None:
    """Also for a product that has left the catalogue."""
    failed = a_result(P1, ProductStatus.FAILED, error="no such tax", targets=[TargetName.CRM])
    held = a_result(P2, ProductStatus.HELD, error="price to 0")
    bench.ledger.settle([failed, held], "r1", fence, NOW)
    bench.remove_product(P1)
    [found] = reports.troubled_products(connection)
    expected = reports.TroubledProduct(
        P1,
        "SKU-1",
        "",
        TargetName.CRM,
        "no such tax",
        1,
        NOW,
        NOW + timedelta(minutes=5),
        quarantined=False,
        last_success_at=None,
    )
    assert expected == replace(found, failing_since=None)
    assert found.failing_since is not None
    assert len(reports.troubled_products(connection, [Standing.HELD])) == 2
    crm = [TargetName.CRM]
    [waiting] = reports.troubled_products(connection, [Standing.HELD], targets=crm)
    assert (waiting.sku, waiting.standing, waiting.failing_since) == (
        "SKU-0002",
        Standing.HELD,
        None,
    )
    assert reports.trouble_counts(connection) == {
        Standing.FAILED: 1,
        Standing.HELD: 2,
        Standing.SKIPPED: 0,
    }


def test_runs_are_found_by_the_beginning_of_their_id(
    bench: PostgresBench, fence: Fence, connection: psycopg.Connection
) -> None:
    """As long as only one begins so; a whole id always wins."""
    for hour, run_id in enumerate(["run-1", "run-11", "run-2"]):
        run = a_run(run_id, started_at=NOW + timedelta(hours=hour))
        bench.ledger.begin(run, fence)
        bench.ledger.finish(replace(run, state=RunState.SUCCEEDED, finished_at=NOW), fence)
    assert [run.run_id for run in reports.last_runs(connection, 2)] == ["run-2", "run-11"]
    for given, expected in {"run-1": "run-1", "run-11": "run-11", "run-2": "run-2"}.items():
        found = reports.find_run(connection, given)
        assert found is not None
        assert expected == found.run_id
    assert reports.find_run(connection, "run-%") is None
    with pytest.raises(UsageError, match="several runs"):
        reports.find_run(connection, "run")


def test_outcomes_and_history_show_before_and_after(
    bench: PostgresBench, fence: Fence, connection: psycopg.Connection
) -> None:
    """Typed, and under every SKU that the product had."""
    parent = key("A", Kind.BILLING_PRODUCT)
    created = a_change(
        key("A", Kind.BILLING_PLAN),
        owner=P1,
        slot=Slot.PLAN,
        fields={"recurring_price": Decimal("899.00"), "product_id": Ref(parent)},
    )
    renamed = replace(
        a_change(key("B"), Action.UPDATE, owner=P1, remote_id="7"),
        deltas={"Unit_Price": FieldDelta(Decimal("899.00"), Decimal("949.00"))},
    )
    other = a_change(key("C"), owner=P2)
    refused = replace(an_outcome(other, Status.REJECTED), code="2006", detail="no such tax")
    bench.ledger.record([an_outcome(created, remote_id="1"), refused], "r1", fence)
    bench.ledger.record([an_outcome(renamed)], "r2", fence)

    first, second = reports.outcomes(connection, "r1")
    assert created.deltas == first.deltas
    assert (created.key, Status.APPLIED, "1", NOW) == (
        first.key,
        first.status,
        first.remote_id,
        first.at,
    )
    assert (second.error_code, second.detail) == ("2006", "no such tax")
    for sku in ("a", " B "):
        found = reports.history(connection, sku)
        assert [change.run_id for change in found] == ["r2", "r1"]
        assert renamed.deltas == found[0].deltas


def test_trends_by_run_and_by_local_day(
    bench: PostgresBench, fence: Fence, connection: psycopg.Connection
) -> None:
    """Durations, changes, failures, requests and refusals for too many requests."""
    starts = [datetime(2026, 3, 1, 21, tzinfo=UTC), datetime(2026, 3, 1, 23, tzinfo=UTC)]
    for number, start in enumerate(starts, start=1):
        run = a_run(f"r{number}", started_at=start)
        bench.ledger.begin(run, fence)
        good = an_outcome(a_change(key("A"), owner=P1), remote_id="1")
        bad = an_outcome(a_change(key("B"), owner=P2), Status.FAILED)
        bench.ledger.record([good, bad], run.run_id, fence)
        ended = replace(run, state=RunState.PARTIAL, finished_at=start + timedelta(seconds=2))
        bench.ledger.finish(replace(ended, requests={"crm": 3, "oauth": 1}), fence)
    bench.sql(
        "insert into trueup.call_by_run (workspace, run_id, target, calls, throttled, last_at)"
        " values ('w', 'r2', 'crm', 3, 2, now())"
    )
    first, second = reports.run_trends(connection, starts[0])
    assert reports.RunFigures("r1", starts[0], RunState.PARTIAL, 2000, 1, 1, 4, 0) == first
    assert second.rate_limit_hits == 2
    days = reports.day_trends(connection, starts[0], ZoneInfo("Africa/Johannesburg"))
    assert [
        reports.DayFigures(date(2026, 3, 1), 1, 2000, 1, 1, 4, 0),
        reports.DayFigures(date(2026, 3, 2), 1, 2000, 1, 1, 4, 2),
    ] == days
    [worst] = reports.most_failing(connection, NOW)
    assert (worst.sku, worst.owner, worst.failures, worst.last_at) == ("B", P2, 2, NOW)
