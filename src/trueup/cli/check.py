"""`trueup check`: the preflight, from the configuration to the last field of CRM."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from trueup.cli import output
from trueup.cli.selectors import Json
from trueup.domain.errors import UsageError

if TYPE_CHECKING:
    from trueup.views.preflight import Findings, Line

_STYLES = {
    "ok": "green", "note": "cyan", "warn": "yellow", "fail": "bold red", "skipped": "dim",
}  # fmt: skip
_WIDTH = 21  # of the column that names the question
_INDENT = " " * 9


def check(
    *,
    fix: Annotated[
        bool,
        Parameter(
            name="--fix",
            negative="",
            show_default=False,
            help="Offer to make the custom fields (ct_…) of the mapping that CRM lacks.",
        ),
    ] = False,
    yes: Annotated[
        bool,
        Parameter(
            name="--yes",
            negative="",
            show_default=False,
            help="With --fix: make them without asking, for scripts.",
        ),
    ] = False,
    json: Json = False,
) -> int:
    """Look at everything that a run relies on, and say what to do where it lacks.

    Configuration, database, schema, catalogue, credentials, region, token,
    scopes, organisations, CRM fields and layouts, Billing, rate and lock.
    Nothing is written without --fix, but a token is fetched where none is
    valid, and about 25 requests are sent.

    Ends with 0 (also with warnings), 1 when something fails, 2 when the
    configuration or the database does, 4 when credentials or scopes do.

    For example:
      trueup check
      trueup check --fix
      trueup check --json | jq '.lines[] | select(.verdict == "fail")'
    """
    from trueup.bootstrap import open_app
    from trueup.settings import load
    from trueup.views.checking import as_json, ask_everything
    from trueup.views.preflight import Findings
    from trueup.views.preflight_fix import Fix

    if yes and not fix:
        raise UsageError("--yes belongs to --fix", "`trueup check --fix --yes`")
    found = Findings((lambda _: None) if json else _tell)
    fixing = Fix(requested=fix, agreed=lambda question: yes or (not json and _asked(question)))
    with open_app(load(), person=True) as app:
        ask_everything(app, found, fixing)
    if json:
        output.print_json(as_json(found) | ({"fixes": fixing.document()} if fix else {}))
    else:
        output.say()
        output.say(_conclusion(found), _STYLES[found.verdict.value])
    return found.exit_code


def _asked(question: str) -> bool:
    """One question, where a person is at the terminal; anything but a yes is a no."""
    if not (output.on_terminal() and sys.stdin.isatty()):
        return False
    sys.stdout.write(f"{question} [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _tell(line: Line) -> None:
    word = line.verdict.value
    output.say(f"{word:<8} {line.check:<{_WIDTH}} {line.detail}", _STYLES[word])
    if line.remedy:
        output.say(f"{_INDENT}→ {line.remedy}")


def _conclusion(found: Findings) -> str:
    counts = Counter(line.verdict.value for line in found.lines)
    said = ", ".join(f"{counts[word]} {word}" for word in _STYLES if counts[word])
    return f"{found.verdict.value}: {said}"
