"""Both directions of every type, without a float in sight."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.domain.errors import TrueupError
from trueup.domain.records import FieldSpec, FieldValue, Kind, RecordKey, Ref
from trueup.zoho.codec import (
    UnreadableError,
    crm_specs,
    decode_json,
    encode_json,
    read,
    read_crm,
    same,
    write,
    write_crm,
)

TYPES = ["text", "textarea", "picklist", "currency", "double", "integer", "bigint"]
TYPES += ["boolean", "date", "datetime", "percent"]
money = st.decimals(-(10**12), 10**12, places=2)
whole = st.integers(-(10**17), 10**17)
plain = st.text(st.characters(codec="utf-8"), max_size=60).filter(lambda t: t != "-None-")
days = st.dates(date(1990, 1, 1)).map(date.isoformat)
canonical: st.SearchStrategy[tuple[str, Any]] = st.one_of(
    st.tuples(st.sampled_from(["text", "textarea", "picklist"]), plain),
    st.tuples(st.just("currency"), money | st.none()),
    st.tuples(st.sampled_from(["integer", "bigint"]), whole | st.none()),
    st.tuples(st.just("double"), whole | money.map(lambda d: read(d, "double")) | st.none()),
    st.tuples(st.just("boolean"), st.booleans() | st.none()),
    st.tuples(st.sampled_from(["date", "datetime"]), days | st.none()),
)
json_values = st.recursive(
    st.none() | st.booleans() | whole | money | st.text(st.characters(codec="utf-8"), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner),
    max_leaves=6,
)


@given(canonical)
def test_what_is_written_reads_back_the_same(typed: tuple[str, FieldValue]) -> None:
    """Through JSON and back, each value is itself again."""
    data_type, value = typed
    sent = decode_json(encode_json({"v": write(value, data_type)}))["v"]
    assert value == read(sent, data_type)


@given(json_values, st.sampled_from(TYPES))
def test_normalising_twice_is_normalising_once(value: Any, data_type: str) -> None:
    once = read(value, data_type)
    assert once == read(once, data_type)


@given(json_values)
def test_unread_values_survive_byte_for_byte(value: Any) -> None:
    """What we only carry through (foreign fields of a PUT) leaves as it came."""
    written = encode_json(value)
    assert written == encode_json(decode_json(written))


@pytest.mark.parametrize("amount", ["899.00", "0.00", "0.10", "123456789012.34", "1.15"])
def test_money_leaves_with_two_places(amount: str) -> None:
    assert f'{{"p":{amount}}}'.encode() == encode_json({"p": write(Decimal(amount), "currency")})


@pytest.mark.parametrize(
    ("data_type", "raw", "value"),
    [
        ("text", None, ""),
        ("text", 24, "24"),
        ("picklist", "-None-", ""),
        ("currency", 899, Decimal("899.00")),
        ("currency", "899.5", Decimal("899.50")),
        ("currency", Decimal("899.005"), Decimal("899.01")),
        ("currency", None, None),
        ("double", Decimal("12.0"), 12),
        ("double", Decimal("12.50"), Decimal("12.5")),
        ("integer", "24", 24),
        ("bigint", "9007199254740993", 9007199254740993),
        ("boolean", "true", True),
        ("boolean", "False", False),
        ("boolean", None, None),
        ("date", "2026-03-01T23:30:00-05:00", "2026-03-01"),
        ("datetime", "2026-03-01T14:00:00+02:00", "2026-03-01"),
        ("date", None, None),
        ("percent", Decimal("12.5"), Decimal("12.5")),
        ("lookup", {"name": "Fibre", "id": "5"}, "5"),
    ],
)
def test_foreign_forms_become_ours(data_type: str, raw: Any, value: FieldValue) -> None:
    assert value == read(raw, data_type)
    assert type(value) is type(read(raw, data_type))


@pytest.mark.parametrize(
    ("data_type", "value", "sent"),
    [
        ("integer", Decimal(24), 24),
        ("text", 24, "24"),
        ("bigint", 9007199254740993, "9007199254740993"),
        ("datetime", "2026-03-01", "2026-03-01T12:00:00+00:00"),
        ("boolean", True, True),
        ("currency", 5, Decimal("5.00")),
        ("picklist", "Hardware", "Hardware"),
    ],
)
def test_our_values_take_the_form_of_the_field(
    data_type: str, value: FieldValue, sent: Any
) -> None:
    assert sent == write(value, data_type)


def test_a_reference_is_never_sent() -> None:
    with pytest.raises(TrueupError):
        write(Ref(RecordKey(Kind.BILLING_PRODUCT, "FIB-1")), "reference")


def test_empty_values_clear_on_update_and_stay_away_on_create() -> None:
    """CRM clears with null; a new record has nothing to clear."""
    specs = {"Description": FieldSpec("Description", "textarea")}
    assert write_crm({"Description": ""}, specs, creating=False) == {"Description": None}
    assert write_crm({"Description": ""}, specs, creating=True) == {}


def test_a_field_that_was_not_read_is_not_empty() -> None:
    specs = {"Unit_Price": FieldSpec("Unit_Price", "currency")}
    assert read_crm({}, specs, ["Unit_Price"]) == {}
    assert read_crm({"Unit_Price": None}, specs, ["Unit_Price"]) == {"Unit_Price": None}


def test_metadata_becomes_specs() -> None:
    """Empty objects mean not set, and what cannot be written is not writable."""
    document = {
        "fields": [
            {"api_name": "A", "data_type": "text", "length": 40, "unique": {}},
            {"api_name": "B", "data_type": "text", "unique": {"casesensitive": False}},
            {"api_name": "C", "data_type": "bigint", "read_only": True},
            {"api_name": "D", "operation_type": {"api_create": True, "api_update": False}},
        ]
    }
    specs = crm_specs(document)
    assert (specs["A"].max_length, specs["A"].unique, specs["A"].writable) == (40, False, True)
    assert [specs["B"].unique, specs["C"].writable, specs["D"].writable] == [True, False, False]


@pytest.mark.parametrize("content", [b"<html></html>", b'{"a":', b"", b"\xff\xfe", b'{"a":NaN}'])
def test_what_is_no_json_is_said_so(content: bytes) -> None:
    with pytest.raises(UnreadableError):
        decode_json(content)


def test_empty_and_none_say_the_same_but_true_and_one_do_not() -> None:
    assert same("", None)
    assert not same(True, 1)
    assert same(Decimal("5.00"), 5)
