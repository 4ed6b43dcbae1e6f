"""A database as some runs left it, filled through the real ledger, for tests of what is shown."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from support.ledgers import PostgresBench, a_change, a_result, a_run, key, offering
from trueup.domain.changes import Action, FieldDelta, Outcome, Reason, Status
from trueup.domain.records import Kind, Slot, TargetName
from trueup.domain.runs import ProductStatus, RunState, Trigger
from trueup.ports import Fence

# Midnight in UTC is two in the morning where the business is; recent, for "the last 30 days".
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
LAST_NIGHT, NIGHT_BEFORE = TODAY - timedelta(days=1), TODAY - timedelta(days=2)
GOOD, FAILING, HELD, REFUSED, UNSEEN = (offering(n) for n in range(1, 6))
FIRST, SECOND = "schedule-one", "schedule-two"


def two_nights(bench: PostgresBench) -> Fence:
    """A night that created everything it could, and one that updated a price and failed twice.

    SKU-0001 agrees, SKU-0002 fails at Billing and is quarantined at CRM, SKU-0003 is held,
    SKU-0004 is refused at Billing, SKU-0005 was never compared.
    """
    bench.add_products(GOOD, FAILING, HELD, REFUSED, UNSEEN)
    fence = bench.take_over()
    _first_night(bench, fence)
    _second_night(bench, fence)
    return fence


def _first_night(bench: PostgresBench, fence: Fence) -> None:
    run = a_run(FIRST, started_at=NIGHT_BEFORE)
    run = replace(run, trigger=Trigger.SCHEDULE)
    bench.ledger.begin(run, fence)
    created = a_change(
        key("SKU-0001", Kind.BILLING_PLAN),
        owner=GOOD,
        slot=Slot.PLAN,
        fields={"recurring_price": Decimal("899.00")},
        sku="SKU-0001",
    )
    outcome = Outcome(created, Status.APPLIED, remote_id="7001", at=NIGHT_BEFORE)
    bench.ledger.record([outcome], FIRST, fence)
    bench.ledger.settle([a_result(GOOD, ProductStatus.OK)], FIRST, fence, NIGHT_BEFORE)
    summary = {"totalCandidates": 1, "processed": 1, "crmSucceeded": 1, "billingSucceeded": 1}
    ended = NIGHT_BEFORE + timedelta(seconds=40)
    done = replace(run, state=RunState.SUCCEEDED, finished_at=ended, summary=summary)
    bench.ledger.finish(replace(done, requests={"oauth": 1, "crm": 2, "billing": 5}), fence)


def _second_night(bench: PostgresBench, fence: Fence) -> None:
    run = replace(a_run(SECOND, started_at=LAST_NIGHT), trigger=Trigger.SCHEDULE)
    bench.ledger.begin(run, fence)
    updated = replace(
        a_change(key("SKU-0001", Kind.BILLING_PLAN), Action.UPDATE, owner=GOOD, sku="SKU-0001"),
        deltas={"recurring_price": FieldDelta(Decimal("899.00"), Decimal("949.00"))},
        reason=Reason.EDITED,
        slot=Slot.PLAN,
        remote_id="7001",
    )
    refused = a_change(key("SKU-0002", Kind.BILLING_PLAN), owner=FAILING, sku="SKU-0002")
    outcomes = [
        Outcome(updated, Status.APPLIED, remote_id="7001", at=LAST_NIGHT),
        Outcome(refused, Status.REJECTED, detail="no such tax", code="2006", at=LAST_NIGHT),
    ]
    bench.ledger.record(outcomes, SECOND, fence)
    crm, billing = [TargetName.CRM], [TargetName.BILLING]
    failed, skipped = ProductStatus.FAILED, ProductStatus.SKIPPED
    results = [
        a_result(GOOD, ProductStatus.OK),
        a_result(FAILING, failed, error="no such tax", targets=billing),
        a_result(FAILING, failed, error="picklist", permanent=True, targets=crm),
        a_result(HELD, ProductStatus.HELD, error="the monthly price is 0"),
        a_result(REFUSED, ProductStatus.UNCHANGED, targets=crm),
        a_result(REFUSED, skipped, error="a space in the code", targets=billing),
    ]
    bench.ledger.settle(results, SECOND, fence, LAST_NIGHT)
    summary = {
        "totalCandidates": 4,
        "processed": 4,
        "crmSucceeded": 2,
        "crmFailed": 1,
        "billingSucceeded": 1,
        "billingFailed": 1,
        "held": 1,
    }
    ended = LAST_NIGHT + timedelta(seconds=200)
    done = replace(run, state=RunState.PARTIAL, finished_at=ended, summary=summary)
    bench.ledger.finish(replace(done, requests={"oauth": 1, "crm": 3, "billing": 9}), fence)
