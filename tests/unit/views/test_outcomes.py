"""Why a change did not get through, and what helps."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from trueup.domain.changes import Action, Reason, Status
from trueup.domain.records import Kind, RecordKey, TargetName
from trueup.domain.states import ProductState, Standing
from trueup.postgres.reports import PastChange, Said
from trueup.views.outcomes import remedy, why


def tried(status: Status | Said, code: str = "", detail: str = "") -> PastChange:
    return PastChange(
        "run-1",
        datetime(2026, 3, 2, tzinfo=UTC),
        TargetName.BILLING,
        RecordKey(Kind.BILLING_PLAN, "FIB-1"),
        "FIB-1",
        "",
        Action.UPDATE,
        Reason.EDITED,
        {},
        status,
        "",
        code,
        detail,
    )


@pytest.mark.parametrize(
    ("code", "detail", "said"),
    [
        ("3006", "3006: Invalid value passed.", "3006: Invalid value passed."),
        ("3006", "Invalid value passed.", "3006: Invalid value passed."),
        ("GONE", "", "GONE"),
        ("", "it waits for another record", "it waits for another record"),
        ("", "", ""),
    ],
)
def test_the_code_is_said_once(code: str, detail: str, said: str) -> None:
    assert why(code, detail) == said


def test_a_remedy_fits_what_happened() -> None:
    """And how the product stands by now: what was mended since needs nobody."""
    failed, ok = ProductState(Standing.FAILED), ProductState(Standing.OK)
    refused = tried(Status.REJECTED, "3006")
    assert "re-sync the product" in remedy(refused, failed)
    assert remedy(refused) == remedy(refused, failed)
    assert "Duplicates" in remedy(tried(Status.REJECTED, "DUPLICATE_DATA"), failed)
    assert "tries again" in remedy(tried(Status.FAILED), failed)
    for status in Status:
        mended = remedy(tried(status), ok)
        assert mended == ("" if not remedy(tried(status)) else mended)
        assert "tries again" not in mended
    assert remedy(tried(Status.REJECTED, "3006"), ok).startswith("Mended since")
    assert [remedy(tried(one)) for one in (Status.APPLIED, Said.HELD, Said.REJECTED)] == [""] * 3
