"""`approve`, `reject`, `held` and `run --approve` through the program, on Postgres and emulator."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.agreement import a_catalogue_row, writes
from support.deeds import ACTED, BY_LOGIN, deeds, states
from support.program import Result, command, environment
from support.site import Site, open_site

UNIT_PRICE = "Unit_Price"


@pytest.fixture
def site(database_url: str) -> Iterator[Site]:
    """Two products in agreement, the first of which then fell and the second rose by too much."""
    with open_site(database_url, products=2) as site:
        (site.folder / "trueup.toml").write_text('[billing]\nprice_changes = "update"\n')
        assert site.call("run").code == 0
        site.fill([a_catalogue_row(1, monthly=100), a_catalogue_row(2, monthly=2000)])
        assert site.call("run").code == 3
        yield site


def held(site: Site) -> list[tuple[str, str, str]]:
    """Guard, SKU and state of what waits, in the order of the guards."""
    groups = site.call("held", "--json").document["groups"]
    return [(g["rule"], c["sku"], c["state"]) for g in groups for c in g["changes"]]


def last_held_run(site: Site) -> str:
    query = "select run_id from trueup.run where state = 'held' order by started_at desc limit 1"
    [(run_id,)] = site.sql(query)
    return str(run_id)


def list_prices(site: Site) -> list[str]:
    return sorted(f"{one['Unit_Price']:.2f}" for one in site.console.records("crm"))


def fingerprint_of(site: Site, rule: str, target: str = "crm") -> str:
    plan = site.call("plan", "--json").document
    held = {(v["rule"], v["target"]): v["fingerprint"] for v in plan["violations"]}
    return str(held[rule, target])


# --- what is shown -------------------------------------------------------------------------


def test_the_same_violations_everywhere(site: Site) -> None:
    """The plan, the run, its page, and the row in the predecessor's log."""
    planned = site.call("plan", "--json").document
    ran = site.call("run", "--json").document
    shown = site.call("runs", "show", ran["run_id"], "--json").document
    [(logged,)] = site.sql(
        "select result_summary -> 'violations' from cron_execution_log"
        " where result_summary ->> 'run_id' = %s",
        ran["run_id"],
    )
    assert planned["violations"] == ran["violations"] == shown["violations"] == logged
    places = [(v["rule"], v["target"], v["measure"], v["limit"]) for v in ran["violations"]]
    assert places == [
        ("price_fall", "billing", "80.04 %", "30 %"),
        ("price_fall", "crm", "80.04 %", "30 %"),
        ("price_rise", "billing", "298.41 %", "50 %"),
        ("price_rise", "crm", "298.41 %", "50 %"),
    ]
    [change] = [c for c in planned["changes"] if (c["sku"], c["target"]) == ("FIB-0001", "crm")]
    assert (change["held"], change["moved"]) == (["price_fall"], {UNIT_PRICE: "ours"})


def test_a_person_reads_rule_measure_limit_setting_and_what_to_do(site: Site) -> None:
    said = site.call("run")
    run_id = last_held_run(site)
    decide = f"`trueup approve {run_id} --guard price_fall`"
    for line in (
        "Held for a person",
        "price_fall at crm: a price falls too far",
        "    80.04 % (limit 30 %, set by guards.price_fall)",
        "    1 product, 1 change: FIB-0001",
        f"    → {decide} or {decide.replace('approve', 'reject')}",
        "→ `trueup held` shows all that waits for a decision",
    ):
        assert line in said.stdout.splitlines(), said
    planned = site.call("plan").stdout.splitlines()
    assert "~ crm_product/FIB-0001 update (edited)  [held: price_fall]" in planned
    assert "    Unit_Price  501.00 -> 100.00  (-80.04 %, our change)" in planned
    mark = fingerprint_of(site, "price_fall")
    assert f"    → a run holds this; `trueup run --approve {mark}` lets it pass" in planned


