"""Report: verify, and send the verdict to people, as a message with a page and a sheet.

A worker that dies between sending and writing the end down has the report sent again: rather twice
than not at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from trueup.domain.alerts import Message, Severity
from trueup.domain.errors import UsageError
from trueup.domain.jobs import Ending, Job, JobOutcome
from trueup.domain.verification import Accord, Document
from trueup.jobs.report_files import Report, report_as_json, verdict, write_csv
from trueup.jobs.report_page import page
from trueup.jobs.verifying import examine_for, outcome_of, unread_lines

if TYPE_CHECKING:
    from trueup.bootstrap import App
    from trueup.reconcile.applying import Brake

_LINES = 20  # products that the message itself names; its files have them all


def report(app: App, job: Job, brake: Brake) -> JobOutcome:
    """The job; raises `UsageError` when nobody is to get a report."""
    from trueup.alerts.sending import send

    addresses = app.settings.alerts
    if not addresses:
        raise UsageError(
            "a report has nobody to go to", "set TRUEUP_ALERTS, or alerts.to in trueup.toml"
        )
    made = examine_for(app, job, brake)
    with TemporaryDirectory(prefix="trueup-report-") as folder:
        files = _written(report_as_json(made), Path(folder))
        troubles = send(addresses, replace(message_of(made, job), attachments=files))
    outcome = outcome_of(made)
    if not troubles:
        return outcome
    ending = Ending.PARTIAL if len(troubles) < len(addresses) else Ending.FAILED
    said = f"{outcome.message} Not sent: {'; '.join(troubles)}"
    failed = dict(outcome.report) | {"not_sent": troubles, "exit_code": 1}
    return replace(outcome, ending=ending, message=said, report=failed)


def message_of(report: Report, job: Job) -> Message:
    """What people read without opening a file."""
    found, workspace = report.found, job.request.workspace
    title = f"Trueup ({workspace}): {found.agreeing:,}/{len(found.rows):,} products agree"
    severity = Severity.INFO if found.whole else Severity.WARNING
    return Message(title, "\n".join(_lines(report)), severity, workspace=workspace)


def _lines(report: Report) -> Iterator[str]:
    found = report.found
    yield verdict(found)
    yield from unread_lines(found)
    for currency, sides in found.totals().items():
        yield f"{currency} a month: {', '.join(_totals(sides))}"
    differing = [row for row in found.rows if row.accord is not Accord.SAME]
    yield from (f"{row.sku or '(no SKU)'}: {row.why}" for row in differing[:_LINES])
    if len(differing) > _LINES:
        yield f"and {len(differing) - _LINES:,} more"
    number = f"Report {report.link.number}" if report.link.number else "Not recorded"
    yield f"{number}, {report.link.hash}"


def _totals(sides: Mapping[str, Document | None]) -> Iterator[str]:
    for side, figures in sides.items():
        if figures is not None:
            difference = Decimal(figures.get("difference", 0))
            off = f" ({difference:+,})" if difference else ""
            yield f"{side} {Decimal(figures['sum']):,}{off} for {figures['products']:,} products"


def _written(document: Document, folder: Path) -> tuple[Path, ...]:
    """The page to print and the sheet, each as `trueup verify` would write it."""
    day = document["at"][:10]
    printed, sheet = folder / f"verification-{day}.html", folder / f"verification-{day}.csv"
    with printed.open("w", encoding="utf-8", newline="") as file:
        file.write(page(document))
    # Spreadsheets take text for UTF-8 only with the mark in front.
    with sheet.open("w", encoding="utf-8-sig", newline="") as file:
        write_csv(document, file)
    return printed, sheet
