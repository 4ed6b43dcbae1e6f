"""An organisation survives its process, and the same requests give the same organisation."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from support.emulator import Caller
from zoho_emulator.__main__ import main
from zoho_emulator.app import Emulator
from zoho_emulator.clock import ManualClock
from zoho_emulator.options import LimitOptions, Options
from zoho_emulator.state import StateError, restore, save


def an_emulator(seed: int = 1) -> Emulator:
    return Emulator(Options(seed=seed, limits=LimitOptions.unlimited()), ManualClock())


def trade(emulator: Emulator) -> None:
    """Some of everything: both services, hand edits, a deletion, subscriptions, a grant code."""
    caller = Caller(emulator)
    product = caller("POST", "/billing/v1/products", {"name": "Fibre"})[1]["product"]
    plan = {"plan_code": "FIB-1", "name": "Fibre", "recurring_price": 899.5, "interval": 1}
    caller("POST", "/billing/v1/plans", plan | {"product_id": product["product_id"]})
    emulator.attach_subscriptions("FIB-1", 4, cancelled=2)
    emulator.advance(5000)
    emulator.edit("billing", "plans", "FIB-1", {"description": "By hand", "status": "inactive"})
    caller.token = caller.refresh()["access_token"]
    for code in ("A", "B"):
        record = {"Product_Name": f"Fibre {code}", "Product_Code": code, "Unit_Price": 12.5}
        caller("POST", "/crm/v8/Products", {"data": [record]})
    emulator.edit("crm", "products", "A", {"Description": "By hand"})
    emulator.delete("crm", "products", "B")
    caller.refresh(grant_type="authorization_code", code=emulator.grant_code())


def test_the_same_requests_give_the_same_organisation() -> None:
    one, other, third = an_emulator(), an_emulator(), an_emulator(seed=2)
    for emulator in (one, other, third):
        trade(emulator)
    assert save(one.world) == save(other.world)
    assert one.journal() == other.journal()
    assert save(one.world)["billing"] != save(third.world)["billing"]


def test_a_saved_organisation_goes_on() -> None:
    first, second = an_emulator(), an_emulator()
    trade(first)
    document = json.loads(json.dumps(save(first.world)))
    restore(second.world, document)
    assert save(second.world) == document
    assert second.records("crm", "products") == first.records("crm", "products")

    caller = Caller(second)
    assert caller("GET", "/billing/v1/plans/FIB-1")[1]["plan"]["description"] == "By hand"
    query = {"select_query": "select id from Products where Product_Code = 'A'"}
    assert len(caller("POST", "/crm/v8/coql", query)[1]["data"]) == 1
    assert caller("GET", "/crm/v8/Products/deleted", type="all")[1]["info"]["count"] == 1
    assert caller("DELETE", "/billing/v1/plans/FIB-1")[0] == 400
    ids = {row["id"] for row in second.records("billing", "products")}
    assert second.add("billing", "products", {"name": "New"})["id"] not in ids


@pytest.mark.parametrize("change", [{"version": 0}, {"seed": 9}])
def test_a_foreign_state_is_refused(change: dict[str, int]) -> None:
    document = save(an_emulator().world) | change
    with pytest.raises(StateError):
        restore(an_emulator().world, document)


def test_a_state_file_that_is_no_state_is_wrong_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "state.json"
    file.write_text('{"version": 7}')
    assert main(["--port", "0", "--state", str(file)]) == 2
    assert "version 7" in capsys.readouterr().err


def test_threads_do_not_tread_on_each_other() -> None:
    emulator = an_emulator()
    caller = Caller(emulator)

    def create(worker: int) -> None:
        for number in range(50):
            caller("POST", "/billing/v1/items", {"name": f"{worker}/{number}", "rate": 1})

    threads = [threading.Thread(target=create, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(emulator.records("billing", "items")) == 200
    assert [entry["number"] for entry in emulator.journal()] == list(range(1, 202))
