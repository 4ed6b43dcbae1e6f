"""The query of the cron endpoint: what is not exactly right starts nothing."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import parse_qsl

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trueup.web.query import MOST_PRODUCTS, Asked, read_query
from trueup.web.refusals import Refusal

NAMES = ("dryRun", "maxProducts", "wait", "workspace")


def parsed(query: str) -> Asked:
    return read_query(parse_qsl(query, keep_blank_values=True))


def refused(query: str) -> Refusal:
    with pytest.raises(Refusal) as caught:
        parsed(query)
    assert caught.value.status == 400
    return caught.value


def test_an_empty_query_waits_for_a_real_run() -> None:
    assert parsed("") == Asked(dry_run=False, max_products=None, wait=True, workspace=None)


def test_each_parameter_is_read() -> None:
    asked = parsed("dryRun=true&maxProducts=250&wait=FALSE&workspace=acme")
    assert asked == Asked(dry_run=True, max_products=250, wait=False, workspace="acme")


@pytest.mark.parametrize(
    "text",
    ["", "0", "10001", "-1", "+1", "1.0", "1e3", " 1", "1 ", "٣", "0x10", "007", "1_0", "true",
     "99999999999999999999", "\uff11\uff10"],
)  # fmt: skip
def test_a_number_that_is_none_says_what_is_expected(text: str) -> None:
    with pytest.raises(Refusal) as caught:
        read_query([("maxProducts", text)])
    assert "from 1 to 10000" in caught.value.error


@pytest.mark.parametrize("text", ["", "1", "yes", "tru\u0435", "true ", "\u017f"])
@pytest.mark.parametrize("name", ["dryRun", "wait"])
def test_a_flag_is_true_or_false(name: str, text: str) -> None:
    with pytest.raises(Refusal) as caught:
        read_query([(name, text)])
    assert caught.value.error == f"{name}: expected true or false"


@pytest.mark.parametrize("name", NAMES)
def test_twice_is_refused_even_when_both_agree(name: str) -> None:
    value = {"maxProducts": "5", "workspace": "acme"}.get(name, "true")
    assert "once" in refused(f"{name}={value}&{name}={value}").error


def test_a_slip_of_the_pen_is_no_real_run() -> None:
    assert "did you mean dryRun?" in refused("dryrun=true").remedy


def test_an_unknown_parameter_is_not_repeated() -> None:
    """Whoever puts the secret into the address does not find it in the answer and in the logs."""
    refusal = refused("hidden-word=1")
    assert "hidden-word" not in refusal.error + refusal.remedy


@given(st.integers())
@example(1)
@example(MOST_PRODUCTS)
@example(MOST_PRODUCTS + 1)
def test_exactly_the_numbers_in_the_range_pass(number: int) -> None:
    if 1 <= number <= MOST_PRODUCTS:
        assert parsed(f"maxProducts={number}").max_products == number
    else:
        refused(f"maxProducts={number}")


@given(st.lists(st.tuples(st.sampled_from(NAMES) | st.text(), st.text()), max_size=4))
def test_any_query_is_read_or_refused(pairs: list[tuple[str, str]]) -> None:
    """And what is read says the same when it is written again."""
    with suppress(Refusal):
        asked = read_query(pairs)
        assert asked == read_query(_written(asked))
        assert {name for name, _ in pairs} <= {name for name, _ in _written(asked)}


def _written(asked: Asked) -> list[tuple[str, str]]:
    known = {
        "dryRun": str(asked.dry_run),
        "wait": str(asked.wait),
        "maxProducts": None if asked.max_products is None else str(asked.max_products),
        "workspace": asked.workspace,
    }
    return [(name, text) for name, text in known.items() if text is not None]
