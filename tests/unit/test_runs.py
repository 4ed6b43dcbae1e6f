"""What a run counts, under the names that other people's scripts read."""

from __future__ import annotations

from datetime import timedelta

import pytest

from support.builders import NOW, a_result
from trueup.domain.changes import Status
from trueup.domain.runs import ProductResult, ProductStatus, Run, RunState, Tally, Trigger

OK, UNCHANGED, FAILED, HELD, DEFERRED, SKIPPED = (
    ProductStatus.OK,
    ProductStatus.UNCHANGED,
    ProductStatus.FAILED,
    ProductStatus.HELD,
    ProductStatus.DEFERRED,
    ProductStatus.SKIPPED,
)

NAMES = [
    "totalCandidates",
    "processed",
    "crmSucceeded",
    "crmFailed",
    "billingSucceeded",
    "billingFailed",
    "skipped",
    "unchanged",
    "held",
    "deferred",
    "findings",
]


def summary(*results: ProductResult) -> dict[str, int]:
    tally = Tally(total_candidates=len(results))
    for result in results:
        tally.add(result)
    return tally.as_summary()


def test_the_summary_has_the_names_of_the_specification() -> None:
    """In its order, all of them, also when nothing happened."""
    assert list(summary()) == NAMES
    assert set(summary().values()) == {0}


@pytest.mark.parametrize(
    ("result", "counted"),
    [
        (a_result(crm=OK, billing=OK), {"crmSucceeded", "billingSucceeded"}),
        (a_result(crm=OK, billing=FAILED), {"crmSucceeded", "billingFailed"}),
        (a_result(crm=FAILED, billing=FAILED), {"crmFailed", "billingFailed"}),
        (
            a_result(crm=UNCHANGED, billing=UNCHANGED),
            {"crmSucceeded", "billingSucceeded", "unchanged"},
        ),
        (a_result(crm=OK, billing=UNCHANGED), {"crmSucceeded", "billingSucceeded"}),
        (a_result(crm=SKIPPED, billing=SKIPPED), {"skipped"}),
        (a_result(crm=OK, billing=SKIPPED), {"crmSucceeded"}),
        (a_result(crm=HELD, billing=HELD), {"held"}),
        (a_result(crm=OK, billing=HELD), {"crmSucceeded", "held"}),
        (a_result(crm=OK, billing=DEFERRED), {"crmSucceeded", "deferred"}),
        (a_result(crm=UNCHANGED), {"crmSucceeded", "unchanged"}),
    ],
)
def test_one_product_is_counted_once_under_each_name(
    result: ProductResult, counted: set[str]
) -> None:
    """Succeeded means that the target agrees; skipped and unchanged mean everywhere."""
    expected = dict.fromkeys(NAMES, 0) | dict.fromkeys(counted, 1)
    assert summary(result) == expected | {"totalCandidates": 1, "processed": 1}


def test_a_product_that_was_not_reached_is_not_processed() -> None:
    """Processed counts what was looked at and decided."""
    counts = summary(a_result(crm=DEFERRED, billing=DEFERRED), a_result(crm=OK, billing=OK))
    assert (counts["totalCandidates"], counts["processed"], counts["deferred"]) == (2, 1, 1)


@pytest.mark.parametrize("status", ProductStatus)
def test_only_written_and_equal_products_agree(status: ProductStatus) -> None:
    """Everything else needs another look."""
    assert status.agrees is (status in (OK, UNCHANGED))


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (Status.APPLIED, False),
        (Status.DEFERRED, False),
        (Status.REJECTED, True),
        (Status.FAILED, True),
        (Status.UNKNOWN, True),
        (Status.STALE, True),
        (Status.SKIPPED, True),
    ],
)
def test_what_counts_as_a_failure(status: Status, *, failure: bool) -> None:
    """What was not tried did not fail."""
    assert status.is_failure is failure


def test_a_run_knows_how_long_it_took() -> None:
    """In milliseconds; nothing while it runs."""
    run = Run("r", Trigger.CLI, RunState.RUNNING, NOW)
    assert run.duration_ms == 0
    ended = Run(
        "r", Trigger.CLI, RunState.SUCCEEDED, NOW, NOW + timedelta(seconds=61, milliseconds=500)
    )
    assert ended.duration_ms == 61_500
