"""Signing in as a person does it: with a form, with a link, with nothing but a keyboard."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from support.browser import Visit, Visitor
from support.showroom import PASSWORD, Showroom
from trueup.domain.people import Role

FOCUSED = "document.activeElement.name || document.activeElement.innerText"
OUTLINED = "getComputedStyle(document.activeElement).outlineStyle"


def _enter(page: Page, login: str, password: str) -> None:
    page.get_by_label("Login").fill(login)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_one_comes_back_to_the_page_that_was_asked_for_and_signs_out(visit: Visit) -> None:
    with visit() as visitor:
        page = visitor.go("/w/default?from=mail")
        assert "/login?next=" in page.url
        _enter(page, "viewer", PASSWORD)
        expect(page).to_have_url(f"{visitor.address}/w/default?from=mail")
        page.get_by_text("Viewer Example").click()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        visitor.go("/w/default")
        assert "/login" in page.url


def test_a_link_lets_somebody_choose_a_password_once(visit: Visit, room: Showroom) -> None:
    link = room.invite("newcomer")
    with visit() as visitor:
        page = visitor.go(link)
        page.get_by_label("New password").fill(PASSWORD)
        page.get_by_role("button", name="Save and sign in").click()
        expect(page.get_by_text("Newcomer", exact=True)).to_be_visible()
    with visit() as visitor:
        answer = visitor.page.goto(f"{visitor.address}{link}")
        assert answer is not None
        assert answer.status == 410
        _sign_in_by_keyboard(visitor, "newcomer")


def _sign_in_by_keyboard(visitor: Visitor, login: str) -> None:
    page = visitor.go("/login")
    assert page.evaluate(FOCUSED) == "login"
    for text, following in ((login, "password"), (PASSWORD, "Sign in")):
        page.keyboard.type(text)
        page.keyboard.press("Tab")
        assert page.evaluate(FOCUSED) == following
    page.keyboard.press("Enter")
    expect(page.get_by_text("Newcomer", exact=True)).to_be_visible()


def test_by_keyboard_alone(visit: Visit) -> None:
    """The first stop skips the menu, every stop is seen, and menus open and close."""
    with visit(Role.VIEWER) as visitor:
        page = visitor.go("/w/default")
        page.keyboard.press("Tab")
        expect(page.locator(":focus")).to_have_text("Skip to the content")
        assert page.locator(":focus").bounding_box()["x"] >= 0
        seen = []
        for _ in range(40):
            page.keyboard.press("Tab")
            assert page.evaluate(OUTLINED) == "solid", page.evaluate(FOCUSED)
            seen.append(page.evaluate(FOCUSED).strip())
            if seen[-1] == "Viewer Example":
                break
        assert seen[:2] == ["Trueup", "Overview"]
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Sign out")).to_be_visible()
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Sign out")).to_be_hidden()


@pytest.mark.parametrize("elsewhere", ["https://elsewhere.example/", "//elsewhere.example"])
def test_signing_in_leads_nowhere_else(visit: Visit, elsewhere: str) -> None:
    with visit() as visitor:
        page = visitor.go(f"/login?next={elsewhere}")
        _enter(page, "viewer", PASSWORD)
        expect(page).to_have_url(f"{visitor.address}/w/default")


def test_wrong_passwords_are_refused_and_then_have_to_wait(visit: Visit) -> None:
    """The last one here: everybody at this address has to wait then."""
    with visit() as visitor:
        page = visitor.go("/login")
        _enter(page, "nobody-here", "an invented wrong one")
        alert = page.get_by_role("alert")
        expect(alert).to_contain_text("do not belong together")
        answers = []
        for _ in range(40):
            with page.expect_response("**/login") as answered:
                _enter(page, "nobody-here", "an invented wrong one")
            answers.append(answered.value.status)
            if answers[-1] == 429:
                break
        assert answers[-1] == 429, answers
        assert set(answers[:-1]) <= {401}
        expect(alert).to_contain_text("second")
