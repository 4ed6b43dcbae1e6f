"""The program `trueup`: its commands, and what every command does about an error.

Commands are named here and imported when they are called, so that `--help` stays quick.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError, Group

from trueup import __version__
from trueup.cli.output import complain
from trueup.domain.errors import DatabaseUnavailableError, TrueupError

_EPILOGUE = """Exit codes: 0 done, 1 something failed or differs, 2 wrong usage or
configuration, 3 held for a person, 4 credentials or permission, 75 another
run holds the lock.

Of several workspaces, --workspace NAME (or TRUEUP_WORKSPACE) says which one a
command is about; `trueup workspaces` lists them.

Start with `trueup demo`: it needs no account and no server."""

_JOB = Group("The job", sort_key=1)
_LOOK = Group("Looking", sort_key=2)
_SET_UP = Group("Setting up", sort_key=3)

_COMMANDS = (
    ("run", "run:run", _JOB, "Plan and apply: bring both targets into agreement."),
    ("plan", "run:plan", _JOB, "Show what a run would change, and why. Writes nothing."),
    ("drift", "drift:drift", _JOB, "Compare everything, whatever was verified when."),
    ("backfill", "run:backfill", _JOB, "The job over the whole catalogue, without a limit."),
    ("resync", "run:resync", _JOB, "Lift back-off from products and reconcile them now."),
    ("adopt", "adopt:adopt", _JOB, "Say which remote record is a product's."),
    ("revert", "revert:revert", _JOB, "Take back what a run changed."),
    ("serve", "serve:serve", _JOB, "Endpoints, schedules and a worker in one process."),
    ("worker", "worker:worker", _JOB, "Carry out jobs as they come, on any number of machines."),
    ("cancel", "jobs:cancel", _JOB, "Stop a job or a run, wherever it runs."),
    ("approve", "decide:approve", _JOB, "Let pass what a guard holds, and make it at once."),
    ("reject", "decide:reject", _JOB, "Say no to what a guard holds."),
    ("held", "decide:held", _LOOK, "What waits for a person, and why."),
    ("status", "monitor:status", _LOOK, "How the products stand, and the last run."),
    ("errors", "monitor:errors", _LOOK, "What fails, why, and when it is tried again."),
    ("runs", "monitor:runs", _LOOK, "The last runs, or one of them in full."),
    ("products", "products:products", _LOOK, "The products, or one of them field by field."),
    ("history", "monitor:history", _LOOK, "Every change to a product, before and after."),
    ("duplicates", "duplicates:duplicates", _LOOK, "Records that are one thing twice."),
    ("jobs", "jobs:jobs", _LOOK, "What waits, what runs and where; the workers."),
    ("schedule", "schedule:schedule", _LOOK, "What is due next, in local time and UTC."),
    ("verify", "verify:verify", _LOOK, "Whether all sides say the same; a report for finance."),
    ("limits", "monitor:limits", _LOOK, "Requests, windows, pauses and the token."),
    ("alert", "alert:app", _LOOK, "What is wrong now and who was told; a test message."),
    ("deeds", "deeds:deeds", _LOOK, "Who did what, and why."),
    ("trends", "monitor:trends", _LOOK, "Runs over time: duration, changes, failures."),
    ("demo", "demo:demo", _SET_UP, "The whole job on an emulator. Needs nothing."),
    ("check", "check:check", _SET_UP, "Preflight: everything that a run relies on."),
    ("config", "config:config", _SET_UP, "The effective settings and where they come from."),
    ("workspaces", "workspaces:workspaces", _SET_UP, "The workspaces, and how each stands."),
    ("db", "database:app", _SET_UP, "Create or migrate the database, load a catalogue."),
    ("auth", "auth:app", _SET_UP, "Get a refresh token; the state of the access token."),
    ("user", "user:app", _SET_UP, "Who may use the pages, and as what."),
    ("token", "tokens:app", _SET_UP, "What programs use the API with."),
    ("emulator", "emulator:emulator", _SET_UP, "Start the Zoho emulator."),
)

_WORKSPACE = "--workspace"
_OF_ALL = ("worker", "serve", "demo", "emulator")  # there is no workspace to name

# What a group of commands says of itself. It is one object for the whole process, so that the
# short text above would stay with it: it is always told which one to show.
_GROUPS = {
    "runs": """The last runs, the newest first, or one of them in full: `trueup runs show ID`.

