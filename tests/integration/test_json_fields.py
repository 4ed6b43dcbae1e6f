"""Field values survive a jsonb column with their types."""

from __future__ import annotations

from decimal import Decimal

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trueup.domain.changes import FieldDelta
from trueup.domain.records import FieldValue, Kind, RecordKey, Ref
from trueup.postgres.jsonfields import (
    dump,
    dump_fields,
    load_deltas,
    load_fields,
    plain,
    plain_deltas,
)
from trueup.postgres.pool import connect

_MONEY = st.decimals(min_value="-99999999.99", max_value="99999999.99", places=2)
_FINER = st.decimals(min_value="-9999", max_value="9999", allow_nan=False, places=6)
_CODES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
_VALUES: st.SearchStrategy[FieldValue] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(min_value=-(2**62), max_value=2**62),
    _MONEY,
    _FINER,
    _MONEY.map(lambda amount: amount.to_integral_value().normalize()),
    _CODES,
    st.builds(Ref, st.builds(RecordKey, st.sampled_from(Kind), _CODES)),
)
_FIELDS = st.dictionaries(st.text("abcdefgh_", min_size=1), _VALUES, max_size=6)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(pages=st.lists(_FIELDS, min_size=1, max_size=20))
def test_fields_round_trip(database_url: str, pages: list[dict[str, FieldValue]]) -> None:
    """What comes back is equal, of the same type, and no number was a float."""
    with connect(database_url) as connection:
        for fields in pages:
            [text] = _through(connection, dump_fields(fields))
            found = load_fields(text)
            assert fields == found
            assert all(type(value) is type(found[name]) for name, value in fields.items())


def test_deltas_round_trip(database_url: str) -> None:
    """Before and after, a price as a number with two places."""
    ref = Ref(RecordKey(Kind.BILLING_PRODUCT, "A/B"))
    deltas = {
        "price": FieldDelta(Decimal("899.00"), Decimal(949)),
        "product_id": FieldDelta(None, ref),
        "cycles": FieldDelta(-1, 24),
    }
    with connect(database_url) as connection:
        [text] = _through(connection, dump(plain_deltas(deltas)))
    assert '"price": [899.00, 949.00]' in text
    assert deltas == load_deltas(text)


def test_a_nul_becomes_visible() -> None:
    """Postgres cannot keep it, and losing the whole outcome for it would be worse."""
    assert plain("a\0b") == "a\ufffdb"


def test_nan_is_no_amount() -> None:
    """It is refused where it would be written."""
    with pytest.raises(ValueError, match="not an amount"):
        plain(Decimal("NaN"))


def _through(connection: psycopg.Connection, text: str) -> tuple[str]:
    row = connection.execute("select %s::jsonb::text", [text]).fetchone()
    assert row is not None
    return (row[0],)
