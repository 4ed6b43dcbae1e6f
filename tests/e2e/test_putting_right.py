"""What a person puts right: each test finds its product by the pages, and looks at Zoho afterwards.

A page that waits for a job tells of its end by itself; no test reloads one.
"""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from support.agreement import a_catalogue_row
from support.browser import PHONE, Visit
from support.served import wait_for
from support.showroom import EDITED, HELD, REFUSED, Showroom
from trueup.domain.people import Role


def _look(page: Page) -> None:
    """Ask for a look at everything, and wait until the page shows what it found."""
    page.get_by_role("button", name="Look now").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(
        re.compile(r"products? (differs?|agree)")
    )
    expect(page.get_by_text("A look at everything")).to_have_count(0)


def test_drift_is_found_and_repaired(visit: Visit, room: Showroom) -> None:
    """Somebody typed a price into the CRM: it is shown, repaired, and not found again."""
    with visit(Role.OPERATOR) as visitor:
        page = visitor.go("/w/default/drift")
        _look(page)
        product = page.get_by_role("link", name=EDITED, exact=True)
        row = page.locator("main li, main tr").filter(has=product)
        expect(row).to_contain_text("Unit price")
        row.get_by_role("checkbox").check()
        page.get_by_role("button", name="Repair the selected").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Repair 1 product?")
        page.get_by_label("Why").fill("typed by mistake")
        page.get_by_role("button", name="Repair", exact=True).click()
        expect(row).to_contain_text("applied")
        assert room.crm_price(EDITED) == 504
        _look(page)
        expect(row).to_have_count(0)
    assert room.deeds("asked for a repair") == [("Operator Example", EDITED, "typed by mistake")]
    wait_for(room.quiet)


def test_a_failing_product_is_synced_again_and_becomes_ok(visit: Visit, room: Showroom) -> None:
    """Billing refused it in the night; the page says so, and later that it is well. No mouse."""
    with visit(Role.OPERATOR) as visitor:
        page = visitor.go(f"/w/default/products?q={REFUSED}")
        page.get_by_role("link", name=REFUSED).click()
        trouble = page.get_by_role("heading", name="What is wrong")
        expect(trouble).to_be_visible()
        expect(page.locator("main")).to_contain_text("Invalid value passed")
        room.site.console.good_weather()
        _press_by_keyboard(page, "Re-sync now")
        expect(trouble).to_have_count(0)
        expect(page.locator("dl.sides")).to_contain_text(
            re.compile(r"CRM\s*agrees.*Billing\s*agrees", re.DOTALL)
        )
    wait_for(room.quiet)


def _press_by_keyboard(page: Page, button: str) -> None:
    wanted = page.get_by_role("button", name=button)
    for _ in range(60):
        page.keyboard.press("Tab")
        if wanted.evaluate("one => one === document.activeElement"):
            break
    expect(wanted).to_be_focused()
    page.keyboard.press("Enter")


def test_a_price_is_approved_made_and_taken_back(visit: Visit, room: Showroom) -> None:
    """On a phone. What happens is said before each click, and done after it."""
    with visit(Role.APPROVER, viewport=PHONE, has_touch=True, is_mobile=True) as visitor:
        page = visitor.go("/w/default/approvals")
        expect(page.locator("main")).to_contain_text("501.00")
        page.get_by_role("checkbox", name=f"{HELD}, crm_product/{HELD}").check()
        chosen = page.locator("form").filter(has=page.locator("input:checked"))
        chosen.get_by_role("button", name="Approve the chosen").click()
        expect(page.get_by_role("heading", name="What happens next")).to_be_visible()
        assert room.crm_price(HELD) == 501
        page.get_by_label("Why?").fill("agreed with sales")
        page.get_by_role("button", name="Approve", exact=True).click()
        wait_for(lambda: room.crm_price(HELD) == 100, "the approved price")
        wait_for(room.quiet)
        assert [reason for _, _, reason in room.deeds("approved")] == ["agreed with sales"]

        page = visitor.go("/w/default/runs")
        page.get_by_role("row").nth(1).get_by_role("link").click()
        page.get_by_role("link", name="Take it back").click()
        page.get_by_role("button", name="Look").click()
        page.get_by_label("Why?").fill("sales thought again")
        assert room.crm_price(HELD) == 100
        page.get_by_role("button", name="Take it back").click()
        wait_for(lambda: room.crm_price(HELD) == 501, "the price before it")
    assert [reason for _, _, reason in room.deeds("reverted")] == ["sales thought again"]
    wait_for(room.quiet)


def test_a_run_is_watched_while_zoho_is_slow(visit: Visit, room: Showroom) -> None:
    """From the click to the record of the run, without touching the page again."""
    room.site.fill([a_catalogue_row(8, description="Now with a router")])
    slow = {"match": {"service": "crm", "times": 3}, "do": "slow", "seconds": 1}
    room.site.console.weather(slow)
    with visit(Role.OPERATOR) as visitor:
        page = visitor.go("/w/default/runs")
        page.get_by_role("button", name="Run now").click()
        expect(page.get_by_role("heading", name="Run on its way")).to_be_visible()
        expect(page.locator("[data-live]")).to_contain_text("requests in the last")
        expect(page.get_by_role("heading", name="Run of")).to_be_visible()
        expect(page.locator("main")).to_contain_text("FIB-0008")
    room.site.console.good_weather()
    wait_for(room.quiet)
