"""Reading a catalogue file, JSON or CSV, into rows of plain values."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from trueup.domain.errors import UsageError
from trueup.postgres.import_columns import COLUMNS

SHOWN_ERRORS = 20
SHOWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class RowError:
    """One thing wrong in a file; `column` is empty when it is the row itself."""

    row: int
    column: str
    value: str
    expected: str

    def __str__(self) -> str:
        """As a person reads it."""
        where = f"row {self.row}" + (f", {self.column}" if self.column else "")
        found = f" (found {self.value})" if self.value else ""
        return f"{where}: expected {self.expected}{found}"


class ImportFileError(UsageError):
    """The file was not loaded, nothing was changed; `errors` has all that is wrong with it."""

    def __init__(self, errors: Iterable[RowError], remedy: str = "") -> None:
        self.errors = tuple(errors)
        shown = [str(error) for error in self.errors[:SHOWN_ERRORS]]
        more = len(self.errors) - len(shown)
        lines = [*shown, f"… and {more} more"] if more else shown
        super().__init__(
            "\n".join(lines), remedy or "Correct the file and import it again; nothing was loaded."
        )


@dataclass(frozen=True, slots=True)
class CatalogueRows:
    """The rows of a file; `first` is the number by which people know the first one."""

    rows: tuple[Mapping[str, Any], ...]
    first: int = 1


def shorten(value: Any) -> str:
    """A value as it is shown in an error."""
    written = value if isinstance(value, Decimal) else repr(value)
    line = str(written)
    return line if len(line) <= SHOWN_CHARACTERS else line[: SHOWN_CHARACTERS - 1] + "…"


def load_rows(path: Path) -> CatalogueRows:
    """Read a file: JSON (a list, or an object with `rows`) or CSV with a header line.

    JSON rows count from 1; CSV rows as in a spreadsheet, where the header is row 1. Raises
    `UsageError` when the file cannot be read, `ImportFileError` when its rows cannot be told.
    """
    try:
        content = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path.name} is not UTF-8: byte {error.start} cannot be read.", "Save it as UTF-8."
        ) from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    if path.suffix.lower() == ".json" or content.lstrip()[:1] in {"[", "{"}:
        return CatalogueRows(tuple(_json_rows(content, path.name)))
    return CatalogueRows(tuple(_csv_rows(content, path.name)), first=2)


def parse_json(content: str) -> Any:
    """JSON with exact numbers; raises `ValueError` for anything else."""
    return json.loads(
        content,
        parse_float=Decimal,
        parse_constant=_refuse_constant,
        object_pairs_hook=_without_repeats,
    )


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number that JSON knows")


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{repeated!r} is given twice in one object")
    return found


def _json_rows(content: str, name: str) -> list[Mapping[str, Any]]:
    try:
        parsed = parse_json(content)
    except json.JSONDecodeError as error:
        raise UsageError(
            f"{name} is not whole JSON: {error.msg} at line {error.lineno}, column {error.colno}.",
            "Perhaps it was cut off.",
        ) from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{name} cannot be read as JSON: {error}.") from error
    rows = parsed.get("rows") if isinstance(parsed, dict) else parsed
    if not isinstance(rows, list):
        raise UsageError(f"{name} holds no rows.", 'A list of rows is expected, or {"rows": […]}.')
    wrong = [
        RowError(number, "", shorten(row), "an object with columns")
        for number, row in enumerate(rows, start=1)
        if not isinstance(row, dict)
    ]
    if wrong:
        raise ImportFileError(wrong)
    return rows


def _csv_rows(content: str, name: str) -> list[Mapping[str, Any]]:
    header_line = content.partition("\n")[0]
    delimiter = max(",;\t", key=header_line.count)
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True)
    try:
        lines = list(reader)
    except csv.Error as error:
        raise UsageError(
            f"{name} is not whole CSV: {error} near line {reader.line_num}.",
            "Look for a quotation mark that is not closed.",
        ) from error
    header = [cell.strip() for cell in lines[0]] if lines else []
    if not any(header):
        raise UsageError(f"{name} is empty.", "The first line names the columns.")
    repeated = sorted({column for column in header if header.count(column) > 1})
    if repeated:
        raise ImportFileError(
            RowError(1, column, "", "each column named once") for column in repeated
        )
    while not lines[-1]:  # empty lines at the end of the file
        lines.pop()
    return _named(header, lines[1:])


def _named(header: list[str], lines: list[list[str]]) -> list[Mapping[str, Any]]:
    rows: list[Mapping[str, Any]] = []
    errors = []
    for number, line in enumerate(lines, start=2):
        if len(line) != len(header):
            errors.append(
                RowError(number, "", "", f"{len(header)} cells as in the header, not {len(line)}")
            )
            continue
        row: dict[str, Any] = {}
        for column, cell in zip(header, line, strict=True):
            try:
                _put(row, column, cell)
            except (ValueError, RecursionError):
                errors.append(RowError(number, column, shorten(cell), "JSON"))
        rows.append(row)
    if errors:
        raise ImportFileError(errors)
    return rows


def _put(row: dict[str, Any], column: str, cell: str) -> None:
    """An empty cell is no value; where the table has a default it is not given at all."""
    known = COLUMNS.get(column)
    if cell == "":
        if known is None or not known.has_default:
            row[column] = None
    elif known is not None and known.structured:
        row[column] = parse_json(cell)
    else:
        row[column] = cell
