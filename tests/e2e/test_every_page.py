"""Every page: for everybody's eyes, on every screen, with and without scripts.

The pages are the routes of the app, each found by its links from the overview: a page that is new
is looked at by itself, and one that no link leads to fails.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urljoin

import httpx2
import pytest
from playwright.sync_api import Browser, Page

from support.all_routes import ways
from support.browser import DESK, PHONE, Visit, Visitor, grave_findings, picture, visiting
from support.links import read
from support.served import deployed, settings_of, wait_for
from support.showroom import TWICE, Showroom
from support.tour import Tour
from trueup.domain.people import Role
from trueup.web.app import make_app

START = "/w/default"
NO_PAGES = (".csv", "/events", "/moves", "/")  # files, streams, and what leads on to a page
# Linked from where there is much to decide, and while somebody waits.
AT_TIMES = (f"{START}/approvals/by/price_fall/crm", f"{START}/jobs/1")
PROBLEMS = (f"{START}/no-such-page", f"{START}/products/NONE-1", f"{START}/runs/no-such-run")
IN_THE_DARK = {"overview", "runs-run-id", "products-id-offering-id", "trends", "login"}
FORMS = "main form[method=post]"
GROUND = "getComputedStyle(document.body).backgroundColor"


@pytest.fixture(scope="module")
def tour(room: Showroom) -> Iterator[Tour]:
    """An admin follows all links, after a look at everything."""
    signed_in = {"trueup_session": room.sessions[Role.ADMIN]}
    found = Tour(room.address)
    with (
        httpx2.Client(base_url=room.address, cookies=signed_in, follow_redirects=True) as client,
        deployed(settings_of(room.site.env)) as deployment,
    ):
        for what in ("drift/look", "duplicates/search"):
            page = client.get(f"{START}/{what.partition('/')[0]}").text
            [token, *_] = re.findall(r'name="form_token" value="(\w+)"', page)
            client.post(f"{START}/{what}", data={"form_token": token})
        wait_for(room.quiet)
        routes = [way.path for way in ways(make_app(deployment)) if way.method == "GET"]
        for start in ("/", *AT_TIMES):
            found.walk(client, start, routes)
        yield found


def test_every_page_is_linked_and_no_link_leads_nowhere(tour: Tour, room: Showroom) -> None:
    """Every address of ours that a page names is there, with the part that is meant."""
    assert "\n".join(tour.troubles) == ""
    with deployed(settings_of(room.site.env)) as deployment:
        pages = {
            way.path
            for way in ways(make_app(deployment))
            if way.method == "GET" and way.is_page and not way.path.endswith(NO_PAGES)
        }
    assert sorted(pages - set(tour.pages)) == []


def test_nothing_is_in_anybodys_way(visit: Visit, tour: Tour, room: Showroom) -> None:
    """No grave finding of axe-core, nothing wider than the screen, a title, the same heading as
    without scripts; pictures are kept in `.ci/out/pages`."""
    wrong: list[str] = []
    for role, paths in (
        (None, ["/login", room.invite("eyes")]),
        (Role.ADMIN, [path for path in tour.pages.values() if path in tour.said] + [*PROBLEMS]),
    ):
        with visit(role, color_scheme="light") as visitor:
            for path in paths:
                wrong += [f"{path}: {found}" for found in _looked_at(visitor, path, tour)]
    assert wrong == []


def _looked_at(visitor: Visitor, path: str, tour: Tour) -> Iterator[str]:
    page, name = visitor.page, _name(path, tour)
    page.set_viewport_size(DESK)
    page.emulate_media(color_scheme="light")
    page.goto(f"{visitor.address}{path}", wait_until="load")
    headings = page.locator("h1").all_inner_texts()
    if path in tour.said and headings != tour.said[path].headings:
        yield f"says {headings} with scripts, {tour.said[path].headings} without"
    if len(headings) != 1 or not page.title().endswith(" · Trueup"):
        yield f"is called {page.title()!r}, and says {headings}"
    yield from grave_findings(page)
    yield from _pictured(visitor, f"{name}-light")
    page.emulate_media(color_scheme="dark")
    yield from (f"in the dark: {found}" for found in grave_findings(page, "color-contrast"))
    if name in IN_THE_DARK:
        yield from _pictured(visitor, f"{name}-dark")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(PHONE)
    yield from _pictured(visitor, f"{name}-phone")


def _pictured(visitor: Visitor, name: str) -> Iterator[str]:
    picture(visitor.page, name)
    if visitor.wide():
        yield f"{name} is wider than the screen"


def _name(path: str, tour: Tour) -> str:
    """The name of a page's picture: that of its route, so that pictures can be compared."""
    route = next((route for route, one in tour.pages.items() if one == path), path)
    route = "/welcome" if path.startswith("/welcome/") else route.removeprefix("/w/{workspace}")
    return re.sub(r"[^A-Za-z0-9]+", "-", route).strip("-") or "overview"


