"""What jobs are limited to, as the queue keeps it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trueup.domain.jobs import RECURRING, JobKind, Terms
from trueup.domain.records import TargetName

texts = st.text(max_size=5)
terms = st.builds(
    Terms,
    skus=st.lists(texts, max_size=2).map(tuple),
    targets=st.sampled_from([(TargetName.CRM,), tuple(TargetName)]),
    max_products=st.none() | st.integers(0, 9),
    dry_run=st.booleans(),
    force=st.booleans(),
    held=st.lists(st.integers(0, 9), max_size=2).map(tuple),
    takes_back=texts,
    exactly=st.none() | st.lists(texts, max_size=2).map(tuple),
    remote_id=texts,
    part=texts,
    reason=texts,
)


@given(terms)
def test_what_is_written_is_read(asked: Terms) -> None:
    """Above all, no change at all is another wish than whatever it comes to."""
    assert Terms.from_json(asked.as_json()) == asked


def test_a_sync_is_written_as_ever() -> None:
    """Scripts and older workers read these keys, and no others."""
    assert Terms().as_json().keys() == {"skus", "targets", "max_products", "dry_run", "force"}


def test_what_a_person_wants_once_is_on_no_schedule() -> None:
    once = {JobKind.APPROVE, JobKind.REVERT, JobKind.ADOPT}
    assert once.isdisjoint(RECURRING)
