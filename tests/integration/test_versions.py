"""Plan versions with the real ledger, over the emulator, by processes that are killed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from support.agreement import Row, a_catalogue_row, created_keys
from support.nights import Nights, some_nights
from support.program import program
from support.site import Site, open_site
from trueup.domain.runs import RunState
from trueup.planner.due import Look

SKU, SECOND, THIRD = "FIB-0001", "FIB-0001-V2", "FIB-0001-V3"
CREATE = {"service": "billing", "method": "POST", "path": "*/plans"}
VERIFY = {"service": "billing", "method": "GET", "path": f"*/plans/{SECOND}"}
RETIRE = {"service": "billing", "method": "POST", "path": f"*/plans/{SKU}/markasinactive"}
# Long enough for the process to be killed with its request in flight.
_FOREVER = 60


def a_row(monthly: object, **columns: Any) -> Row:
    """The one product, at a price."""
    return a_catalogue_row(1, monthly=monthly, **columns)


def plans_of(records: list[dict[str, Any]]) -> dict[str, tuple[float, str]]:
    """Price and status of each plan."""
    return {r["plan_code"]: (float(r["recurring_price"]), r["status"]) for r in records}


def nightly_plans(nights: Nights) -> dict[str, tuple[float, str]]:
    """Price and status of each plan at Billing."""
    return plans_of(nights.emulator.records("billing", "plans"))


def test_versions_night_after_night(database_url: str, tmp_path: Path) -> None:
    """In place, a version, in place, a version; each step is history and the mirror follows."""
    with some_nights(database_url, tmp_path, [a_row(500)], price_changes="version") as nights:
        for monthly in (500, 520, 580, 600, 650):
            nights.change(a_row(monthly))
            assert nights.run().run.state is RunState.SUCCEEDED
            nights.assert_nothing_left()
            nights.fall(25)
        assert nightly_plans(nights) == {
            SKU: (520, "inactive"),
            SECOND: (600, "inactive"),
            THIRD: (650, "active"),
        }
        parents = {p["product_id"] for p in nights.emulator.records("billing", "plans")}
        assert len(parents) == 1
        assert asked(nights, "select zoho_billing_plan_id from product_integrations") == [(THIRD,)]
        terms = "select code, terms ->> 'recurring_price' from trueup.binding where slot = 'plan'"
        assert sorted(asked(nights, terms)) == [
            (SKU, "500.00"), (SECOND, "580.00"), (THIRD, "650.00"),
        ]  # fmt: skip
        steps = asked(
            nights,
            "select code, action, reason, deltas -> 'active' ->> 0, deltas -> 'active' ->> 1"
            " from trueup.change_history where kind = 'billing_plan' and reason = 'repriced'"
            " order by id",
        )
        assert steps == [
            (SECOND, "create", "repriced", None, "true"),
            (SKU, "retire", "repriced", "true", "false"),
            (THIRD, "create", "repriced", None, "true"),
            (SECOND, "retire", "repriced", "true", "false"),
        ]


def asked(nights: Nights, query: str) -> list[tuple[Any, ...]]:
    """What the database says."""
    with psycopg.connect(nights.database, autocommit=True) as connection:
        return connection.execute(query.encode()).fetchall()


def test_a_restatement_moves_nothing(database_url: str, tmp_path: Path) -> None:
    """899.00 with VAT, then 781.74 without."""

    def stated(monthly: str, *, vat: bool) -> Row:
        pricing = {"monthly": monthly, "setup": "0.00", "vat_inclusive": vat}
        return a_row(monthly, pricing=pricing)

    with some_nights(
        database_url, tmp_path, [stated("899.00", vat=True)], price_changes="version"
    ) as nights:
        nights.run()
        nights.fall(25)
        nights.change(stated("781.74", vat=False))
        assert nights.plan().changes == ()
        assert nights.run().run.state is RunState.SUCCEEDED
        assert nightly_plans(nights) == {SKU: (899, "active")}
        nights.assert_nothing_left()


def test_a_hand_edit_and_a_return(database_url: str, tmp_path: Path) -> None:
    """The version on sale is put back; a product that returns gets its last version back."""
    with some_nights(database_url, tmp_path, [a_row(500)], price_changes="version") as nights:
        nights.run()
        nights.change(a_row(600))
        nights.fall(25)
        nights.run()
        nights.emulator.edit("billing", "plans", SECOND, {"recurring_price": 1.0})
        nights.fall(25)
        nights.run(Look.EVERYTHING)
        assert nightly_plans(nights) == {SKU: (500, "inactive"), SECOND: (600, "active")}
        nights.change(a_row(600, status="archived"))
        nights.fall(25)
        nights.run()
        assert nightly_plans(nights) == {SKU: (500, "inactive"), SECOND: (600, "inactive")}
        nights.assert_nothing_left()
        nights.change(a_row(600))
        nights.fall(25)
        nights.run()
        assert nightly_plans(nights) == {SKU: (500, "inactive"), SECOND: (600, "active")}
        nights.assert_nothing_left()


def test_the_product_is_found_by_its_version(database_url: str, tmp_path: Path) -> None:
    """When nobody remembers the Billing product and the first plan was deleted."""
    with some_nights(database_url, tmp_path, [a_row(500)], price_changes="version") as nights:
        nights.run()
        nights.change(a_row(600))
        nights.fall(25)
        nights.run()
        asked(nights, "delete from trueup.binding where kind = 'billing_product' returning code")
        nights.emulator.delete("billing", "plans", SKU)
        nights.fall(25)
        nights.run(Look.EVERYTHING)
        assert len(nights.emulator.records("billing", "products")) == 1
        assert nightly_plans(nights) == {SECOND: (600, "active")}
        nights.assert_nothing_left()


def test_subscriptions_are_counted_when_it_matters(database_url: str, tmp_path: Path) -> None:
    """Once in a run that re-prices or retires a plan, and in no other."""
    with some_nights(database_url, tmp_path, [a_row(500)], price_changes="version") as nights:
        nights.run()
        nights.emulator.attach_subscriptions(SKU, 12)
        assert listings(nights) == 0
        nights.change(a_row(600))
        nights.fall(25)
        report = nights.run()
        assert listings(nights) == 1
        told = {f.code: f.message for f in report.plan.findings}
        assert told == {
            "plan_in_use": f"12 live subscriptions stay on {SKU}, which is marked inactive"
        }
        assert report.run.state is RunState.SUCCEEDED
        nights.assert_nothing_left()
        assert listings(nights) == 1


def listings(nights: Nights) -> int:
    """How often subscriptions were listed."""
    return sum(entry["path"].endswith("/subscriptions") for entry in nights.emulator.journal())


@pytest.mark.parametrize(
    ("request_of", "carried_out"),
    [(CREATE, False), (CREATE, True), (VERIFY, True), (RETIRE, False), (RETIRE, True)],
    ids=["create lost", "create done", "before it is retired", "retire lost", "retire done"],
)
@pytest.mark.parametrize("then", [600, 610, 500])
def test_killed_between_any_two_steps(
    database_url: str, request_of: dict[str, str], then: int, *, carried_out: bool
) -> None:
    """The next run finishes what was begun, whatever the price is by then."""
    with open_site(database_url, products=1, TRUEUP_LEASE="2") as site:
        site.fill([a_row(500)])
        assert site.call("run").code == 0
        site.fill([a_row(600)])
        kill_in_flight(site, request_of, carried_out=carried_out)
        site.fill([a_row(then)])
        site.await_free_lock()
        assert site.call("run").code == 0

        there = plans_of(site.console.records("billing", "plans"))
        [on_sale] = [code for code, (_, status) in there.items() if status == "active"]
        assert there[on_sale] == (then, "active")
        made = {code: n for (_, code), n in created_keys(site.console.journal()).items()}
        assert {made[code] for code in there} == {1}
        # A version that stood already is followed by one for the price that returned.
        stood = then == 500 and request_of in (VERIFY, RETIRE)
        assert there.keys() == {SKU, SECOND, THIRD} if stood else {SKU, SECOND}
        site.assert_nothing_left()


def kill_in_flight(site: Site, match: dict[str, str], *, carried_out: bool) -> None:
    """Start a run and kill it while a certain request waits for its answer."""
    rule = {"match": match, "do": "slow", "seconds": _FOREVER, "carried_out": carried_out}
    site.console.weather(rule)
    with program("run", "--json", env=site.env, cwd=site.folder) as process:
        site.console.wait_for(lambda: site.console.fired() > 0, "the request", alive=process)
        process.kill()
        process.wait()
    site.console.good_weather()
