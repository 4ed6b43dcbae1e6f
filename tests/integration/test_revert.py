"""`trueup revert` over Postgres and the emulator: what a run changed is taken back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.agreement import a_catalogue_row
from support.deeds import ACTED, deeds
from support.program import program
from support.site import Site, open_site

Held = dict[str, dict[str, Any]]

_FOREVER = 60
_RESOURCES = (
    ("crm", "products"),
    ("billing", "products"),
    ("billing", "plans"),
    ("billing", "items"),
)


def held_by(site: Site) -> Held:
    """Every record at both targets as the emulator keeps it, but for when it was changed."""
    return {
        f"{service}/{resource}/{one['id']}": {
            name: value for name, value in one.items() if not _tells_when(name)
        }
        for service, resource in _RESOURCES
        for one in site.console.records(service, resource)
    }


def _tells_when(name: str) -> bool:
    return "ime" in name or name in ("Modified_By", "changed_by")


def change_much(site: Site) -> str:
    """A run that edits, makes a version, withdraws and creates; returns its id."""
    site.fill(
        [
            a_catalogue_row(1, description="Another text", setup=950),
            a_catalogue_row(2, monthly=702),
            a_catalogue_row(3, status="archived"),
            a_catalogue_row(5),
        ]
    )
    done = site.call("run", "--json")
    assert done.code == 0, str(done)
    return str(done.document["run_id"])


def assert_taken_back(site: Site, before: Held) -> None:
    """All that was there is as before; what the run made is there and inactive."""
    now = held_by(site)
    assert before == {key: now[key] for key in before}
    made = [record for key, record in now.items() if key not in before]
    assert made
    assert {r.get("status", r.get("Product_Active")) for r in made} <= {"inactive", False}


def assert_left_alone(site: Site) -> None:
    """Run it again and expect nothing."""
    before = held_by(site)
    again = site.call("run", "--json")
    assert again.code == 0, str(again)
    assert before == held_by(site)


def test_a_run_is_taken_back_stays_so_and_comes_back(database_url: str) -> None:
    """State before equals state after, the nights leave it alone, and the revert is taken back."""
    with open_site(database_url, products=4) as site:
        site.call("run")
        site.console.add("crm", "products", Product_Name="Somebody's own", Product_Code="X-1")
        before = held_by(site)
        run_id = change_much(site)
        after = held_by(site)

        done = site.call("revert", run_id, "--yes", "--by", "Thandi", "--json")
        assert (done.code, done.document["run"]["state"]) == (0, "succeeded"), str(done)
        assert_taken_back(site, before)
        assert_left_alone(site)
        again = site.call("revert", run_id, "--yes")
        assert (again.code, "Nothing to take back" in again.stdout) == (0, True), str(again)
        assert deeds(site) == [("Thandi", ACTED, "reverted", f"run {run_id}", "")]

        revert_id = done.document["run"]["run_id"]
        back = site.call("revert", revert_id, "--yes", "--json")
        assert back.code == 0, str(back)
        assert after == held_by(site)
        site.assert_nothing_left()


def test_what_a_person_reads_before_saying_yes(database_url: str) -> None:
    """Each field now and then, what is only made inactive, and what is left and by whom."""
    with open_site(database_url, products=4) as site:
        site.call("run")
        run_id = change_much(site)
        [crm] = [
            r for r in site.console.records("crm", "products") if r["Product_Code"] == "FIB-0001"
        ]
        site.console.edit("crm", "products", crm["id"], Description="By hand")
        shown = site.call("revert", run_id)
        assert (shown.code, "say --yes" in shown.stderr) == (2, True), str(shown)
        lines = [" ".join(line.split()) for line in shown.stdout.splitlines()]
        for line in (
            f"Going back to what was there before run {run_id}",
            "FIB-0001 billing_item/FIB-0001-INSTALL rate 950.00 900.00",
            "FIB-0002 crm_product/FIB-0002 Unit_Price 702.00 502.00",
            "FIB-0002 billing_plan/FIB-0002 active false true",
            "FIB-0003 crm_product/FIB-0003 Product_Active false true",
            "Made by that run, and made inactive: Zoho's records are never deleted",
            "FIB-0002 billing_plan/FIB-0002-V2",
            "FIB-0005 crm_product/FIB-0005",
            "Left as it is",
        ):
            assert line in lines, shown.stdout
        [left] = [line for line in lines if "By hand" in line]
        assert left.startswith(
            "FIB-0001 crm_product/FIB-0001 Description Another text By hand changed since, by"
        )
        assert site.run_states() == ["succeeded", "succeeded"]

        document = site.call("revert", run_id, "--json").document
        assert document["run"] is None
        assert [(one["code"], one["field"], one["now"]) for one in document["left"]] == [
            ("FIB-0001", "Description", "By hand")
        ]
        assert "FIB-0002-V2" in {one["code"] for one in document["made_inactive"]}


def test_the_history_says_who_took_it_back_and_the_next_night_says_so_too(
    database_url: str,
) -> None:
    with open_site(database_url, products=2) as site:
        site.call("run")
        site.fill([a_catalogue_row(1, monthly=520)])
        site.call("run")
        done = site.call("revert", "last", "--yes", "--by", "Thandi", "--reason", "wrong list")
        assert (done.code, "Taken back." in done.stdout) == (0, True), str(done)
        names = site.sql(
            "select distinct actor from trueup.change_history where reason = 'reverted'"
        )
        assert names == [("Thandi",)]
        night = site.call("run")
        assert "Thandi said no to Unit_Price 520.00: reverted run" in night.stdout
        assert "wrong list" in night.stdout

        site.fill([a_catalogue_row(1, monthly=510)])
        assert site.call("run").code == 0
        site.assert_agreement()


def test_a_price_fall_that_the_guards_would_hold_is_said_and_done(database_url: str) -> None:
    """The operator asked for it: it counts as approved, under the operator's name."""
    with open_site(database_url, products=1) as site:
        site.call("run")
        before = held_by(site)
        site.fill([a_catalogue_row(1, monthly=720)])  # 44 % more, and 30.4 % less on the way back
        site.call("run")
        done = site.call("revert", "last", "--yes", "--by", "Thandi")
        assert done.code == 0, str(done)
        assert "price_fall at crm" in done.stdout
        assert_taken_back(site, before)
        decided = site.sql("select decided_by, state from trueup.held_change")
        assert set(decided) == {("Thandi", "applied")}
        assert_left_alone(site)