The counts are products: looked at, in agreement after the run (CRM/Billing),
failed, held.

For example:
  trueup runs
  trueup runs --limit 5 --json
  trueup runs show cli-20260302""",
    "products": """The products by SKU, or one of them field by field: `trueup products show SKU`.

Needs no credentials and sends nothing to Zoho.

For example:
  trueup products --search fibre --standing failed
  trueup products --why quarantined --json
  trueup products show FIB-100""",
    "db": """Create or migrate the database, show its state, load a catalogue.

For example:
  trueup db upgrade
  trueup db import catalogue.json""",
    "auth": """Get a refresh token; the state of the access token.

For example:
  trueup auth url
  trueup auth exchange 1000.the-code-from-that-page
  trueup auth status""",
    "token": """What programs use the API with: tokens, each with a name, a role and an end.

For example:
  trueup token add dashboard
  trueup token list
  trueup token revoke dashboard""",
    "alert": """What is wrong now and who was told; whether messages arrive.

For example:
  trueup alert list
  trueup alert test""",
}


def build(called: str = "") -> App:
    """The program with all its commands.

    The short texts are for the list of commands; the one that is `called` speaks for itself.
    """
    program = App(
        name="trueup",
        help=f"Keeps a product catalogue and its copies at Zoho in agreement.\n\n{_EPILOGUE}",
        version=__version__,
        help_format="plaintext",
        result_action="return_value",
    )
    for name, place, group, text in _COMMANDS:
        shown = _GROUPS.get(name) if name == called else text
        program.command(f"trueup.cli.{place}", name=name, help=shown, group=group)
    return program


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and leave with its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    _open_what_was_closed()
    code = _call_for_workspace(given)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def _open_what_was_closed() -> None:
    """A scheduler may start us without stdout or stderr; writing there must not end a run."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(nowhere, "r" if name == "stdin" else "w"))


def _call_for_workspace(given: list[str]) -> int:
    """Any command takes `--workspace NAME`, anywhere: it is taken out before the command looks."""
    names, rest, words = [], [], iter(given)
    for word in words:
        if word == "--":
            rest += [word, *words]
        elif word == _WORKSPACE:
            names.append(next(words, ""))
        elif word.startswith(f"{_WORKSPACE}="):
            names.append(word.partition("=")[2])
        else:
            rest.append(word)
    if not names:
        return _call(given)
    if not names[-1] or names[-1].startswith("-"):
        return _refuse(given, f"{_WORKSPACE} needs a name", "`trueup workspaces` lists them", 2)
    if _called(rest) in _OF_ALL:
        return _refuse(given, f"`{_command(rest)}` is about no single workspace", "", 2)
    from trueup.settings.workspaces import choose

    with choose(names[-1]):
        return _call(rest)


def _call(given: list[str]) -> int:
    try:
        result = build(_called(given))(given, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        return _refuse(given, str(error).strip(), f"`{_command(given)} --help` shows how", 2)
    except TrueupError as error:
        return _refuse(given, error.message, error.remedy, error.exit_code)
    except BrokenPipeError:
        return 0
    except KeyboardInterrupt:
        return _refuse(given, "stopped", "nothing is lost; the next run continues", 1)
    except Exception as error:
        translated = _translated(error)
        if translated is None:
            raise
        return _refuse(given, translated.message, translated.remedy, translated.exit_code)
    return result if isinstance(result, int) else 0


def _refuse(given: Sequence[str], message: str, remedy: str, code: int) -> int:
    """Say what is wrong and what to do; as JSON too where JSON was asked for."""
    if "--json" in given:
        print(json.dumps({"error": message, "remedy": remedy}))  # noqa: T201 (the document asked for)
    complain(message, remedy)
    return code


def _command(given: Sequence[str]) -> str:
    called = _called(given)
    known = {name for name, *_ in _COMMANDS}
    return f"trueup {called}" if called in known else "trueup"


def _called(given: Sequence[str]) -> str:
    return next((word for word in given if not word.startswith("-")), "")


def _translated(error: Exception) -> DatabaseUnavailableError | None:
    """A database that went away, or a full disk, in words; None for what is a bug of ours."""
    module = type(error).__module__
    if module.startswith("psycopg"):
        from trueup.postgres.pool import explain_database_error

        return explain_database_error(error)
    return None
