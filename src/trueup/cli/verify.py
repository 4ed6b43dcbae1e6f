"""`trueup verify`: whether catalogue, CRM and Billing say the same, product by product."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

from cyclopts import Parameter

from trueup.cli import output
from trueup.cli.selectors import Json, Skus, Targets, Verbose, known_skus, targets_of
from trueup.domain.errors import UsageError

if TYPE_CHECKING:
    from trueup.bootstrap import App
    from trueup.jobs.report_files import Report

_STDOUT = "-"

Everything = Annotated[
    bool, Parameter(name="--all", negative="", help="Show the products that agree as well.")
]
Csv = Annotated[
    str | None,
    Parameter(
        name="--csv",
        allow_leading_hyphen=True,
        help="Also write the report as CSV; - prints it, and nothing else.",
    ),
]
Html = Annotated[
    Path | None, Parameter(name="--html", help="Also write a page to print, for finance.")
]
Check = Annotated[
    Path | None,
    Parameter(name="--check", help="Only tell whether this report is still as it was written."),
]
NoRecord = Annotated[
    bool,
    Parameter(name="--no-record", negative="", help="Leave the chain of reports as it is."),
]


def verify(
    *,
    target: Targets = None,
    sku: Skus = None,
    everything: Everything = False,
    csv: Csv = None,
    html: Html = None,
    check: Check = None,
    no_record: NoRecord = False,
    json: Json = False,
    verbose: Verbose = False,
) -> int:
    """Say whether catalogue, CRM and Billing say the same, product by product.

    Reads everything, whatever was verified when: price, on sale or not,
    plan, items and every other managed field. Writes to no target.

    Each report carries a digest of its rows and of the report before it,
    and is recorded in that chain (one of some products or one target is
    not): --check tells whether a JSON, CSV or HTML report is untouched.

    Ends with 0 when all products say the same, with 1 otherwise.

    For example:
      trueup verify
      trueup verify --html prices.html --csv prices.csv
      trueup verify --check prices.html
    """
    if check is not None:
        if csv or html or sku or target:
            raise UsageError("--check looks at a file alone", f"`trueup verify --check {check}`")
        from trueup.cli.verify_check import check_file

        return check_file(check, json=json)
    if csv and csv.startswith("--"):
        raise UsageError(f"--csv wants a file, not {csv}", "`trueup verify --csv FILE`")
    if json and csv == _STDOUT:
        raise UsageError("--json and --csv - both want stdout", "give --csv a file")
    for file in (csv if csv != _STDOUT else None, html):
        _require_place(file)
    with _app(quiet=json, verbose=verbose) as app:
        from trueup.jobs.verifying import examine
        from trueup.reconcile.scope import Scope

        scope = Scope(targets_of(target), known_skus(app, sku))
        report = examine(app, scope, record=not (no_record or sku or target))
    return _conclude(report, everything=everything, csv=csv, html=html, json=json)


def _conclude(
    report: Report, *, everything: bool, csv: str | None, html: Path | None, json: bool
) -> int:
    import sys

    from trueup.cli.verify_table import show
    from trueup.jobs.report_files import report_as_json, write_csv
    from trueup.jobs.report_page import page
    from trueup.jobs.verifying import exit_code, worst

    document = report_as_json(report)
    if html is not None:
        _write(html, lambda file: file.write(page(document)))
    if csv is not None and csv != _STDOUT:
        # Spreadsheets take text for UTF-8 only with the mark in front.
        _write(Path(csv), lambda file: write_csv(document, file), mark=True)
    # That nobody reads on changes nothing about the verdict.
    with suppress(BrokenPipeError):
        if csv == _STDOUT:
            write_csv(document, sys.stdout)
        elif json:
            output.print_json(document)
        else:
            show(report, everything=everything)
            for file in filter(None, (csv, html)):
                output.say(f"written to {file}; `trueup verify --check {file}` checks it", "cyan")
    if report.found.unread:
        error = worst(report.found.unread.values())
        output.complain(error.message, error.remedy)
    return exit_code(report.found)


def _require_place(file: str | Path | None) -> None:
    """A report that is in the chain should not be lost for want of a folder."""
    if file is not None and (Path(file).is_dir() or not Path(file).parent.is_dir()):
        raise UsageError(
            f"there is no place for a file {file}", "name a file in a folder that is there"
        )


def _write(file: Path, write: Callable[[TextIO], object], *, mark: bool = False) -> None:
    try:
        with file.open("w", encoding="utf-8-sig" if mark else "utf-8", newline="") as opened:
            write(opened)
    except OSError as error:
        raise UsageError(f"the report cannot be written to {file}: {error.strerror}") from None


@contextmanager
def _app(*, quiet: bool, verbose: bool) -> Iterator[App]:
    from trueup.bootstrap import open_app
    from trueup.cli.loading import load_logged
    from trueup.cli.progress import watching

    settings = load_logged(verbose=verbose)
    with (
        watching(settings, quiet=quiet, verbose=verbose) as progress,
        open_app(settings, watcher=progress, on_request=progress.request, person=True) as app,
    ):
        yield app
