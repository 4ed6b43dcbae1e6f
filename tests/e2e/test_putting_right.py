"""What a person puts right: each test finds its product by the pages, and looks at Zoho afterwards.

A page that waits for a job tells of its end by itself; no test reloads one.
"""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from support.browser import Visit
from support.served import wait_for
from support.showroom import EDITED, Showroom
from trueup.domain.people import Role

OTHERS_FORMS = "form[method=post]:not([action='/logout'])"


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
        row = page.get_by_role("row").filter(has_text=EDITED)
        expect(row).to_contain_text("Unit_Price")
        row.get_by_role("checkbox").check()
        page.get_by_role("button", name="Repair the selected").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Repair 1 product?")
        page.get_by_label("Why").fill("typed by mistake")
        page.get_by_role("button", name="Repair", exact=True).click()
        expect(row).to_contain_text("applied")
        assert room.crm_price(EDITED) == 504
        _look(page)
        expect(row).to_have_count(0)
    assert room.deeds("repair drift") == [("Operator Example", EDITED, "typed by mistake")]
    wait_for(room.quiet)
