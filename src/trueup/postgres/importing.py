"""`trueup db import`: a file's rows into the catalogue, all of them or none."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg import sql

from trueup.postgres.import_columns import COLUMNS, WrongValueError
from trueup.postgres.import_files import (
    CatalogueRows,
    ImportFileError,
    RowError,
    load_rows,
    shorten,
)

__all__ = ["CatalogueRows", "ImportFileError", "ImportReport", "import_rows", "load_rows"]

Row = Mapping[str, Any]
Columns = tuple[str, ...]
UNIQUE_IN_FILE = ("id", "slug")


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did; `generated_ids` counts the rows that came without an id."""

    inserted: int
    updated: int
    unchanged: int
    total: int
    generated_ids: int = 0


def import_rows(
    conn: psycopg.Connection,
    rows: CatalogueRows | Sequence[Row],
    *,
    new_id: Callable[[], UUID] = uuid4,
) -> ImportReport:
    """Insert or update catalogue rows by id, in one transaction.

    A row without an id gets a new one and is therefore always an insert. A column that a row does
    not name gets the table's default in a new row and stays as it is in an old one; the name, the
    type, the speeds and the price must be in every row. Raises `ImportFileError` with every error
    that was found.
    """
    given = rows if isinstance(rows, CatalogueRows) else CatalogueRows(tuple(rows))
    checked, generated = _check(given, new_id)
    groups: dict[Columns, list[Row]] = defaultdict(list)
    for row in checked:
        groups[tuple(row)].append(row)
    try:
        with conn.transaction():
            counts = [_upsert(conn, columns, group) for columns, group in groups.items()]
    except (psycopg.IntegrityError, psycopg.DataError) as error:
        # A rule of this database that the file cannot know, such as a slug that another row has.
        raise ImportFileError([_refused(error, checked, given.first)]) from error
    inserted = sum(count for count, _ in counts)
    updated = sum(count for _, count in counts)
    total = len(checked)
    return ImportReport(inserted, updated, total - inserted - updated, total, generated)


# --- checking ------------------------------------------------------------------------------


def _check(given: CatalogueRows, new_id: Callable[[], UUID]) -> tuple[list[Row], int]:
    errors = _unknown_columns(given)
    checked: list[Row] = []
    generated = 0
    for number, row in enumerate(given.rows, start=given.first):
        values = _read_row(number, row, errors)
        if values.get("id") is None:
            values["id"] = new_id()
            generated += 1
        # In the table's order, so that rows with the same columns make one group.
        checked.append({name: values[name] for name in COLUMNS if name in values})
    errors += _repeated(checked, given.first)
    if errors:
        raise ImportFileError(sorted(errors, key=lambda error: error.row))
    return checked, generated


def _read_row(number: int, row: Row, errors: list[RowError]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for column in COLUMNS.values():
        value = row.get(column.name)
        if value is None:
            if column.required or (column.name == "status" and column.name in row):
                errors.append(RowError(number, column.name, "", "a value: there is none"))
            elif column.name in row:
                values[column.name] = None
            continue
        try:
            values[column.name] = column.read(value)
        except WrongValueError as wrong:
            errors.append(RowError(number, column.name, shorten(value), str(wrong)))
    return values


def _unknown_columns(given: CatalogueRows) -> list[RowError]:
    first_seen: dict[str, int] = {}
    for number, row in enumerate(given.rows, start=given.first):
        for name in row:
            if name not in COLUMNS and not name.startswith("_"):
                first_seen.setdefault(name, number)
    errors = []
    for name, number in first_seen.items():
        close = difflib.get_close_matches(name.strip().lower(), COLUMNS, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        errors.append(RowError(number, name, "", f"a column of the catalogue{hint}"))
    return errors


def _repeated(rows: Sequence[Row], first: int) -> list[RowError]:
    errors = []
    for column in UNIQUE_IN_FILE:
        seen: dict[Any, int] = {}
        for number, row in enumerate(rows, start=first):
            value = row.get(column)
            if value is None:
                continue
            before = seen.setdefault(value, number)
            if before != number:
                expected = f"a {column} of its own, not that of row {before}"
                errors.append(RowError(number, column, str(value), expected))
    return errors


def _refused(error: psycopg.Error, rows: Sequence[Row], first: int) -> RowError:
    said = error.diag.message_detail or error.diag.message_primary or str(error)
    marks = ((str(row["id"]), f"({row.get('slug')})") for row in rows)
    numbered = enumerate(marks, start=first)
    number = next((n for n, found in numbered if any(mark in said for mark in found)), first)
    return RowError(number, error.diag.column_name or "", "", f"what the database takes: {said}")


# --- writing -------------------------------------------------------------------------------


def _upsert(conn: psycopg.Connection, columns: Columns, rows: Sequence[Row]) -> tuple[int, int]:
    """Rows that name the same columns; returns how many were inserted and how many updated."""
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    conn.execute("drop table if exists pg_temp.incoming")
    conn.execute(
        sql.SQL(
            "create temporary table incoming on commit drop as "
            "select {} from public.service_packages limit 0"
        ).format(names)
    )
    with conn.cursor().copy(
        sql.SQL("copy pg_temp.incoming ({}) from stdin").format(names)
    ) as stream:
        for row in rows:
            stream.write_row([row[name] for name in columns])
    counted = conn.execute(_merge(columns, names)).fetchone()
    return (counted[0], counted[1]) if counted else (0, 0)


def _merge(columns: Columns, names: sql.Composed) -> sql.Composed:
    others = [sql.Identifier(name) for name in columns if name != "id"]
    return sql.SQL(
        "with written as ("
        " insert into public.service_packages as known ({names})"
        " select {names} from pg_temp.incoming"
        " on conflict (id) do update set {changes}"
        " where ({old}) is distinct from ({new})"
        # A row that this statement made has no earlier version.
        " returning xmax = 0 as is_new"
        ") select count(*) filter (where is_new), count(*) filter (where not is_new) from written"
    ).format(
        names=names,
        changes=sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(name) for name in others),
        old=sql.SQL(", ").join(sql.SQL("known.{}").format(name) for name in others),
        new=sql.SQL(", ").join(sql.SQL("excluded.{}").format(name) for name in others),
    )