def test_what_waits(site: Site) -> None:
    """By guard, each change with its fingerprint, since when, and the run to decide on."""
    found = site.call("held", "--json").document
    assert (found["run_id"], found["changes"]) == (last_held_run(site), 4)
    group = found["groups"][1]
    assert {k: group[k] for k in ("rule", "target", "measure", "limit", "setting", "skus")} == {
        "rule": "price_fall",
        "target": "crm",
        "measure": "80.04 %",
        "limit": "30 %",
        "setting": "guards.price_fall",
        "skus": ["FIB-0001"],
    }
    [change] = group["changes"]
    assert change["deltas"] == {UNIT_PRICE: ["501.00", "100.00"]}
    assert change["share"] == {UNIT_PRICE: "-0.8004"}
    assert (change["fingerprint"], change["state"]) == (fingerprint_of(site, "price_fall"), "open")
    said = site.call("held").stdout.splitlines()
    assert "    Unit_Price  501.00 -> 100.00  (-80.04 %, our change)" in said
    assert f"→ `trueup approve {last_held_run(site)}` or" in " ".join(said)


def test_status_and_errors_lead_to_it(site: Site) -> None:
    """Nobody is told to correct a row whose price waits for a yes."""
    status = site.call("status")
    assert "1 wait for a decision: a price falls too far (price_fall)" in status.stdout
    assert "correct the rows" not in status.stdout
    errors = site.call("errors")
    assert "→ `trueup held` shows what waits for a decision" in errors.stdout
    assert "correct the row" not in errors.stdout


# --- yes -----------------------------------------------------------------------------------


def test_an_approval_by_guard_is_made_at_once(site: Site) -> None:
    """The rest waits on; the history tells who said so and why."""
    words = ("--guard", "price_fall", "--by", "Ann Example", "--reason", "agreed", "--yes")
    done = site.call("approve", "last", *words)
    assert done.code == 0, str(done)
    assert "2 changes of 1 product: approved and made" in done.stdout
    assert list_prices(site) == ["100.00", "502.00"]
    assert [sku for _, sku, _ in held(site)] == ["FIB-0002", "FIB-0002"]
    told = site.call("history", "FIB-0001", "--json").document["changes"]
    steps = [(c["status"], c["actor"], c["detail"]) for c in told if c["target"] == "crm"]
    assert steps[:3] == [
        ("applied", None, None),
        ("approved", "Ann Example", "agreed"),
        ("held", None, "Unit_Price falls by 80.04 %, from 501.00 to 100.00"),
    ]
    assert "approved by Ann Example" in site.call("history", "FIB-0001").stdout
    shown = site.call("runs", "show", last_held_run(site)).stdout
    assert "by now: 2 open, 2 applied" in shown
    assert site.call("approve", "last", "--yes").code == 0
    site.assert_agreement()


def test_an_approval_as_a_document(site: Site) -> None:
    done = site.call("approve", "last", "--sku", "fib-0001", "--by", "Ann", "--yes", "--json")
    found = done.document
    assert (done.code, found["decision"], found["by"]) == (0, "approved", "Ann")
    assert {c["state"] for c in found["changes"]} == {"applied"}
    assert (found["run"]["trigger"], found["run"]["state"]) == ("approval", "succeeded")
    assert found["overtaken"] == []
    assert deeds(site) == [("Ann", ACTED, "approved", "2 changes of FIB-0001", "")]
    before, after = states(site)
    [field] = [name for name in after if name.endswith(UNIT_PRICE)]
    assert (before[field], after[field]) == ("501.00", "100.00")


def test_approving_twice_is_harmless(site: Site) -> None:
    """The second time nothing waits, nothing is sent, and that is no error."""
    run_id = last_held_run(site)
    assert site.call("approve", run_id, "--yes").code == 0
    before = len(writes(site.console.journal()))
    again = site.call("approve", run_id, "--yes")
    assert again.code == 0
    assert deeds(site) == [(*BY_LOGIN, "approved", "4 changes of FIB-0001, FIB-0002", "")]
    assert f"Nothing that you mean waits for a decision in run {run_id}." in again.stdout
    assert "4 changes of 2 products: applied" in again.stdout
    assert len(writes(site.console.journal())) == before
    site.assert_agreement()


def test_later_leaves_it_to_the_next_run(site: Site) -> None:
    """Without credentials, for nothing is sent; `held` says who, and until when."""
    done = site.call(
        "approve", "last", "--by", "Ann", "--later", "--yes", ZOHO_REFRESH_TOKEN="", ZOHO_ORG_ID=""
    )
    assert done.code == 0, str(done)
    assert "4 changes of 2 products: approved; the next run makes it, counts until" in done.stdout
    assert {state for *_, state in held(site)} == {"approved"}
    assert [said[:3] for said in deeds(site)] == [("Ann", ACTED, "approved")]
    assert "approved by Ann until" in site.call("held").stdout
    assert list_prices(site) == ["501.00", "502.00"]
    assert site.call("run").code == 0
    assert held(site) == []
    site.assert_agreement()


