"""Thirty nights of edits on both sides under seeded weather: agreement, or the honest reason."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.agreement import a_catalogue_row, on_sale, some_rows, wanted
from support.nights import Nights, some_nights
from trueup.domain.runs import RunState
from trueup.planner.due import Look

NIGHTS = 30
HOURS = 25  # between two nights: beyond the longest back-off
WEATHER: tuple[dict[str, Any], ...] = (
    {"do": "reset_after"},
    {"do": "reset_before"},
    {"do": "truncate"},
    {"do": "hang"},
    {"do": "html_200"},
    {"do": "empty_204"},
    {"do": "server_error"},
    {"do": "server_error", "carried_out": True},
    {"do": "throttle"},
)


def publish(nights: Nights, chance: random.Random) -> None:
    number = len(nights.rows) + 1
    nights.fill([a_catalogue_row(number, monthly=chance.randint(100, 2000))])


def reprice(nights: Nights, chance: random.Random) -> None:
    row, price = chance.choice(list(nights.rows.values())), chance.randint(100, 2000)
    pricing = row["pricing"] | {"monthly": price}
    nights.change(row, price=price, base_price_zar=price, pricing=pricing)


def rename(nights: Nights, chance: random.Random) -> None:
    row = chance.choice(list(nights.rows.values()))
    nights.change(row, name=f"Fibre {row['sku'][-4:]} of day {chance.randint(1, 999)}")


def withdraw_or_return(nights: Nights, chance: random.Random) -> None:
    row = chance.choice(list(nights.rows.values()))
    nights.change(row, status="inactive" if row["status"] == "active" else "active")


def edit_at_zoho(nights: Nights, chance: random.Random) -> None:
    """A person changes a managed field at CRM, a price at Billing."""
    if records := our_records(nights):
        chosen = chance.choice(records)
        nights.emulator.edit("crm", "products", chosen["id"], {"Unit_Price": 1.5})
        code = chosen["Product_Code"]
        if any(plan["plan_code"] == code for plan in nights.emulator.records("billing", "plans")):
            nights.emulator.edit("billing", "plans", code, {"recurring_price": 2.5})


def delete_at_zoho(nights: Nights, chance: random.Random) -> None:
    """A person deletes a CRM record; the next run makes it anew where it is on sale."""
    on_sale = {row["sku"] for row in nights.rows.values() if row["status"] == "active"}
    if records := [r for r in our_records(nights) if r["Product_Code"] in on_sale]:
        nights.emulator.delete("crm", "products", chance.choice(records)["id"])


EVENTS: tuple[Callable[[Nights, random.Random], None], ...] = (
    publish,
    reprice,
    rename,
    withdraw_or_return,
    edit_at_zoho,
    delete_at_zoho,
)


def our_records(nights: Nights) -> list[dict[str, Any]]:
    ours = {row["sku"] for row in nights.rows.values()}
    return [r for r in nights.emulator.records("crm", "products") if r["Product_Code"] in ours]


def add_foreign(nights: Nights) -> None:
    """Records of other people, some with names like ours."""
    for name in ("Somebody's router", "Fibre 3", "Consulting hour"):
        fields = {"Product_Name": name, "Product_Code": f"X-{name[:5]}", "Unit_Price": 77.7}
        nights.emulator.add("crm", "products", fields)
    nights.emulator.add("billing", "products", {"name": "Consulting"})


def foreign(nights: Nights) -> str:
    """Everything about the records of other people, byte for byte."""
    crm = [r for r in nights.emulator.records("crm", "products") if r["Unit_Price"] == 77.7]
    billing = nights.emulator.records("billing", "products")
    return json.dumps([crm, [r for r in billing if r["name"] == "Consulting"]], sort_keys=True)


def assert_honest(nights: Nights) -> None:
    """A night that claims agreement has it; any other one names its trouble."""
    report = nights.run()
    run = report.run
    if run.state is RunState.SUCCEEDED and not run.summary["deferred"]:
        nights.emulator.clear_faults()
        assert nights.plan(Look.EVERYTHING).changes == ()
        return
    reasons = [v.error for r in report.results for v in r.verdicts.values() if v.error]
    assert run.state in (RunState.PARTIAL, RunState.FAILED, RunState.HELD)
    assert run.error or reasons
    assert bool(run.violations) or run.state is not RunState.HELD


@pytest.mark.parametrize("seed", [1, 2])
def test_thirty_nights(database_url: str, tmp_path: Path, seed: int) -> None:
    """After the last clean night nothing is left to do, and what is not ours is as it was."""
    chance = random.Random(seed)
    with some_nights(database_url, tmp_path, some_rows(6), seed=seed) as nights:
        add_foreign(nights)
        before, theirs = foreign(nights), nights.there()
        for _ in range(NIGHTS):
            for event in chance.choices(EVENTS, k=2):
                event(nights, chance)
            nights.emulator.clear_faults()
            for rule in chance.sample(WEATHER, k=2):
                match = {"service": chance.choice(["crm", "billing"]), "probability": 0.15}
                nights.weather({"match": match} | rule)
            assert_honest(nights)
            nights.fall(HOURS)
        nights.emulator.clear_faults()
        nights.approve()
        nights.converge(most=2)
        assert foreign(nights) == before
        ours = nights.there() - theirs
        assert on_sale(ours) == on_sale(wanted(nights.rows.values()))
        keys = Counter(key[:2] for key in ours.elements())
        assert set(keys.values()) == {1}
        nights.assert_nothing_left()