def test_dark_is_dark(browser: Browser, room: Showroom) -> None:
    with visiting(browser, room.address, color_scheme="light") as visitor:
        page = visitor.go("/login")
        light = _brightness(page)
        page.emulate_media(color_scheme="dark")
        dark = _brightness(page)
    assert light > 600, dark
    assert dark < 150, light


def _brightness(page: Page) -> int:
    return sum(int(part) for part in re.findall(r"\d+", page.evaluate(GROUND))[:3])


def test_every_page_with_a_script_can_be_read_without(visit: Visit, tour: Tour) -> None:
    """What is there to be read is shown, and is not less than with scripts."""
    paths = [path for path in tour.pages.values() if path in tour.said and tour.said[path].scripts]
    assert len(paths) > 2, paths
    told = []
    for scripts in (True, False):
        with visit(Role.ADMIN, java_script_enabled=scripts) as visitor:
            told.append({path: _lines(visitor, path) for path in paths})
    with_scripts, without = told
    less = {path: lines - without[path] for path, lines in with_scripts.items()}
    assert {path: lines for path, lines in less.items() if len(lines) > 2} == {}


def _lines(visitor: Visitor, path: str) -> set[str]:
    """What stands there; times go on meanwhile."""
    text = visitor.go(path).locator("main").inner_text()
    return {re.sub(r"\d+", "0", line).strip() for line in text.splitlines() if line.strip()}


def test_a_viewer_looks_and_cannot_write(visit: Visit, tour: Tour, room: Showroom) -> None:
    """No page has a form for them, and what an admin's pages send is refused from their hand."""
    pages = [path for path in tour.pages.values() if path in tour.said]
    sends = {urljoin(path, one) for path in pages for one in tour.said[path].sends}
    own = {one for one in sends if one.startswith(f"{START}/account")}
    assert len(sends - own) > 9, sends
    with visit(Role.VIEWER) as visitor:
        shown = [path for path in pages if _is_shown(visitor, path)]
        assert len(shown) > 9, shown
        with_forms = {path for path in shown if visitor.go(path).locator(FORMS).count()}
        assert {path.removeprefix(START) for path in with_forms} <= {"/account"}
        token = visitor.go(START).locator("[name=form_token]").first.input_value()
        answers = {
            one: visitor.page.request.post(
                f"{visitor.address}{one}", form={"form_token": token}, max_redirects=0
            ).status
            for one in sorted(sends - own)
        }
    assert set(answers.values()) == {403}, answers
    assert room.quiet()


def _is_shown(visitor: Visitor, path: str) -> bool:
    """Whether this person may see it at all; in plain text it is quickly known."""
    answer = visitor.page.request.get(f"{visitor.address}{path}")
    return answer.status == 200 and bool(read(answer.text()).headings)


def test_a_link_that_leads_nowhere_is_seen() -> None:
    """The reader of pages finds links, forms that ask, and headings."""
    page = '<h1>One</h1><a href="/a">a</a><form action="/b"><input name="c" value="1"><button>'
    found = read(page)
    assert (found.headings, found.links) == (["One"], ["/a", "/b?c=1"])


def test_the_showroom_has_a_record_twice(tour: Tour) -> None:
    """Else nobody would see the page on which one is adopted."""
    assert any(TWICE in link for said in tour.said.values() for link in said.links)
