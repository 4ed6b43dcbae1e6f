"""Whatever people, weather and crashes do: then, in good weather, one run converges.

The machine edits the catalogue and the targets, runs in bad weather, kills runs between a write
and the ledger; then it clears the weather and expects agreement and an empty plan.
"""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from support.memory_world import MemoryWorld
from support.profiles import effort
from support.weather import TROUBLES
from support.worlds import EDITS, NAMES, PRICES, SKUS, World
from support.zoho_world import ZohoWorld

ROWS = st.integers(0, 30)
SOME_SKU = st.sampled_from(SKUS)
SOME_NAME = st.sampled_from(NAMES)
SOME_PRICE = st.sampled_from(PRICES)
DEVICE = st.sampled_from(["", "own", "shared"])
STATUS = st.sampled_from(["active", "inactive", "draft", "archived"])


class Convergence(RuleBasedStateMachine):
    """Rules over one world; few rules with many choices, so that runs come often."""

    def new_world(self) -> World:
        return MemoryWorld()

    @initialize(devices=st.lists(DEVICE, min_size=1, max_size=3), synced=st.booleans())
    def begin(self, devices: list[str], *, synced: bool) -> None:
        self.world = self.new_world()
        for sku, name, device in zip(SKUS, NAMES, devices, strict=False):
            self.world.publish(sku, name, "899.00", device)
        if synced:
            self.world.night()

    @rule(sku=SOME_SKU, name=SOME_NAME, price=SOME_PRICE, device=DEVICE)
    def publish(self, sku: str, name: str, price: str, device: str) -> None:
        self.world.publish(sku, name, price, device)

    @rule(row=ROWS, edit=st.sampled_from(EDITS), price=SOME_PRICE)
    def edit(self, row: int, edit: str, price: str) -> None:
        self.world.edit(row, edit, price)

    @rule(
        row=ROWS,
        what=st.sampled_from(["status", "twin", "rename", "delete", "again"]),
        sku=SOME_SKU,
        status=STATUS,
    )
    def change_a_row(self, row: int, what: str, sku: str, status: str) -> None:
        match what:
            case "status":
                self.world.change_status(row, status)
            case "twin":
                self.world.archive_twin(row)
            case "rename":
                self.world.rename(row, sku)
            case "delete":
                self.world.delete_row(row)
            case _:
                self.world.insert_again(row)

    @rule(
        what=st.sampled_from(["edit", "edit", "delete", "stranger", "copy"]),
        record=ROWS,
        field=st.integers(0, 5),
        sku=SOME_SKU,
        name=SOME_NAME,
    )
    def by_hand(self, what: str, record: int, field: int, sku: str, name: str) -> None:
        match what:
            case "edit":
                self.world.edit_by_hand(record, field)
            case "delete":
                self.world.delete_by_hand(record)
            case "stranger":
                self.world.add_a_stranger(name)
            case _:
                self.world.add_a_copy(sku)

    @rule(
        crm=st.lists(st.sampled_from(TROUBLES), max_size=4),
        billing=st.lists(st.sampled_from(TROUBLES), max_size=8),
        unreadable=st.sampled_from(["", "", "", "crm", "billing"]),
    )
    def run_in_bad_weather(self, crm: list[str], billing: list[str], unreadable: str) -> None:
        self.world.run_in_weather(crm, billing, unreadable)

    @rule(after=st.integers(0, 6))
    def killed_between_write_and_ledger(self, after: int) -> None:
        self.world.run_and_die(after)

    @rule()
    def good_weather(self) -> None:
        self.world.expect_convergence()

    @invariant()
    def no_stranger_was_touched(self) -> None:
        self.world.expect_strangers_untouched()

    @invariant()
    def no_price_was_invented(self) -> None:
        self.world.expect_known_prices()

    @invariant()
    def nothing_exists_twice(self) -> None:
        self.world.expect_no_doubles()

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.expect_convergence()


TestConvergence = Convergence.TestCase
TestConvergence.settings = effort(120, 12)


class ConvergenceAtZoho(Convergence):
    """The same rules over the adapters and the emulator."""

    def new_world(self) -> World:
        return ZohoWorld()


TestConvergenceAtZoho = ConvergenceAtZoho.TestCase
TestConvergenceAtZoho.settings = effort(12, 10)
