"""What was written down of who did what."""

from __future__ import annotations

from getpass import getuser
from typing import Any

from support.site import Site

BY_LOGIN = (getuser(), "cli")  # who, and through what, where a command was not told --by
ACTED = f"cli, as {getuser()}"  # through what, where it was


def deeds(site: Site) -> list[tuple[Any, ...]]:
    """Who, through what, did what to what, and why; the oldest first."""
    return site.sql("select who, via, action, subject, reason from trueup.deed order by deed_id")


def states(site: Site) -> tuple[Any, Any]:
    """Before and after, of the last deed."""
    [found] = site.sql("select before, after from trueup.deed order by deed_id desc limit 1")
    return found[0], found[1]