@pytest.mark.parametrize("side", ["catalogue", "zoho"])
def test_what_moved_after_an_approval_is_stale(site: Site, side: str) -> None:
    """Nothing is written, the run says so, and what is there now is asked about anew."""
    assert site.call("approve", "last", "--sku", "FIB-0001", "--later", "--yes").code == 0
    if side == "catalogue":
        site.fill([a_catalogue_row(1, monthly=90)])
    else:
        [key] = [r["id"] for r in site.console.records("crm") if r["Product_Code"] == "FIB-0001"]
        site.console.edit("crm", "products", key, Unit_Price=480)
    before = list_prices(site)
    done = site.call("approve", "last", "--sku", "FIB-0001", "--yes")
    assert done.code == 3, str(done)
    assert "approved, but stale" in done.stdout
    assert list_prices(site) == before
    assert {s for _, sku, s in held(site) if sku == "FIB-0001"} <= {"open"}
    assert site.call("run").code == 3
    assert site.call("approve", "last", "--yes").code == 0
    site.assert_agreement()


def test_a_fingerprint_in_a_pipeline(site: Site) -> None:
    """One guard at one target; then the whole plan, with who and why."""
    one = site.call("run", "--approve", fingerprint_of(site, "price_fall"), "--by", "Ann", "--json")
    assert (one.code, one.document["state"]) == (3, "held")
    assert list_prices(site) == ["100.00", "502.00"]
    mark = site.call("plan", "--json").document["fingerprint"]
    words = ("--by", "Ann Example", "--reason", "ticket 7", "--json")
    done = site.call("run", "--approve", mark, *words)
    assert (done.code, done.document["violations"]) == (0, [])
    assert deeds(site)[-1][:3] == ("Ann Example", ACTED, "approved")
    told = site.call("history", "FIB-0002", "--json").document["changes"]
    assert ("Ann Example", "ticket 7") in {(c["actor"], c["detail"]) for c in told}
    site.assert_agreement()


def test_a_stale_fingerprint_says_what_it_is_now(site: Site) -> None:
    mark = site.call("plan", "--json").document["fingerprint"]
    site.fill([a_catalogue_row(1, monthly=90)])
    before = list_prices(site)
    done = site.call("run", "--approve", mark, "--json")
    now = site.call("plan", "--json").document["fingerprint"]
    assert done.code == 3
    assert "the approval is stale" in done.document["error"]
    assert now in done.document["error"]
    assert deeds(site) == []
    assert list_prices(site) == before


def test_a_saved_plan_with_what_it_holds(site: Site, tmp_path: Path) -> None:
    """It stays held, unless the plan's own fingerprint is approved; what moved is stale."""
    file = tmp_path / "tonight.json"
    mark = site.call("plan", "--out", str(file), "--json").document["fingerprint"]
    assert site.call("run", "--plan", str(file)).code == 3
    assert list_prices(site) == ["501.00", "502.00"]
    site.fill([a_catalogue_row(2, monthly=1900)])
    done = site.call("run", "--plan", str(file), "--approve", mark, "--json")
    assert (done.code, done.document["stale"]) == (1, 2), str(done)
    assert list_prices(site) == ["100.00", "502.00"]
    assert {c["sku"] for c in json.loads(file.read_text())["changes"]} == {"FIB-0001", "FIB-0002"}
    assert site.call("run").code == 3
    assert site.call("approve", "last", "--yes").code == 0
    site.assert_agreement()


# --- no ------------------------------------------------------------------------------------


