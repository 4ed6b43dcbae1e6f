"""When a product is looked at, and when a failed one is tried again."""

from __future__ import annotations

from datetime import timedelta
from itertools import product

import pytest

from support.builders import NOW
from trueup.domain.records import TargetName
from trueup.domain.states import ProductState, Standing
from trueup.planner.due import LADDER, Due, DueRules, Look, due_at

STALE_AFTER = timedelta(hours=20)
FRESH, OLD = NOW - timedelta(hours=19), NOW - timedelta(hours=21)
SOON, OVER = NOW + timedelta(seconds=1), NOW - timedelta(seconds=1)
OK, FAILED, HELD, SKIPPED = Standing.OK, Standing.FAILED, Standing.HELD, Standing.SKIPPED


def state(standing: Standing = OK, **more: object) -> ProductState:
    given: dict[str, object] = {"revision": "r1", "verified_at": FRESH} | more
    return ProductState(standing, **given)  # type: ignore[arg-type]  # named per test


def why(known: ProductState | None, look: Look = Look.DUE, revision: str = "r1") -> Due | None:
    states = {} if known is None else {TargetName.CRM: known}
    return due_at(states, revision, DueRules(NOW, STALE_AFTER, look), TargetName.CRM)


@pytest.mark.parametrize(
    ("known", "due"),
    [
        (None, Due.NEVER),
        (ProductState(), Due.NEVER),
        (state(), None),
        (state(verified_at=OLD), Due.STALE),
        (state(verified_at=NOW - STALE_AFTER), None),
        (state(verified_at=None), Due.STALE),
        (state(FAILED, next_attempt_at=SOON), None),
        (state(FAILED, next_attempt_at=OVER), Due.FAILED),
        (state(FAILED, next_attempt_at=NOW), Due.FAILED),
        (state(FAILED, next_attempt_at=None), Due.FAILED),
        (state(FAILED, next_attempt_at=SOON, verified_at=OLD), None),
        (state(FAILED, quarantined=True), None),
        (state(FAILED, quarantined=True, next_attempt_at=OVER), None),
        (state(HELD), Due.STALE),
        (state(SKIPPED), Due.STALE),
        (state(Standing.PENDING), Due.STALE),
    ],
)
def test_the_table_of_what_is_due(known: ProductState | None, due: Due | None) -> None:
    """Failed work waits for its back-off, quarantined work for a change, the rest for its age."""
    assert why(known) == due


@pytest.mark.parametrize(
    "known",
    [
        state(),
        state(FAILED, next_attempt_at=SOON),
        state(FAILED, quarantined=True),
        state(HELD),
    ],
)
def test_a_changed_row_or_mapping_is_due_at_once(known: ProductState) -> None:
    """Whatever happened before: it may have been mended."""
    assert why(known, revision="r2") is Due.CHANGED


@pytest.mark.parametrize(
    ("look", "known", "due"),
    [
        (Look.ALL, state(), Due.ASKED),
        (Look.ALL, None, Due.ASKED),
        (Look.ALL, state(FAILED, next_attempt_at=SOON), Due.ASKED),
        (Look.ALL, state(FAILED, quarantined=True), None),
        (Look.EVERYTHING, state(FAILED, quarantined=True), Due.ASKED),
        (Look.EVERYTHING, state(), Due.ASKED),
    ],
)
def test_a_person_looks_wider(look: Look, known: ProductState | None, due: Due | None) -> None:
    """`all` leaves quarantine alone, `everything` does not."""
    assert why(known, look) == due


def test_one_target_says_nothing_about_the_other() -> None:
    """A product that failed at Billing is not due at CRM."""
    states = {TargetName.CRM: state(), TargetName.BILLING: state(FAILED, next_attempt_at=OVER)}
    rules = DueRules(NOW, STALE_AFTER)
    assert due_at(states, "r1", rules, TargetName.CRM) is None
    assert due_at(states, "r1", rules, TargetName.BILLING) is Due.FAILED


def test_no_combination_of_empty_columns_is_forgotten() -> None:
    """What was never verified, or never decided, is due, whatever else is null."""
    instants = (None, OLD)
    for standing, verified, success, attempt in product(Standing, instants, instants, instants):
        known = ProductState(standing, "r1", verified, success, attempt)
        assert why(known) is not None


def test_a_nightly_run_verifies_every_product_every_night() -> None:
    """Thirty nights of 24 hours, each stamped a little after the run began."""
    verified = NOW
    for night in range(1, 31):
        started = NOW + timedelta(days=night)
        rules = DueRules(started, STALE_AFTER)
        states = {TargetName.CRM: state(verified_at=verified)}
        assert due_at(states, "r1", rules, TargetName.CRM) is Due.STALE
        verified = started + timedelta(minutes=9)


def test_the_back_off_is_the_one_of_the_specification() -> None:
    """5 minutes, 15 minutes, 1 hour, 4 hours, 24 hours."""
    assert [timedelta(seconds=wait) for wait in LADDER] == [
        timedelta(minutes=5),
        timedelta(minutes=15),
        timedelta(hours=1),
        timedelta(hours=4),
        timedelta(hours=24),
    ]