def test_a_saved_revert_is_applied_exactly_and_what_moved_is_stale(database_url: str) -> None:
    with open_site(database_url, products=2) as site:
        site.call("run")
        site.fill([a_catalogue_row(1, monthly=520), a_catalogue_row(2, monthly=530)])
        run_id = site.call("run", "--json").document["run_id"]
        file = site.folder / "back.json"
        saved = site.call("revert", "last", "--out", str(file), "--by", "Thandi")
        assert (saved.code, "trueup run --plan" in saved.stdout) == (0, True), str(saved)
        assert json.loads(file.read_text())["revert"] == run_id

        [crm] = [r for r in site.console.records("crm", "products") if r["Unit_Price"] == 520]
        site.console.edit("crm", "products", crm["id"], Unit_Price=1)
        done = site.call("run", "--plan", str(file), "--json")
        assert (done.code, done.document["run"]["stale"]) == (1, 1), str(done)
        assert done.document["run"]["trigger"] == "revert"
        prices = sorted(r["Unit_Price"] for r in site.console.records("crm", "products"))
        assert prices == [1, 502]
        plans = sorted(r["recurring_price"] for r in site.console.records("billing", "plans"))
        assert plans == [501, 502]
        assert site.sql("select distinct by from trueup.refusal") == [("Thandi",)]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["cli-2000"], "there is no run 'cli-2000'"),
        (["last", "--sku", "NOT-THERE"], "wrote nothing for NOT-THERE"),
        (["last", "--by", "  "], "a decision needs a person's name"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    database_url: str, arguments: list[str], says: str
) -> None:
    with open_site(database_url, products=1) as site:
        site.call("run")
        refused = site.call("revert", *arguments, "--yes")
        assert (refused.code, says in refused.stderr) == (2, True), str(refused)
        assert site.run_states() == ["succeeded"]


def test_a_target_that_is_down_is_taken_back_later(database_url: str) -> None:
    with open_site(database_url, products=1) as site:
        site.call("run")
        before = held_by(site)
        site.fill([a_catalogue_row(1, monthly=520)])
        run_id = site.call("run", "--json").document["run_id"]
        site.console.weather({"match": {"service": "crm"}, "do": "refuse"})
        done = site.call("revert", run_id, "--yes", "--json")
        assert (done.code, done.document["run"]["state"]) == (1, "partial"), str(done)
        assert {one["why"] for one in done.document["left"]} == {"its target could not be read"}
        site.console.good_weather()
        assert site.call("revert", run_id, "--yes").code == 0
        assert before == held_by(site)
        assert_left_alone(site)


@pytest.mark.parametrize(
    ("write", "carried_out"),
    [
        ({"method": "PUT", "path": "/crm/*", "nth": 1}, True),
        ({"method": "PUT", "path": "/billing/*", "nth": 2}, False),
        ({"method": "POST", "path": "/billing/*/markasinactive", "nth": 1}, True),
    ],
)
def test_killed_at_any_write_the_same_command_does_the_rest(
    database_url: str, write: dict[str, Any], *, carried_out: bool
) -> None:
    """`kill -9` with a write in flight, whether or not it arrives behind the dead process."""
    with open_site(database_url, products=4, TRUEUP_LEASE="2") as site:
        site.call("run")
        before = held_by(site)
        run_id = change_much(site)
        rule = {"match": write, "do": "slow", "seconds": _FOREVER, "carried_out": carried_out}
        site.console.weather(rule)
        with program("revert", run_id, "--yes", env=site.env, cwd=site.folder) as process:
            site.console.wait_for(lambda: site.console.fired() > 0, "the write", alive=process)
            process.kill()
            process.wait()
        site.console.good_weather()
        site.await_free_lock()

        done = site.call("revert", run_id, "--yes", "--json")
        assert (done.code, done.document["run"]["state"]) == (0, "succeeded"), str(done)
        assert_taken_back(site, before)
        assert site.run_states()[-2:] == ["interrupted", "succeeded"]
        assert_left_alone(site)
