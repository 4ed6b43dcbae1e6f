"""A small world for the convergence machine: a catalogue, two targets, people, weather, crashes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from support.builders import NOW, RULES, a_dated_price, a_row, an_id, outline_of
from support.memory_catalogue import MemoryCatalogue
from support.memory_guardbook import MemoryGuardbook
from support.weather import KilledError, MortalLedger, Trouble
from support.workshop import HandClock, MemoryLock, Notes, a_shop, planned
from trueup.domain.changes import Change, Outcome, Status
from trueup.domain.offering import Offering, Withdrawn
from trueup.domain.package import PackageRow
from trueup.domain.plan import Plan
from trueup.domain.records import ACTIVE, Kind, RecordKey, RemoteRecord, Slot
from trueup.domain.runs import Trigger
from trueup.planner.census import Census, take_census
from trueup.planner.due import Look
from trueup.planner.reading import key_of, read_row
from trueup.ports import Clock, Target
from trueup.reconcile.applying import Brake
from trueup.reconcile.orders import Order
from trueup.reconcile.running import Report, run
from trueup.reconcile.scope import Scope

SKUS = ("A-1", "B-2", "C-3", "D-4", "c-3", "E 5")
NAMES = ("Alpha", "Beta", "Gamma", "alpha ")
PRICES = ("799.00", "899.00", "949.50", "0.01", "0.00", "-1")
EDITS = (
    *("price", "text", "name", "device", "no device", "half a price"),
    *("dated price", "price for later"),
)
DEVICE_COST = Decimal("1200.00")
SETUP = Decimal("900.00")
_SHARED = {"included": True, "model": "Router S", "sku": "RTS-1", "cost": DEVICE_COST}


def _devices(which: str, owner: str) -> dict[str, Any]:
    """The metadata of a row without a device, with one of its own, or with the shared one."""
    if which == "own":
        return {"router_included": True, "router_model": f"Router of {owner}"}
    return {"hardware": _SHARED} if which == "shared" else {}


@dataclass(frozen=True)
class Known:
    """A record at a target, by the kind and the id that the target gave it."""

    kind: Kind
    remote_id: str


class World(ABC):
    """Everything but the targets, which `MemoryWorld` and `ZohoWorld` bring."""

    def __init__(self, targets: Sequence[Target], clock: Clock | None = None) -> None:
        self.clock = HandClock() if clock is None else clock
        self.lock, self.notes = MemoryLock(), Notes()
        self.ledger = MortalLedger(epochs=self.lock.epochs)
        self.catalogue = MemoryCatalogue(ledger=self.ledger)
        guardbook = MemoryGuardbook(self.ledger)
        self.shop = a_shop(
            self.catalogue, self.ledger, guardbook, targets, self.clock, self.lock, self.notes
        )
        self.targets = list(targets)
        self.prices = {Decimal(0), SETUP, DEVICE_COST}
        self.strangers: dict[Known, Any] = {}
        self.by_hand: set[Known] = set()
        self._issued = 0

    # --- the catalogue ---------------------------------------------------------------------

    def publish(self, sku: str, name: str, price: str, device: str = "") -> None:
        self._issued += 1
        self._put(
            a_row(
                self._issued,
                sku=sku,
                name=name,
                monthly=Decimal(price),
                metadata=_devices(device, str(self._issued)),
            )
        )

    def edit(self, row: int, edit: str, price: str) -> None:
        if (found := self._row(row)) is None:
            return
        monthly = str((found.pricing or {}).get("monthly", price))
        choices: dict[str, dict[str, Any]] = {
            "price": {
                "price": Decimal(price),
                "base_price_zar": Decimal(price),
                "pricing": {"monthly": Decimal(price), "setup": SETUP},
            },
            "text": {"description": f"About {price}"},
            "name": {"name": f"Name {price}"},
            "device": {"metadata": _devices("shared" if price < "8" else "own", found.id)},
            "no device": {"metadata": _devices("", found.id)},
            "half a price": {"base_price_zar": Decimal("1.00")},
            "dated price": {"dated_prices": [a_dated_price("2026-01-01", monthly, price)]},
            "price for later": {"dated_prices": [a_dated_price("2999-01-01", None, "7.77")]},
        }
        self._edit(found.id, choices[edit])

    def change_status(self, row: int, status: str) -> None:
        if (found := self._row(row)) is not None:
            self._edit(found.id, {"status": status})

    def archive_twin(self, row: int) -> None:
        """The row becomes an archived version, and another carries its SKU on."""
        if (found := self._row(row)) is not None:
            self._edit(found.id, {"status": "archived"})
            self._issued += 1
            self._put(_with(found, id=an_id(self._issued), status="active"))

    def rename(self, row: int, sku: str) -> None:
        """Never to a SKU whose records another product still has: Billing refuses their codes."""
        others = {key_of(b.sku) for b in self.ledger.bound.values() if b.owner}
        others |= {key_of(r.sku or "") for r in self.catalogue.rows.values()}
        if (found := self._row(row)) is not None and key_of(sku) not in others:
            self._edit(found.id, {"sku": sku})

    def delete_row(self, row: int) -> None:
        if (found := self._row(row)) is not None:
            self.catalogue.remove(found.id)

    def insert_again(self, row: int) -> None:
        """The row is deleted and comes back with a new id and the same SKU."""
        if (found := self._row(row)) is not None:
            self.catalogue.remove(found.id)
            self._issued += 1
            self._put(_with(found, id=an_id(self._issued)))

    def _row(self, number: int) -> PackageRow | None:
        ids = sorted(self.catalogue.rows)
        return self.catalogue.rows[ids[number % len(ids)]] if ids else None

    def _edit(self, offering_id: str, columns: Mapping[str, Any]) -> None:
        self._put(_with(self.catalogue.rows[offering_id], **columns))

    def _put(self, row: PackageRow) -> None:
        self.catalogue.put(row)
        monthly = (row.pricing or {}).get("monthly")
        if monthly is not None and monthly > 0:
            self.prices.add(monthly)
        came_due = RULES.today(NOW).day
        self.prices |= {d.new_price for d in row.dated_prices or () if d.effective_date < came_due}

    # --- people at the targets -------------------------------------------------------------

    def edit_by_hand(self, record: int, field: int) -> None:
        if (known := self._record(record)) is not None:
            self.hand_edit(known, field)

    def delete_by_hand(self, record: int) -> None:
        if (known := self._record(record)) is not None:
            self.hand_delete(known)

    def add_a_stranger(self, name: str) -> None:
        known = self.hand_add(f"FOREIGN-{len(self.strangers)}", name)
        self.strangers[known] = self.content(known)

    def add_a_copy(self, sku: str) -> None:
        """Somebody makes a second CRM record with a code of ours."""
        known = self.hand_add(sku, f"Copy of {sku}")
        self.by_hand.add(known)

    def _record(self, number: int) -> Known | None:
        known = [k for k in self.known() if k not in self.strangers]
        return known[number % len(known)] if known else None

    # --- what a kind of world brings -------------------------------------------------------

    @abstractmethod
    def known(self) -> list[Known]:
        """Every record there is, in a stable order."""

    @abstractmethod
    def content(self, known: Known) -> Any:
        """Everything about a record, to see whether it was touched."""

    @abstractmethod
    def hand_add(self, code: str, name: str) -> Known:
        """A CRM record made by hand."""

    @abstractmethod
    def hand_edit(self, known: Known, field: int) -> None:
        """Somebody edits a managed field."""

    @abstractmethod
    def hand_delete(self, known: Known) -> None:
        """Somebody deletes a record."""

    @abstractmethod
    def set_weather(self, crm: Sequence[Trouble], billing: Sequence[Trouble], blind: str) -> None:
        """Troubles for the next requests that write; `blind` names a target that is down."""

    @abstractmethod
    def clear_up(self) -> None:
        """Good weather from now on."""

    @abstractmethod
    def sent_prices(self) -> set[Decimal]:
        """Every amount in any request since the last time this was asked."""

    # --- runs ------------------------------------------------------------------------------

    def run(self, look: Look = Look.DUE, *, trust_smaller: bool = False) -> Report:
        order = Order(Scope(look=look), Trigger.CLI, bounded=False, trust_smaller=trust_smaller)
        report = run(self.shop, order, Brake())
        self.clock.sleep(90_000)
        return report

    def run_in_weather(self, crm: Sequence[Any], billing: Sequence[Any], blind: str) -> None:
        self.set_weather(crm, billing, blind)
        self.run()
        self.clear_up()

    def run_and_die(self, after: int) -> None:
        self.ledger.dies_in = after
        with suppress(KilledError):
            self.run()
        self.ledger.revive()

    def night(self) -> None:
        self.run()

    # --- what must hold --------------------------------------------------------------------

    def expect_convergence(self) -> None:
        """One run agrees.

        The second one where rows have left the catalogue (spec §2.4: two consecutive runs), or
        where a product took a name that another one gave up in the same run.
        """
        self.clear_up()
        if not self.catalogue.rows:
            return
        gone = any(True for _ in self.ledger.missing_owners())
        reports = [self.run(Look.EVERYTHING, trust_smaller=True) for _ in range(1 + gone)]
        trouble = _failures(self.notes.outcomes)
        plan = planned(self.shop)
        if plan.changes and all(_frees_a_name(change) for change in plan.changes):
            self.run(Look.EVERYTHING, trust_smaller=True)
            plan = planned(self.shop)
        assert plan.changes == (), (plan.changes, reports[-1].run, trouble)
        self._expect_agreement(plan)
        self._expect_everything_known()

    def _expect_everything_known(self) -> None:
        """What we made is remembered: a record that nobody knows of is a create sent twice."""
        bound = {Known(b.key.kind, b.remote_id) for b in self.ledger.bound.values()}
        open_kinds = {intent.key.kind for intent in self.ledger.intents(tuple(Kind))}
        unknown = set(self.known()) - bound - set(self.strangers) - self.by_hand
        assert {known for known in unknown if known.kind not in open_kinds} == set()

    def _expect_agreement(self, plan: Plan) -> None:
        """An oracle that shares nothing with the comparison but the reading of rows."""
        refused = {finding.owner for finding in plan.findings}
        records = [r for target in self.targets for kind in Kind if kind.target is target.name
                   for r in target.records(kind)]  # fmt: skip
        census = self._census()
        for row in self.catalogue.rows.values():
            reading, _ = read_row(row, RULES, NOW)
            if row.id in refused:
                continue
            if isinstance(reading, Offering):
                self._expect_on_sale(reading, records)
            elif isinstance(reading, Withdrawn) and not census.superseded(row.id, reading.sku):
                ours = [r for r in records if r.own_id == row.id]
                assert [r for r in ours if r.fields[ACTIVE[r.kind]] is not False] == []
        unclear = {key_of(f.sku) for f in plan.findings}
        self._expect_nothing_left([r for r in records if key_of(r.code) not in unclear])

    def _expect_on_sale(self, offering: Offering, records: Sequence[RemoteRecord]) -> None:
        price = offering.recurring.amount
        [crm] = [r for r in records if r.own_id == offering.offering_id]
        assert (crm.code, crm.fields["Unit_Price"]) == (offering.sku, price)
        assert crm.fields["Product_Active"] is True
        if " " not in offering.sku:
            [plan] = [r for r in records if r.kind is Kind.BILLING_PLAN and r.code == offering.sku]
            assert (plan.fields["recurring_price"], plan.fields["active"]) == (price, True)
            products = [r for r in records if r.kind is Kind.BILLING_PRODUCT]
            [parent] = [r for r in products if r.remote_id == plan.parent_id]
            own = self.ledger.bindings([offering.offering_id], [])
            left = {b.remote_id for b in own if b.slot is Slot.PLAN} - {plan.remote_id}
            old = [r for r in records if r.kind is Kind.BILLING_PLAN and r.remote_id in left]
            assert [r for r in old if r.fields["active"]] == []
            # A plan that was taken over with the SKU of a deleted row stays under its old product.
            bound = self.ledger.remote_id(RecordKey(Kind.BILLING_PRODUCT, offering.sku))
            assert parent.fields["active"] is True or parent.remote_id != bound

    def _expect_nothing_left(self, records: Sequence[RemoteRecord]) -> None:
        """A record of ours that carries the id of no row is not on sale any more."""
        for record in records:
            known = Known(record.kind, record.remote_id)
            left = record.own_id and record.own_id not in self.catalogue.rows
            if left and known not in self.by_hand:
                assert record.fields["Product_Active"] is False, record

    def expect_strangers_untouched(self) -> None:
        assert {known: self.content(known) for known in self.strangers} == self.strangers

    def expect_known_prices(self) -> None:
        """No request carried an amount that the catalogue never held."""
        assert self.sent_prices() <= self.prices

    def expect_no_doubles(self) -> None:
        """No key exists twice, but for what people made by hand."""
        seen: Counter[tuple[Kind, str]] = Counter()
        for target in self.targets:
            for kind in (Kind.CRM_PRODUCT, Kind.BILLING_PLAN, Kind.BILLING_ITEM):
                if kind.target is target.name:
                    for record in target.records(kind):
                        if Known(kind, record.remote_id) not in self.by_hand:
                            seen[kind, record.own_id or record.code] += 1
        assert [key for key, count in seen.items() if count > 1] == []

    def _census(self) -> Census:
        outlines = [outline_of(row) for row in self.catalogue.rows.values()]
        return take_census(lambda: iter(outlines), RULES.today(NOW))


def _with(row: PackageRow, **columns: Any) -> PackageRow:
    return a_row(1, **{name: getattr(row, name) for name in row.__struct_fields__} | columns)


def _frees_a_name(change: Change) -> bool:
    """A name that another product gave up in this very run is taken in the next one."""
    unique = change.key.kind in (Kind.BILLING_PRODUCT, Kind.BILLING_ITEM)
    return unique and set(change.deltas) == {"name"}


def _failures(outcomes: Sequence[Outcome]) -> list[tuple[str, str, str]]:
    bad = [o for o in outcomes[-40:] if o.status is not Status.APPLIED]
    return [(str(o.change.key), o.status.value, o.detail) for o in bad]


def same_sku(one: str | None, other: str | None) -> bool:
    """Two SKUs that the catalogue must not have twice."""
    return key_of(one or "") == key_of(other or "")
