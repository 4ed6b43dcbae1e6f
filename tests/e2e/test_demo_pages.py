"""`trueup demo --serve` as somebody meets it who has read nothing: look, and put right.

Everything is found by following what the overview says needs them.
"""

from __future__ import annotations

import re
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect

from support.browser import visiting
from support.program import program, run_cli

LINK = re.compile(r"(http://\S+?)(/enter/\S+)")
REFUSED, HELD, EDITED, TWICE = "BIZ-FBR-001", "DC-PLUS-100", "BIZ-FBR-003", "BIZ-FBR-099"


@contextmanager
def _demo(folder: Path) -> Iterator[tuple[Any, str, str]]:
    """Its process, address and link."""
    with program("demo", "--serve", "--time-scale", "300", cwd=folder) as process:
        assert process.stdout is not None
        found = next((link for line in process.stdout if (link := LINK.search(line))), None)
        assert found is not None, "the demo ended without a link"
        yield process, found[1], found[2]


def test_what_is_wrong_is_found_and_put_right(browser: Browser, tmp_path: Path) -> None:
    """One thing of each sort is wrong. The link works once; Ctrl-C ends everything, with 0."""
    with _demo(tmp_path) as (process, address, link):
        with visiting(browser, address) as visitor:
            page = visitor.go(link)
            expect(page.get_by_role("heading", level=1)).to_contain_text("products agree")
            before = page.get_by_role("heading", level=1).inner_text()
            for mend in (_sync_again, _decide, _decide, _repair, _say_which):
                visitor.leave_for("/")
                mend(page)
            visitor.leave_for("/")
            expect(page.get_by_role("heading", name="What needs you")).to_be_visible()
            for solved in ("approvals", "drift", "duplicates"):
                expect(_need(page, solved)).to_have_count(0)
            assert page.get_by_role("heading", level=1).inner_text() != before
        with visiting(browser, address) as stranger:
            answer = stranger.page.goto(f"{address}{link}")
            assert answer is not None
            assert answer.status == 410
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


def _need(page: Page, where: str) -> Any:
    """What the overview says is needed, by where it leads."""
    needs = page.get_by_role("region", name="What needs you")
    return needs.locator(f'a[href*="/{where}"]')


def _sync_again(page: Page) -> None:
    """Billing had a bad moment."""
    _need(page, "products?why=quarantined").click()
    page.get_by_role("link", name=REFUSED, exact=True).click()
    trouble = page.get_by_role("heading", name="What is wrong")
    expect(trouble).to_be_visible()
    page.get_by_role("button", name="Re-sync now").click()
    expect(trouble).to_have_count(0)


def _decide(page: Page) -> None:
    """A comma has slipped; each target asks."""
    _need(page, "approvals").click()
    chosen = page.locator("form").filter(has=page.get_by_role("checkbox", name=HELD)).first
    expect(chosen).to_contain_text("109.90")
    for box in chosen.get_by_role("checkbox", name=HELD).all():
        box.check()
    chosen.get_by_role("button", name="Reject the chosen").click()
    expect(page.get_by_role("heading", name="What happens next")).to_be_visible()
    page.get_by_label("Why?").fill("a comma slipped")
    page.get_by_role("button", name="Reject", exact=True).click()
    expect(page.get_by_role("heading", name="Rejected")).to_be_visible()


def _repair(page: Page) -> None:
    """Somebody typed into Zoho."""
    _need(page, "drift").click()
    product = page.get_by_role("link", name=EDITED, exact=True)
    expect(page.locator("main li, main tr").filter(has=product)).to_contain_text("1.00")
    page.get_by_text("Repair everything").click()
    page.get_by_label("Why").fill("typed by mistake")
    page.get_by_role("button", name="Repair", exact=True).click()
    expect(page.get_by_text("applied").first).to_be_visible()


def _say_which(page: Page) -> None:
    """One product was made twice by hand."""
    _need(page, "duplicates").click()
    page.get_by_role("link", name="Adopt").first.click()
    page.get_by_role("button", name="Adopt").click()
    expect(page.get_by_role("cell", name=TWICE).get_by_role("link")).to_be_visible()  # bound to


def test_a_port_that_is_taken_is_told_before_anything_is_begun(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        told = run_cli("demo", "--serve", "--port", port, cwd=tmp_path)
    assert told.code == 2
    assert port in told.stderr
    assert "Starting" not in told.stdout
    assert not list(tmp_path.iterdir())


def test_a_port_without_pages_is_a_slip(tmp_path: Path) -> None:
    told = run_cli("demo", "--port", "8080", cwd=tmp_path)
    assert told.code == 2
    assert "--serve" in told.stderr
