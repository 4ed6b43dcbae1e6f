"""The generated catalogue is the same every time and awkward where it should be."""

from __future__ import annotations

import hashlib
from collections import Counter
from itertools import islice

import msgspec
import pytest

from support.builders import NOW, RULES, a_census
from support.generator import AWKWARD, Edit, Shape, edits, row_at, rows
from trueup.domain.offering import Offering
from trueup.planner.reading import read_row
from trueup.planner.screen import duplicate_finding

SHAPE = Shape(seed=1, size=2000)


def digest(shape: Shape) -> str:
    whole = hashlib.sha256()
    for row in rows(shape):
        whole.update(msgspec.json.encode(row))
    return whole.hexdigest()


def test_the_same_seed_and_size_give_the_same_bytes() -> None:
    """And another seed gives others."""
    assert digest(Shape(1, 300)) == digest(Shape(1, 300))
    assert digest(Shape(1, 300)) != digest(Shape(2, 300))


def test_a_row_does_not_depend_on_the_size() -> None:
    """A larger catalogue begins with the smaller one."""
    assert list(rows(Shape(1, 50))) == list(islice(rows(Shape(1, 5000)), 50))
    assert row_at(SHAPE, 42) == list(rows(SHAPE))[42]


def test_ids_are_unique_and_so_are_skus_of_ordinary_rows() -> None:
    """Duplicates come from awkward rows alone."""
    calm = list(rows(Shape(1, 2000, adversarial=0.0)))
    assert len({row.id for row in calm}) == len({row.sku for row in calm}) == 2000


def test_ordinary_rows_are_read_without_a_finding_about_money() -> None:
    """Every price, term and window of theirs makes sense."""
    troubles = Counter(
        finding.code
        for row in rows(Shape(1, 2000, adversarial=0.0))
        for finding in read_row(row, RULES, NOW)[1]
    )
    assert troubles == {}


@pytest.mark.parametrize(
    "code",
    [
        "sku_missing",
        "price_missing",
        "price_zero",
        "price_contradiction",
        "term_contradiction",
        "name_control_character",
        "dates_contradiction",
        "sku_duplicate",
    ],
)
def test_every_awkward_kind_occurs(code: str) -> None:
    """A fifth of awkward rows in two thousand shows each of them."""
    catalogue = list(rows(Shape(1, 2000, adversarial=0.2)))
    census = a_census(catalogue)
    found = {f.code for row in catalogue for f in read_row(row, RULES, NOW)[1]}
    found |= {f.code for row in catalogue if (f := duplicate_finding(row, census)) is not None}
    assert code in found
    assert len(AWKWARD) > 20


def test_the_shares_are_about_right() -> None:
    """Four of five are on sale, three of ten bring hardware."""
    readings = [read_row(row, RULES, NOW)[0] for row in rows(SHAPE)]
    offerings = [reading for reading in readings if isinstance(reading, Offering)]
    assert 0.6 < len(offerings) / len(readings) < 0.85
    with_devices = sum(bool(offering.devices) for offering in offerings)
    assert 0.2 < with_devices / len(offerings) < 0.4


def test_a_day_later_some_rows_differ() -> None:
    """Prices, texts, retirements, renames, and new rows; the same ones every time."""
    shape = Shape(1, 5000)
    day: list[Edit] = list(edits(shape, 2))
    kinds = Counter(edit.what for edit in day)
    assert {"price", "text", "retired", "new"} <= kinds.keys()
    assert 20 < len(day) < 150
    assert day == list(edits(shape, 2))
    changed = [e for e in day if e.what == "text"]
    assert all(e.row is not None and e.row != row_at(shape, e.index) for e in changed)
