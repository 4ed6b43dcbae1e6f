"""Every page: for everybody's eyes, on every screen, with and without scripts.

The pages are those that the menu leads to, what these lead to, and those for strangers.
"""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page

from support.browser import (
    LINKS,
    ONE,
    PHONE,
    Visit,
    Visitor,
    grave_findings,
    pages_of,
    picture,
)
from support.showroom import Showroom
from trueup.domain.people import Role

LOOKS = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"color_scheme": "light", "viewport": PHONE, "has_touch": True, "is_mobile": True},
}
GROUND = "getComputedStyle(document.body).backgroundColor"


def _name(path: str) -> str:
    """The name of a page's picture: no run's id, so that pictures can be compared."""
    short = ONE.sub("one", path.removeprefix("/w/default")).strip("/")
    return re.sub(r"[^A-Za-z0-9]+", "-", short).strip("-") or "overview"


@pytest.mark.parametrize("look", LOOKS)
def test_nothing_is_in_anybodys_way(visit: Visit, room: Showroom, look: str) -> None:
    """No grave finding of axe-core, nothing wider than the screen, one heading, a title; pictures
    are kept in `.ci/out/pages`."""
    wrong: list[str] = []
    for role, paths in ((None, ["/login", room.invite(f"eyes-{look}")]), (Role.ADMIN, [])):
        with visit(role, **LOOKS[look]) as visitor:
            for path in paths or pages_of(visitor):
                page = visitor.go(path)
                name = "welcome" if "welcome" in path else _name(path)
                picture(page, f"{name}-{look}")
                wrong += [f"{name}: {found}" for found in _wrong_with(page, visitor, look)]
    assert wrong == []


def _wrong_with(page: Page, visitor: Visitor, look: str) -> list[str]:
    found = [] if look == "phone" else grave_findings(page)  # the same page, in the same colours
    if visitor.wide():
        found.append("is wider than the screen")
    if page.locator("h1").count() != 1:
        found.append(f"has {page.locator('h1').count()} first headings")
    if not page.title().endswith(" · Trueup"):
        found.append(f"is called {page.title()!r}")
    return found


def test_dark_is_dark(visit: Visit) -> None:
    brightness = {}
    for look in ("light", "dark"):
        with visit(**LOOKS[look]) as visitor:
            ground = visitor.go("/login").evaluate(GROUND)
            brightness[look] = sum(int(part) for part in re.findall(r"\d+", ground)[:3])
    assert brightness["light"] > 600, brightness
    assert brightness["dark"] < 150, brightness


def test_every_page_can_be_read_without_scripts(visit: Visit) -> None:
    """It says the same first heading, and no less than with them."""
    with visit(Role.ADMIN) as visitor:
        paths = pages_of(visitor)
        told = {path: visitor.go(path).locator("h1").inner_text() for path in paths}
    with visit(Role.ADMIN, java_script_enabled=False) as visitor:
        for path in paths:
            page = visitor.go(path)
            assert page.locator("h1").inner_text() == told[path]
            assert page.locator("main").inner_text().count("\n") > 2, path


def test_no_link_leads_nowhere(visit: Visit) -> None:
    """Every address of ours that a page names is there."""
    with visit(Role.ADMIN) as visitor:
        known: dict[str, str] = {}
        for path in pages_of(visitor):
            for link in visitor.go(path).evaluate(LINKS):
                if link and link.startswith(("/", "?")):
                    known.setdefault(link if link[0] == "/" else f"{path}{link}", path)
        wrong = []
        for link, page in sorted(known.items()):
            answer = visitor.page.request.get(f"{visitor.address}{link}", max_redirects=3)
            if answer.status >= 400:
                wrong.append(f"{page} names {link}: {answer.status}")
    assert wrong == []
