"""Pages in a real Chromium: one browser a session, each test a fresh context.

The browser is Debian's, which `.ci/run` installs; `TRUEUP_CHROMIUM` names another.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Error, Page, expect, sync_playwright

OUT = Path(__file__).parents[2] / ".ci" / "out" / "pages"  # pictures of every page; git ignores it
DESK = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
PATIENCE = 15_000.0  # milliseconds that a page may take on a busy machine
_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_GRAVE = {"serious", "critical"}
_WIDER = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
_AXE = Axe()
expect.set_options(timeout=PATIENCE)


def chromium() -> str | None:
    """Where the browser is; None on a machine without one."""
    named = os.environ.get("TRUEUP_CHROMIUM")
    return named or shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Chromium, without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium(), headless=True, args=list(_QUIET)
        )
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Visitor:
    """Somebody at a browser: a page, and what went wrong on it."""

    page: Page
    address: str
    troubles: list[str]

    def go(self, path: str) -> Page:
        """Open a page of ours; its answer must be a good one."""
        answer = self.page.goto(f"{self.address}{path}", wait_until="load")
        assert answer is not None
        assert answer.status < 400, f"{path}: {answer.status}"
        return self.page

    def leave_for(self, path: str) -> Page:
        """Open another page from one that may load itself again just now, as a job has ended."""
        for _ in range(3):
            with suppress(Error):
                return self.go(path)
        return self.go(path)

    def wide(self) -> bool:
        """Whether one has to scroll sideways."""
        return bool(self.page.evaluate(_WIDER))


Visit = Callable[..., AbstractContextManager[Visitor]]


@contextmanager
def visiting(
    browser: Browser, address: str, session: str = "", **options: Any
) -> Iterator[Visitor]:
    """A visitor with a fresh context. `session` is the token of somebody who has signed in.

    Fails at the end for errors of scripts, refused loads, and requests to anybody else.
    """
    with context_of(browser, address, session, **options) as context:
        page = context.new_page()
        visitor = Visitor(page, address, [])
        _listen(page, visitor)
        yield visitor
        assert visitor.troubles == []


@contextmanager
def context_of(
    browser: Browser, address: str, session: str = "", **options: Any
) -> Iterator[BrowserContext]:
    """A context with a cookie of its own, or with none."""
    chosen: dict[str, Any] = {"viewport": DESK, "reduced_motion": "reduce", "locale": "en-GB"}
    context = browser.new_context(**(chosen | options))
    context.set_default_timeout(PATIENCE)
    if session:
        context.add_cookies([{"name": "trueup_session", "value": session, "url": address}])
    try:
        yield context
    finally:
        context.close()


def _listen(page: Page, visitor: Visitor) -> None:
    def say(kind: str) -> Callable[[Any], None]:
        return lambda found: visitor.troubles.append(f"{kind}: {found}")

    def console(message: Any) -> None:
        # A refused password is an answer of 401, which Chromium's console also tells.
        if message.type == "error" and "the server responded with a status" not in message.text:
            visitor.troubles.append(f"console: {message.text}")

    def request(asked: Any) -> None:
        if not asked.url.startswith((visitor.address, "data:")):
            visitor.troubles.append(f"a request to {asked.url}")

    page.on("pageerror", say("script"))
    page.on("console", console)
    page.on("request", request)


def grave_findings(page: Page, *rules: str) -> list[str]:
    """What axe-core finds serious or critical, with the element it means; by these rules alone."""
    only = {"type": "rule", "values": list(rules)} if rules else {"type": "tag", "values": _TAGS}
    if not page.evaluate("'axe' in window"):
        page.evaluate(_AXE.axe_script)
    found = page.evaluate("axe.run(document, arguments[0])".replace("arguments[0]", _asked(only)))
    return [
        f"{one['id']} ({one['impact']}): {node['html'][:160]}"
        for one in found["violations"]
        if one["impact"] in _GRAVE
        for node in one["nodes"][:3]
    ]


def _asked(only: dict[str, Any]) -> str:
    return json.dumps({"runOnly": only, "resultTypes": ["violations"]})


def picture(page: Page, name: str) -> Path:
    """Keep a picture of the whole page, for whoever looks at what CI has seen."""
    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / f"{name}.png"
    page.screenshot(path=path, full_page=True, animations="disabled")
    return path
