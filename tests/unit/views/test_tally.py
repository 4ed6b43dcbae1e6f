"""Answers that are kept for seconds: until when, for whom, and by whom they are asked."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest

from trueup.views.tally import GOOD_FOR, Lately


class Counting:
    """A clock and a question; the answer says how often it was asked."""

    def __init__(self) -> None:
        self.now = 0.0
        self.asked = 0
        self.lately = Lately(lambda: self.now)

    def ask(self) -> int:
        self.asked += 1
        return self.asked

    def good(self, question: str = "how many", circumstances: object = "a run") -> int:
        return self.lately.good(question, circumstances, self.ask)


def test_an_answer_is_good_for_seconds() -> None:
    count = Counting()
    assert [count.good(), count.good()] == [1, 1]
    count.now = GOOD_FOR - 0.001
    assert count.good() == 1
    count.now = GOOD_FOR
    assert [count.good(), count.good()] == [2, 2]


def test_it_is_asked_again_at_once_when_something_has_moved() -> None:
    count = Counting()
    assert [count.good(circumstances="a run"), count.good(circumstances="another")] == [1, 2]
    assert count.good(circumstances="a run") == 3


def test_each_question_has_its_own_answer() -> None:
    count = Counting()
    assert [count.good("how many"), count.good("which"), count.good("how many")] == [1, 2, 1]


def test_one_asks_and_the_others_wait_for_the_answer() -> None:
    count, together, asking, go_on = Counting(), Barrier(4), Event(), Event()

    def ask() -> int:
        asking.set()
        assert go_on.wait(10)
        return count.ask()

    def visit() -> int:
        together.wait(10)
        return count.lately.good("how many", "a run", ask)

    with ThreadPoolExecutor(4) as visitors:
        found = [visitors.submit(visit) for _ in range(4)]
        assert asking.wait(10)
        assert count.good("another question") == 1  # nobody else is kept waiting
        go_on.set()
        assert [one.result(10) for one in found] == [2, 2, 2, 2]


def test_a_question_that_failed_is_asked_again() -> None:
    count = Counting()

    def fail() -> int:
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 (raised three lines above)
        count.lately.good("how many", "a run", fail)
    assert count.good() == 1
