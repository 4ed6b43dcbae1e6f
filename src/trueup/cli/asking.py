"""Asking a person: who they are, why, and whether they mean it."""

from __future__ import annotations

import sys
from getpass import getuser
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from trueup.domain.errors import UsageError

if TYPE_CHECKING:
    from trueup.bootstrap import App
    from trueup.ports import Decision

By = Annotated[
    str | None,
    Parameter(name="--by", help="Who decides; by default the login name.", show_default=False),
]
Why = Annotated[str, Parameter(name="--reason", help="Why, for the history.", show_default=False)]
Yes = Annotated[
    bool, Parameter(name="--yes", negative="", help="Do not ask; a script must say so.")
]


def person(by: str | None) -> str:
    """The name of who decides; raises `UsageError` when there is none."""
    name = _login() if by is None else by.strip()
    if not name:
        raise UsageError("a decision needs a person's name", "say it with --by NAME")
    return name


def who_asks() -> str:
    """Who is at the terminal, for lists of jobs and deeds, where nothing is decided."""
    return _login() or "the command line"


def through(by: str | None) -> str:
    """How a deed came about: by a command, and of which login where that is not who decides."""
    login = _login()
    return "cli" if by is None or not login or by.strip() == login else f"cli, as {login}"


def _login() -> str:
    try:
        return getuser()
    except (KeyError, OSError):  # a container without a name for its user
        return ""


def approval(app: App, by: str | None, reason: str) -> Decision:
    """A yes that counts until it expires (`guards.approval_expires`)."""
    from trueup.reconcile.deciding import yes_for

    return yes_for(app.clock.now(), person(by), reason, app.settings.approval_expires)


def confirmed(question: str, *, yes: bool) -> bool:
    """Whether the person says yes; anything but y or yes is a no.

    Raises `UsageError` where nobody can be asked.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError(
            "nobody can be asked here: this is not a terminal", "say --yes to decide in a script"
        )
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().casefold() in ("y", "yes")
