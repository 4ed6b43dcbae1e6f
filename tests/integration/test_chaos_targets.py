"""One target in trouble: the other one completes, and nobody's products fail for it (law 11)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from support.agreement import some_rows
from support.nights import Nights, some_nights
from trueup.domain.records import TargetName
from trueup.domain.runs import ProductStatus, RunState
from trueup.reconcile.reported import exit_code
from trueup.reconcile.running import Report
from zoho_emulator.options import LimitOptions

CRM, BILLING = TargetName.CRM, TargetName.BILLING
PRODUCTS = 6


def statuses(report: Report, target: TargetName) -> set[ProductStatus]:
    return {result.verdicts[target].status for result in report.results}


def integrations(nights: Nights, column: str) -> set[Any]:
    """The values of a column of the predecessor's table."""
    with psycopg.connect(nights.database) as connection:
        query = f"select {column} from product_integrations"
        return {value for (value,) in connection.execute(query.encode())}


@pytest.mark.parametrize("fault", ["server_error", "error_html", "reset_before"])
@pytest.mark.parametrize("down", list(TargetName))
def test_a_target_that_is_down_does_not_stop_the_other(
    database_url: str, tmp_path: Path, down: TargetName, fault: str
) -> None:
    """Its products are deferred, not failed; when it is back one run completes them."""
    other = BILLING if down is CRM else CRM
    with some_nights(database_url, tmp_path, some_rows(PRODUCTS)) as nights:
        nights.weather({"match": {"service": down.value}, "do": fault})
        report = nights.run()
        assert statuses(report, other) == {ProductStatus.OK}
        assert statuses(report, down) == {ProductStatus.DEFERRED}
        assert (report.run.state, exit_code(report)) == (RunState.PARTIAL, 1)
        assert report.run.error is not None
        assert report.run.error.startswith(f"{down.value}: ")

        nights.emulator.clear_faults()
        nights.fall(1)
        nights.converge(most=1)
        nights.assert_agreement()


def test_a_storm_that_passes_leaves_only_a_trace(database_url: str, tmp_path: Path) -> None:
    """Two refusals: the run waits and succeeds, and the guide's query has rows."""
    with some_nights(database_url, tmp_path, some_rows(PRODUCTS)) as nights:
        creates = {"service": "crm", "method": "POST", "times": 2}
        nights.weather({"match": creates, "do": "throttle"})
        report = nights.run()
        assert report.run.state is RunState.SUCCEEDED
        assert integrations(nights, "last_rate_limit_at is not null") == {True}
        assert integrations(nights, "jsonb_array_length(rate_limit_hits)") == {1}
        nights.assert_agreement()


def test_a_storm_at_crm_leaves_billing_alone(database_url: str, tmp_path: Path) -> None:
    """CRM refuses every write: Billing completes, no product fails, the next night goes on."""
    with some_nights(database_url, tmp_path, some_rows(PRODUCTS)) as nights:
        nights.weather({"match": {"service": "crm", "method": "POST"}, "do": "throttle"})
        report = nights.run()
        assert statuses(report, BILLING) == {ProductStatus.OK}
        assert statuses(report, CRM) == {ProductStatus.DEFERRED}
        assert exit_code(report) == 1
        assert "crm" in (report.run.error or "")
        assert integrations(nights, "zoho_crm_sync_status") == {"pending"}
        assert rate_limited_products(nights) > 0

        nights.emulator.clear_faults()
        nights.fall(2)
        nights.converge(most=1)
        nights.assert_agreement()


def rate_limited_products(nights: Nights) -> int:
    """What the guide's query about rate limits finds."""
    with psycopg.connect(nights.database) as connection:
        [found] = connection.execute(
            "select count(*) from product_integrations"
            " where jsonb_array_length(rate_limit_hits) > 0"
        )
    return int(found[0])


def test_the_daily_quota_of_billing_ends_in_the_middle(database_url: str, tmp_path: Path) -> None:
    """Code 45: Billing rests, CRM completes, the message says why; after the day it goes on."""
    limits = LimitOptions(billing_per_day=15, total_per_minute=None, billing_per_minute=None)
    with some_nights(database_url, tmp_path, some_rows(PRODUCTS), limits=limits) as nights:
        report = nights.run()
        assert statuses(report, CRM) == {ProductStatus.OK}
        assert statuses(report, BILLING) == {ProductStatus.OK, ProductStatus.DEFERRED}
        assert exit_code(report) == 1
        assert report.run.error == "billing: the daily quota of requests is used up"

        again = nights.run()
        assert again.run.requests["billing"] == 0
        runs = nights.converge(most=4)
        assert len(runs) > 1
        nights.fall(25)
        nights.assert_agreement()
