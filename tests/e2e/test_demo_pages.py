"""`trueup demo --serve` as somebody meets it who has read nothing: look, and put right."""

from __future__ import annotations

import re
import signal
from pathlib import Path

from playwright.sync_api import Browser, expect

from support.browser import visiting
from support.program import program

LINK = re.compile(r"(http://\S+?)(/enter/\S+)")
REFUSED = "BIZ-FBR-001"


def test_what_is_wrong_is_found_and_put_right(browser: Browser, tmp_path: Path) -> None:
    """The link works once; Ctrl-C ends everything, with 0."""
    with program("demo", "--serve", cwd=tmp_path) as process:
        assert process.stdout is not None
        found = next((link for line in process.stdout if (link := LINK.search(line))), None)
        assert found is not None, "the demo ended without a link"
        address, link = found[1], found[2]
        with visiting(browser, address) as visitor:
            page = visitor.go(link)
            expect(page.get_by_role("heading", level=1)).to_contain_text("products agree")
            expect(page.get_by_role("heading", name="What needs you")).to_be_visible()
            before = page.get_by_role("heading", level=1).inner_text()
            page.goto(f"{address}/w/default/products?q={REFUSED}")
            page.get_by_role("link", name=REFUSED, exact=True).click()
            trouble = page.get_by_role("heading", name="What is wrong")
            expect(trouble).to_be_visible()
            page.get_by_role("button", name="Re-sync now").click()
            expect(trouble).to_have_count(0)
            visitor.go(link)
            assert page.get_by_role("heading", level=1).inner_text() != before
        with visiting(browser, address) as stranger:
            answer = stranger.page.goto(f"{address}{link}")
            assert answer is not None
            assert answer.status == 410
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