def test_a_rejection_counts_until_it_is_taken_back(site: Site) -> None:
    """The product shows as skipped, with who and why; the run succeeds."""
    words = ("--sku", "FIB-0001", "--by", "Ben Example", "--reason", "a typing error", "--yes")
    done = site.call("reject", "last", *words)
    assert done.code == 0, str(done)
    said = ("Ben Example", ACTED, "rejected", "2 changes of FIB-0001", "a typing error")
    assert deeds(site) == [said]
    assert "2 changes of 1 product: rejected; nobody is asked again" in done.stdout
    assert site.call("approve", "last", "--yes").code == 0
    ran = site.call("run", "--json")
    assert (ran.code, ran.document["state"]) == (0, "succeeded")
    [result] = ran.document["results"]
    assert result["crm"] == {
        "status": "skipped",
        "error": "Ben Example said no to Unit_Price 100.00: a typing error",
    }
    assert held(site) == []
    said = site.call("run").stdout
    assert "Rejected by a person" in said
    assert "Held for a person" not in said
    again = site.call("run", "--json").document["run_id"]
    assert f"`trueup approve {again} --sku FIB-0001` takes it back" in (
        site.call("runs", "show", again).stdout
    )
    trends = site.call("trends", "--json").document
    assert (trends["most_failing"], {d["failures"] for d in trends["days"]}) == ([], {0})
    assert site.call("approve", again, "--sku", "FIB-0001", "--yes").code == 0
    site.assert_agreement()


# --- who is asked, and how -----------------------------------------------------------------


def test_nobody_decides_by_accident(site: Site) -> None:
    """Without a terminal it must be said; what cannot be meant is refused with what can."""
    cases = {
        ("approve", "last"): "say --yes",
        ("reject", "last"): "say --yes",
        ("approve", "no-such-run", "--yes"): "there is no run 'no-such-run'",
        ("approve", "last", "--guard", "greed", "--yes"): "guards are no_price, price_fall",
        ("approve", "last", "--sku", "FIB-0O01", "--yes"): "did you mean 'FIB-0001'",
        ("approve", "last", "--by", " ", "--yes"): "say it with --by NAME",
        ("run", "--by", "Ann"): "give --approve too",
        ("run", "--approve", "x", "--dry-run"): "nothing to approve",
    }
    for words, remedy in cases.items():
        said: Result = site.call(*words)
        assert said.code == 2, str(said)
        assert remedy in said.stderr
    assert {state for *_, state in held(site)} == {"open"}
    assert list_prices(site) == ["501.00", "502.00"]


@pytest.mark.parametrize(("typed", "state"), [("n", "open"), ("y", "applied")])
def test_a_person_at_a_terminal_is_asked(site: Site, typed: str, state: str) -> None:
    """After what is to be decided was shown; anything but a yes is a no."""
    person, terminal = pty.openpty()
    os.write(person, f"{typed}\n".encode())
    words = command("approve", "last", "--sku", "FIB-0001", "--by", "Ann Example")
    env = environment(site.env, site.folder)
    done = subprocess.run(
        words, stdin=terminal, capture_output=True, text=True, check=False, cwd=site.folder, env=env
    )
    os.close(person)
    os.close(terminal)
    assert done.returncode == 0, done.stderr
    assert "Approve 2 changes of 1 product as Ann Example? [y/N]" in done.stderr
    assert "Unit_Price  501.00 -> 100.00" in done.stdout
    [(found,)] = site.sql("select distinct state from trueup.held_change where sku = 'FIB-0001'")
    assert found == state


def test_a_decision_while_another_run_writes(site: Site) -> None:
    """A no needs no lock; a yes is written down and made by the next run."""
    site.sql("select trueup.take_lease('default/run', 'somebody', 300, 'r', 'h', 1)")
    assert site.call("reject", "last", "--sku", "FIB-0002", "--yes").code == 0
    done = site.call("approve", "last", "--sku", "FIB-0001", "--yes")
    assert done.code == 75, str(done)
    assert "2 changes of 1 product: approved; the next run makes it" in done.stdout
    assert list_prices(site) == ["501.00", "502.00"]
    site.sql("update trueup.lease set expires_at = clock_timestamp()")
    assert site.call("run").code == 0
    assert list_prices(site) == ["100.00", "502.00"]


def test_nothing_waits(site: Site) -> None:
    """Which is an answer, not an error."""
    assert site.call("approve", "last", "--yes").code == 0
    said = site.call("held")
    assert (said.code, said.stdout) == (0, "Nothing waits for a person.\n")
    assert site.call("held", "--json").document == {"run_id": None, "changes": 0, "groups": []}
    assert site.call("approve", "last", "--json", "--yes").document["changes"] == []
    assert site.call("reject", "last", "--yes").code == 0
