"""Laws of the planner, for rows as awkward as a catalogue can hold."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import assume, example, given
from hypothesis import strategies as st

from support.builders import (
    MAPPING,
    NOW,
    RULES,
    a_census,
    a_desired,
    a_remote,
    a_row,
    an_id,
    projected,
    schemas,
)
from support.profiles import effort
from trueup.domain.changes import Action, Change, FieldDelta
from trueup.domain.money import cents
from trueup.domain.offering import Offering
from trueup.domain.package import DatedPrice, PackageRow
from trueup.domain.plan import Plan, fingerprint
from trueup.domain.records import (
    ACTIVE,
    DesiredRecord,
    FieldValue,
    Kind,
    RecordKey,
    Ref,
    RemoteRecord,
    TargetName,
)
from trueup.planner.diff import compare_record, field_deltas, same
from trueup.planner.identity import Identity
from trueup.planner.mapping import Policy
from trueup.planner.order import Work, choose, order_changes
from trueup.planner.project import Projector
from trueup.planner.reading import key_of, read_row

COST = Decimal("31337.31")  # a wholesale cost, wherever a row may mention it

texts = st.one_of(
    st.none(),
    st.sampled_from(["", " ", "FIB-100", "Fibre 100", "a\r\nb", "bell \x07", "Špica", "x" * 120]),
    st.text(max_size=20),
)
amounts = st.one_of(
    st.sampled_from(
        [None, 0, -1, "0", "899.00", "free", 899.0, True, "NaN", Decimal("0.01"), "99999999.99"]
    ),
    st.decimals(Decimal(-10), Decimal(100000), places=2),
    st.decimals(Decimal("0.001"), Decimal(2000), places=3),
)
stored = st.one_of(st.none(), st.decimals(Decimal(-10), Decimal(100000), places=2))
flags = st.sampled_from([None, True, False, "yes", 1])
instants = st.one_of(
    st.none(), st.integers(-40, 40).map(lambda days: NOW + timedelta(days=days, hours=1))
)
devices = st.fixed_dictionaries(
    {},
    optional={
        "included": flags,
        "is_included": flags,
        "model": texts,
        "sku": st.sampled_from(["", "RTX-1", None]),
        "cost": amounts,
        "cost_price": st.just(COST),
    },
)
metadata = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {},
        optional={
            "vat_inclusive": flags,
            "contract_months": st.sampled_from([None, 0, 12, 24, "24", "two"]),
            "contract_type": st.sampled_from([None, "24-month-contract", "month-to-month"]),
            "contract_terms": st.sampled_from([None, [12], [0, 24], "x"]),
            "hardware": st.one_of(devices, st.lists(devices, max_size=3), st.none()),
            "router": st.one_of(devices, texts),
            "router_model": texts,
            "cost_price_zar": st.just(COST),
        },
    ),
)
pricing = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {}, optional={"monthly": amounts, "setup": amounts, "vat_inclusive": flags}
    ),
)


dated = st.one_of(
    st.none(),
    st.lists(
        st.builds(
            DatedPrice,
            effective_date=st.integers(-3, 3).map(lambda days: NOW.date() + timedelta(days=days)),
            published_at=instants,
            old_price=st.one_of(stored, st.just(Decimal("899.00"))),
            new_price=st.decimals(Decimal(-10), Decimal(100000), places=2),
        ),
        max_size=3,
    ),
)


@st.composite
def awkward_rows(draw: st.DrawFn) -> PackageRow:
    """Any row: most are wrong somewhere, some are not."""
    changes: dict[str, Any] = {}
    choices: dict[str, st.SearchStrategy[Any]] = {
        "sku": texts,
        "name": texts,
        "description": texts,
        "price": stored,
        "base_price_zar": stored,
        "promotion_price": stored,
        "pricing": pricing,
        "metadata": metadata,
        "provider_specific_config": metadata,
        "status": st.sampled_from(["active", "inactive", "draft", "archived", "x", None]),
        "valid_from": instants,
        "valid_to": instants,
        "dated_prices": dated,
    }
    for column in draw(st.sets(st.sampled_from(sorted(choices)), max_size=4)):
        changes[column] = draw(choices[column])
    agrees = changes.get("pricing") or {}
    if draw(st.booleans()) and isinstance(agrees.get("monthly"), Decimal):
        changes |= dict.fromkeys(("price", "base_price_zar"), agrees["monthly"])
    return a_row(draw(st.integers(1, 4)), **changes)


values: st.SearchStrategy[FieldValue] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from(["", "a", "A", "1", "true"]),
    st.decimals(-5, 5, places=2),
)
names = st.sampled_from(["Product_Name", "Product_Code", "Unit_Price", "Description", "x"])
fields = st.dictionaries(names, values, max_size=5)


def read(row: PackageRow, **rules: Any) -> Offering | None:
    reading, findings = read_row(row, RULES, NOW)
    assert (reading is None) is bool(findings)
    return reading if isinstance(reading, Offering) else None


def records_of(row: PackageRow) -> list[DesiredRecord]:
    """The records of a row; none when it is refused."""
    offering = read(row)
    return (
        [] if offering is None else Projector(MAPPING, a_census([row]), schemas()).project(offering)
    )


def amounts_in(value: object) -> set[Decimal]:
    """Every exact amount that a row states, wherever it hides."""
    if isinstance(value, Mapping):
        return set().union(*(amounts_in(v) for v in value.values()))
    if isinstance(value, list):
        return set().union(*(amounts_in(v) for v in value))
    if isinstance(value, bool | float) or not isinstance(value, Decimal | int | str):
        return set()
    try:
        amount = Decimal(value)
    except ArithmeticError:
        return set()
    return {cents(amount)} if amount.is_finite() and abs(amount) < 10**9 else set()


@effort(150)
@given(awkward_rows())
def test_no_record_carries_an_amount_that_the_row_did_not_hold(row: PackageRow) -> None:
    """Law 3: whatever is wrong with a row, no price is made up, and none is nought by default."""
    stated = {name: getattr(row, name) for name in row.__struct_fields__}
    held = amounts_in({**stated, "promotion_price": None})
    monthly = amounts_in((row.pricing or {}).get("monthly"))
    came_due = [d for d in row.dated_prices or () if d.effective_date <= RULES.today(NOW).day]
    dated_now = {cents(d.new_price) for d in came_due}
    for record in records_of(row):
        sent = {v for v in record.fields.values() if isinstance(v, Decimal)}
        assert sent <= held | dated_now | {Decimal("0.00")}
        for price in ("Unit_Price", "recurring_price"):
            if price in record.fields:
                assert record.fields[price] in (dated_now or monthly)
                assert record.fields[price] != 0


@effort(100)
@given(awkward_rows())
def test_the_wholesale_cost_never_leaves(row: PackageRow) -> None:
    """Not as an amount, not inside a text, wherever a row mentions it."""
    for record in records_of(row):
        assert str(COST) not in " ".join(str(value) for value in record.fields.values())


@effort(100)
@given(awkward_rows())
def test_a_row_is_read_whole_or_not_at_all(row: PackageRow) -> None:
    """Either an offering without findings or findings without an offering, and never an error."""
    offering = read(row)
    if offering is not None:
        assert offering.sku == offering.sku.strip() != ""
        assert offering.recurring.amount > 0
        assert offering.recurring.amount == cents(offering.recurring.amount)
        records = projected(row)
        assert len(records) >= 4


@effort(60)
@given(st.lists(awkward_rows(), max_size=4, unique_by=lambda row: row.id))
def test_a_plan_applied_to_a_model_gives_the_desired_state(rows: list[PackageRow]) -> None:
    """And the plan after it is empty, whatever was there before."""
    census = a_census(rows)
    readings = [o for row in rows if (o := read(row)) is not None]
    assume(len({key_of(o.sku) for o in readings}) == len(readings))
    records = {r.key: r for o in readings for r in Projector(MAPPING, census, schemas()).project(o)}
    model: dict[RecordKey, RemoteRecord] = {}
    for change in changes_for(records, model):
        apply(change, model)
    assert changes_for(records, model) == []
    for key, record in records.items():
        there = model[key].fields
        assert all(same(there[name], value) for name, value in record.fields.items())


def changes_for(
    records: Mapping[RecordKey, DesiredRecord], model: Mapping[RecordKey, RemoteRecord]
) -> list[Change]:
    policies = {kind: MAPPING.policies(kind) for kind in Kind}
    identity = Identity(model.values(), [], {})
    found = [compare_record(record, identity, policies).change for record in records.values()]
    return [change for change in found if change is not None and change.writes]


def apply(change: Change, model: dict[RecordKey, RemoteRecord]) -> None:
    kind, code = change.key.kind, change.key.code
    number = f"r-{len(model)}"
    blank: dict[str, FieldValue] = dict.fromkeys(MAPPING.managed(kind))
    parent = (
        ""
        if kind is not Kind.BILLING_PLAN
        else _id_of(model, RecordKey(Kind.BILLING_PRODUCT, code))
    )
    model[change.key] = RemoteRecord(
        kind, number, "" if kind is Kind.BILLING_PRODUCT else code, {**blank, **change.after},
        parent_id=parent,
    )  # fmt: skip


def _id_of(model: Mapping[RecordKey, RemoteRecord], key: RecordKey) -> str:
    return model[key].remote_id


# --- comparing -----------------------------------------------------------------------------


@effort(100)
@given(fields)
def test_comparing_a_state_with_itself_gives_nothing(state: dict[str, FieldValue]) -> None:
    """diff(x, x) is empty."""
    assert field_deltas(state, state, {}) == {}


@effort(100)
@given(fields, fields, st.dictionaries(names, st.sampled_from(Policy)))
def test_deltas_applied_leave_nothing_to_enforce(
    wanted: dict[str, FieldValue],
    there: dict[str, FieldValue],
    policies: dict[str, Policy],
) -> None:
    """Once applied they are gone, and a stricter policy never allows more."""
    deltas = field_deltas(wanted, there, policies)
    after = {**there, **{name: delta.after for name, delta in deltas.items()}}
    assert field_deltas(wanted, after, policies) == {}
    assert deltas.keys() <= field_deltas(wanted, there, {}).keys()
    assert deltas.keys() <= there.keys() & wanted.keys()


@effort(100)
@given(values, values)
def test_sameness_has_no_direction(one: FieldValue, other: FieldValue) -> None:
    """Equal one way is equal the other way."""
    assert same(one, other) is same(other, one)
    assert same(one, one)


@effort(60)
@given(st.lists(st.tuples(st.sampled_from(["S", "T", ""]), st.sampled_from("-op")), max_size=5))
def test_identity_never_picks_one_of_several(pairs: list[tuple[str, str]]) -> None:
    """One match, or none, or all rivals; the order of reading does not matter."""
    remotes = [
        a_remote(remote_id=f"r-{n}", code=code, own_id=own.strip("-"))
        for n, (code, own) in enumerate(pairs)
    ]
    record = a_desired(key=RecordKey(Kind.CRM_PRODUCT, "S"), owner="o")
    match = Identity(remotes, [], {}).match(record)
    again = Identity(reversed(remotes), [], {}).match(record)
    assert (match.remote, match.rivals) == (again.remote, again.rivals[::-1])
    ours = [r for r in remotes if r.own_id == "o"] or [r for r in remotes if r.code == "S"]
    if len(ours) == 1:
        assert match.remote == ours[0]
    else:
        assert match.remote is None
        assert list(match.rivals) == ours


# --- reading and ordering ------------------------------------------------------------------


@effort(100)
@given(st.text(max_size=30))
@example("ß İ")
def test_normalising_twice_is_normalising_once(text: str) -> None:
    """SKU keys, and texts that went through a target."""
    assert key_of(key_of(text)) == key_of(text)
    offering = read(a_row(description=text))
    if offering is not None:
        assert read(a_row(description=offering.description)) == offering


@effort(100)
@given(st.decimals(-(10**8), 10**8, places=4))
def test_rounding_twice_is_rounding_once(amount: Decimal) -> None:
    """And never moves an amount by more than half a cent."""
    assert cents(cents(amount)) == cents(amount)
    assert abs(cents(amount) - amount) <= Decimal("0.005")


keys = st.builds(RecordKey, st.sampled_from(Kind), st.sampled_from(["A", "B"]))


@st.composite
def changes(draw: st.DrawFn) -> Change:
    key = draw(keys)
    action = draw(st.sampled_from(Action))
    deltas: dict[str, FieldDelta] = {ACTIVE[key.kind]: FieldDelta(None, draw(st.booleans()))}
    if key.kind is Kind.BILLING_PLAN:
        ref = Ref(RecordKey(Kind.BILLING_PRODUCT, key.code))
        deltas["product_id"] = FieldDelta(None, ref)
    base = next(iter(changes_for({a_desired().key: a_desired()}, {})))
    return Change(key, action, base.reason, deltas, base.slot, an_id(1), (an_id(1),), key.code)


@effort(60)
@given(st.lists(changes(), max_size=8), st.randoms(use_true_random=False))
def test_order_respects_references(listed: list[Change], rng: random.Random) -> None:
    """What is referred to comes first, what is retired comes last, and nothing is lost."""
    ordered = order_changes(listed)
    assert sorted(map(id, ordered)) == sorted(map(id, listed))
    alive = [c for c in ordered if c.action is not Action.RETIRE]
    assert ordered[: len(alive)] == alive
    places = {id(c): place for place, c in enumerate(ordered)}
    for change in alive:
        for ref in change.refs:
            needed = [places[id(c)] for c in alive if c.key == ref.key]
            assert all(place < places[id(change)] for place in needed)
    rng.shuffle(listed)
    assert fingerprint(listed) == fingerprint(ordered) == Plan(tuple(listed)).fingerprint


@effort(60)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=60),
    st.one_of(st.none(), st.integers(1, 40)),
)
def test_every_product_is_either_written_or_deferred(
    queue: list[tuple[bool, int]], most: int | None
) -> None:
    """None twice, none lost, never more than the bound, failed work within its share."""
    base = next(iter(changes_for({a_desired().key: a_desired()}, {})))
    start: datetime = NOW
    work = [
        Work(an_id(n), f"S-{n}", (base,), failed, start - timedelta(days=days))
        for n, (failed, days) in enumerate(queue)
    ]
    now, later = choose(work, most)
    assert sorted(w.owner for w in now + later) == sorted(w.owner for w in work)
    if most is not None:
        assert len(now) == min(most, len(work))
        others = sum(not w.failed_before for w in work)
        share = max(most // 4, most - others)
        assert sum(w.failed_before for w in now) <= share


def test_both_targets_are_covered() -> None:
    """The laws above look at every kind of record."""
    kinds = {record.key.kind for record in records_of(a_row())}
    assert kinds == set(Kind)
    assert {kind.target for kind in kinds} == set(TargetName)
