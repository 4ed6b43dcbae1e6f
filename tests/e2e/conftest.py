"""What the tests in a browser share: a served site, and Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from playwright.sync_api import Browser

from support import postgres
from support.browser import Visit, Visitor, chromium, running_browser, visiting
from support.showroom import Showroom, open_showroom
from trueup.domain.people import Role


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium for one file: while it is there its driver has an event loop in this thread."""
    if chromium() is None:
        pytest.skip("there is no Chromium: `apt-get install chromium`")
    with running_browser() as found:
        yield found


@pytest.fixture(scope="session")
def room(postgres_server: str, template: str) -> Iterator[Showroom]:
    """One site for all of them; each test that changes something has a product of its own."""
    if chromium() is None:
        pytest.skip("there is no Chromium: `apt-get install chromium`")
    with postgres.fresh_database(postgres_server, template) as url, open_showroom(url) as found:
        yield found


@pytest.fixture
def visit(browser: Browser, room: Showroom) -> Visit:
    """Open a page as somebody of a role, or as nobody."""

    def begin(role: Role | None = None, **options: Any) -> AbstractContextManager[Visitor]:
        session = room.sessions[role] if role else ""
        return visiting(browser, room.address, session, **options)

    return begin
