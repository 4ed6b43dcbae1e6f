"""Take the pictures of the pages in docs/pages/ from `trueup demo --serve`, in a real Chromium.

`./dev shell`, then `python docs/record_pages.py`; TRUEUP_CHROMIUM names a browser that is not on
the path.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright
from smaller_png import smaller

PICTURES = Path(__file__).with_name("pages")
DESK = {"width": 1280, "height": 800}  # the menu is one row
PHONE = {"width": 390, "height": 844}
LIGHT: dict[str, Any] = {"color_scheme": "light", "viewport": DESK}
DARK: dict[str, Any] = {"color_scheme": "dark", "viewport": DESK}
SMALL: dict[str, Any] = {"color_scheme": "light", "viewport": PHONE, "is_mobile": True}
RUN = "the last run"
SHOTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("overview", "", LIGHT),
    ("overview-dark", "", DARK),
    ("overview-phone", "", SMALL),
    ("products", "/products", LIGHT),
    ("product", "/products/DC-PLUS-100", LIGHT),
    ("approvals", "/approvals", LIGHT),
    ("run", RUN, LIGHT),
    ("drift", "/drift", LIGHT),
    ("health", "/health", LIGHT),
)
_LINK = re.compile(r"(http://\S+?)(/enter/\S+)")
_LONGEST = 1400  # pixels of a page that a picture shows


@contextmanager
def demo() -> Iterator[tuple[str, str]]:
    """The demo, until the end of the block: its address, and the link that lets one in."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"TRUEUP_DATA_DIR": folder, "NO_COLOR": "1"}
        command = [sys.executable, "-c", "from trueup.cli.main import main; main()"]
        command += ["demo", "--serve"]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
        ) as process:
            try:
                lines = process.stdout or ()
                found = next((link for line in lines if (link := _LINK.search(line))), None)
                if found is None:
                    sys.exit("the demo ended before it printed a link")
                yield found[1], found[2]
            finally:
                process.send_signal(signal.SIGINT)


def main() -> None:
    """Take them all."""
    PICTURES.mkdir(exist_ok=True)
    path = os.environ.get("TRUEUP_CHROMIUM") or shutil.which("chromium")
    with demo() as (address, link), sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        with browser.new_context() as context:
            context.new_page().goto(f"{address}{link}")
            signed_in: Any = context.storage_state()
        for name, where, look in SHOTS:
            take(browser, signed_in, f"{address}/w/default", name, where, look)
        browser.close()


def take(
    browser: Browser, signed_in: Any, base: str, name: str, where: str, look: dict[str, Any]
) -> None:
    """One picture, as tall as the page but not taller than a reader will scroll."""
    with browser.new_context(storage_state=signed_in, reduced_motion="reduce", **look) as context:
        page = context.new_page()
        page.goto(base)
        if where == RUN:
            page.goto(f"{base}/runs")
            page.locator("main td a, main th a").first.click()
        elif where:
            answer = page.goto(f"{base}{where}")
            if answer is None or not answer.ok:
                sys.exit(f"{where} cannot be shown")
        page.wait_for_load_state("domcontentloaded")
        tall = min(_LONGEST, int(page.evaluate("document.documentElement.scrollHeight")))
        size = {"width": look["viewport"]["width"], "height": tall}
        page.set_viewport_size(size)  # type: ignore[arg-type]
        _save(page, PICTURES / f"{name}.png")


def _save(page: Page, picture: Path) -> None:
    picture.write_bytes(smaller(page.screenshot(animations="disabled")))
    print(f"{picture.name}: {picture.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
