"""Whatever people, weather and crashes do: then, in good weather, one run converges.

The machine edits the catalogue and the targets, runs in bad weather, kills runs between a write
and the ledger; then it clears the weather and expects agreement and an empty plan.
"""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from support.memory_world import MemoryWorld
from support.profiles import effort
from support.weather import TROUBLES
from support.worlds import EDITS, NAMES, PRICES, SKUS, World
from support.zoho_world import ZohoWorld

ROWS = st.integers(0, 30)


class Convergence(RuleBasedStateMachine):
    """Rules over one world; `new_world` says which."""

    def new_world(self) -> World:
        return MemoryWorld()

    @initialize()
    def begin(self) -> None:
        self.world = self.new_world()

    # --- the catalogue ---------------------------------------------------------------------

    @rule(
        sku=st.sampled_from(SKUS),
        name=st.sampled_from(NAMES),
        price=st.sampled_from(PRICES),
        device=st.sampled_from(["", "", "own", "shared"]),
    )
    def publish(self, sku: str, name: str, price: str, device: str) -> None:
        self.world.publish(sku, name, price, device)

    @rule(row=ROWS, edit=st.sampled_from(EDITS), price=st.sampled_from(PRICES))
    def edit(self, row: int, edit: str, price: str) -> None:
        self.world.edit(row, edit, price)

    @rule(row=ROWS, status=st.sampled_from(["active", "inactive", "draft", "archived"]))
    def change_status(self, row: int, status: str) -> None:
        self.world.change_status(row, status)

    @rule(row=ROWS)
    def archive_twin(self, row: int) -> None:
        self.world.archive_twin(row)

    @rule(row=ROWS, sku=st.sampled_from(SKUS))
    def rename(self, row: int, sku: str) -> None:
        self.world.rename(row, sku)

    @rule(row=ROWS)
    def delete_row(self, row: int) -> None:
        self.world.delete_row(row)

    @rule(row=ROWS)
    def insert_again(self, row: int) -> None:
        self.world.insert_again(row)

    # --- people at the targets -------------------------------------------------------------

    @rule(record=ROWS, field=st.integers(0, 5))
    def edit_by_hand(self, record: int, field: int) -> None:
        self.world.edit_by_hand(record, field)

    @rule(record=ROWS)
    def delete_by_hand(self, record: int) -> None:
        self.world.delete_by_hand(record)

    @rule(name=st.sampled_from(NAMES))
    def add_a_stranger(self, name: str) -> None:
        self.world.add_a_stranger(name)

    @rule(sku=st.sampled_from(SKUS))
    def add_a_copy(self, sku: str) -> None:
        self.world.add_a_copy(sku)

    # --- runs ------------------------------------------------------------------------------

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
    def night(self) -> None:
        self.world.night()

    @precondition(lambda self: self.world.catalogue.rows)
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
TestConvergence.settings = effort(60, 25)


class ConvergenceAtZoho(Convergence):
    """The same rules over the adapters and the emulator."""

    def new_world(self) -> World:
        return ZohoWorld()


TestConvergenceAtZoho = ConvergenceAtZoho.TestCase
TestConvergenceAtZoho.settings = effort(12, 15)
