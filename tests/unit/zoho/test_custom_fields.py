"""Making custom fields: once, with what CRM calls them, or why not (zoho-facts §2.2)."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from support.zoho import Zoho, emulated, scripted
from trueup.domain.errors import ScopeError
from trueup.zoho.custom_fields import PATH, NewField, create_fields, describe
from zoho_emulator.app import Emulator
from zoho_emulator.crm.options import CrmOptions
from zoho_emulator.oauth.options import OAuthOptions
from zoho_emulator.options import LimitOptions, Options

COLOUR = NewField("ct_colour", "text", 255)
SEVEN = [NewField(f"ct_size_{n}", "integer", 9) for n in range(7)]


def an_organisation(scope: str = "", **crm: Any) -> tuple[Zoho, Emulator]:
    return emulated(
        Options(
            limits=LimitOptions.unlimited(),
            crm=CrmOptions(**crm),
            oauth=OAuthOptions(scope=scope) if scope else OAuthOptions(),
        )
    )


def writes(emulator: Emulator) -> int:
    return sum(e["path"] == PATH and e["method"] == "POST" for e in emulator.journal())


def test_fields_are_made_and_described() -> None:
    zoho, emulator = an_organisation()
    wanted = [COLOUR, NewField("ct_fee", "currency", 16, 2), NewField("ct_day", "date")]
    made = create_fields(zoho.door, wanted)
    assert [(m.api_name, m.problem, m.existed) for m in made] == [
        (w.name, "", False) for w in wanted
    ]
    specs = describe(zoho.door).specs
    assert [(specs[w.name].data_type, specs[w.name].writable) for w in wanted] == [
        ("text", True), ("currency", True), ("date", True),
    ]  # fmt: skip
    assert specs["ct_colour"].max_length == 255
    assert writes(emulator) == 1


def test_doing_it_twice_is_doing_it_once() -> None:
    zoho, emulator = an_organisation()
    create_fields(zoho.door, [COLOUR])
    again = create_fields(zoho.door, [COLOUR])
    assert [(m.api_name, m.existed) for m in again] == [("ct_colour", True)]
    assert writes(emulator) == 1


def test_five_in_a_request() -> None:
    zoho, emulator = an_organisation()
    assert [m.api_name for m in create_fields(zoho.door, SEVEN)] == [w.name for w in SEVEN]
    assert writes(emulator) == 2


def test_another_name_than_wanted_is_told() -> None:
    """The second time it is found by its label, and not made again."""
    zoho, emulator = an_organisation(api_names_from_labels="capitalised")
    for existed in (False, True):
        [made] = create_fields(zoho.door, [COLOUR])
        assert (made.api_name, made.existed, made.problem) == ("Ct_Colour", existed, "")
    assert writes(emulator) == 1


def test_the_id_tells_the_name_whatever_became_of_the_label() -> None:
    name = {"id": "1", "api_name": "Product_Name", "field_label": "Product Name"}
    made = {"id": "2", "api_name": "CT_Colour", "field_label": "CT colour"}
    done = {"code": "SUCCESS", "details": {"id": "2"}, "message": "", "status": "success"}
    zoho, _ = scripted(
        httpx2.Response(200, json={"fields": [name]}),
        httpx2.Response(201, json={"fields": [done]}),
        httpx2.Response(200, json={"fields": [name, made]}),
    )
    [result] = create_fields(zoho.door, [COLOUR])
    assert (result.api_name, result.problem) == ("CT_Colour", "")


def test_one_that_is_refused_does_not_stop_the_others() -> None:
    zoho, _ = an_organisation()
    wrong = NewField("ct_wrong", "text", 300)
    made = {m.wanted.name: m for m in create_fields(zoho.door, [wrong, COLOUR])}
    assert made["ct_colour"].api_name == "ct_colour"
    assert "INVALID_DATA (length)" in made["ct_wrong"].problem
    assert made["ct_wrong"].api_name == ""


def test_all_refused_has_a_reason_too() -> None:
    zoho, _ = an_organisation()
    [made] = create_fields(zoho.door, [NewField("ct_wrong", "text", 300)])
    assert made.problem


def test_a_missing_permission_is_named_and_nothing_made() -> None:
    zoho, _ = an_organisation(scope="ZohoCRM.settings.fields.READ")
    with pytest.raises(ScopeError, match=r"ZohoCRM\.settings\.fields\.CREATE"):
        create_fields(zoho.door, [COLOUR])


@pytest.mark.parametrize(("fault", "done"), [("reset_after", True), ("reset_before", False)])
def test_an_answer_that_was_lost_is_looked_up(fault: str, *, done: bool) -> None:
    """It is not sent again; what CRM describes is what happened."""
    zoho, emulator = an_organisation()
    emulator.add_faults([{"match": {"path": PATH, "method": "POST", "times": 1}, "do": fault}])
    [made] = create_fields(zoho.door, [COLOUR])
    assert (made.api_name == "ct_colour", bool(made.problem)) == (done, not done)
    assert writes(emulator) == 1
    [again] = create_fields(zoho.door, [COLOUR])
    assert (again.api_name, again.existed) == ("ct_colour", done)


def test_an_answer_that_confirms_nothing_is_looked_up() -> None:
    zoho, emulator = an_organisation()
    emulator.add_faults([{"match": {"path": PATH, "method": "POST"}, "do": "empty_204"}])
    [made] = create_fields(zoho.door, [COLOUR])
    assert (made.api_name, made.problem) == ("ct_colour", "")
