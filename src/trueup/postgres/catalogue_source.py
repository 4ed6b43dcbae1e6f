"""Which table, and which of its columns, the catalogue is read from.

Another catalogue is a matter of configuration: each of our columns comes from a column of the same
name, or from what the configuration says instead: a column, spelled as SQL wants it, or an SQL
expression over the table. These are the operator's own words and run as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec
import psycopg
from psycopg import Connection, sql
from psycopg.errors import UndefinedTable
from psycopg.postgres import types

from trueup.domain.errors import CatalogueSourceError
from trueup.domain.package import CATALOGUE_COLUMNS, OutlineRow

COLUMNS: Final = CATALOGUE_COLUMNS
_INSTANTS: Final = frozenset({"valid_from", "valid_to"})
OUTLINE: Final = tuple(f.name for f in msgspec.structs.fields(OutlineRow))


@dataclass(frozen=True, slots=True)
class CatalogueSource:
    """A table, possibly `schema.table`, and where our columns come from."""

    table: str = "service_packages"
    columns: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a column that we do not know: it would be ignored in silence."""
        for name in self.columns:
            if name not in COLUMNS:
                raise CatalogueSourceError(
                    f"the catalogue has no column {name!r} to be read from elsewhere",
                    remedy="use one of: " + ", ".join(COLUMNS),
                )

    @property
    def name(self) -> sql.Composable:
        """The table for use in a statement."""
        return sql.Identifier(*self.table.split("."))

    @property
    def ids(self) -> sql.Composable:
        """A select of the ids of the whole catalogue, as text."""
        return sql.SQL("select ({})::text from {}").format(self.expression("id"), self.name)

    def expression(self, column: str) -> sql.Composable:
        """Where one of our columns comes from; an instant is one whatever the operator wrote.

        A bare `null`, or a date as text, would otherwise not compare with the time.
        """
        source = self.columns.get(column)
        if source is None:
            return sql.Identifier(column)
        cast = "({})::timestamptz" if column in _INSTANTS else "{}"
        return sql.SQL(cast).format(sql.SQL(source))

    def select(self, columns: tuple[str, ...] = COLUMNS) -> sql.Composable:
        """A select of our columns under our names."""
        parts = [
            sql.SQL("({}) as {}").format(self.expression(c), sql.Identifier(c)) for c in columns
        ]
        return sql.SQL("select {} from {}").format(sql.SQL(", ").join(parts), self.name)

    def check(self, connection: Connection) -> None:
        """Raise `CatalogueSourceError` naming what is missing: the table, or one of our columns."""
        try:
            found = connection.execute(sql.SQL("{} limit 0").format(self.select()))
        except UndefinedTable as error:
            raise CatalogueSourceError(
                f"the catalogue table {self.table} does not exist",
                remedy="run `trueup db upgrade`, or name the table in [catalogue] of trueup.toml",
            ) from error
        except psycopg.ProgrammingError as error:
            raise self._blame(connection, error) from error
        if (found.description or [])[0].type_code != types["uuid"].oid:
            raise CatalogueSourceError(
                f"column id of {self.table} is not a uuid",
                remedy="let columns.id in [catalogue] of trueup.toml make one, e.g. "
                "md5(number::text)::uuid",
            )

    def _blame(self, connection: Connection, error: psycopg.Error) -> CatalogueSourceError:
        """Ask for one column at a time to find those that the table cannot answer."""
        refusals: dict[str, str] = {}
        for column in COLUMNS:
            try:
                connection.execute(sql.SQL("{} limit 0").format(self.select((column,))))
            except psycopg.ProgrammingError as refusal:
                refusals[column] = refusal.diag.message_primary or str(refusal)
        if not refusals:
            return CatalogueSourceError(f"{self.table} cannot be read: {error}")
        first, reason = next(iter(refusals.items()))
        others = [column for column in refusals if column != first]
        also = f"; nor can {', '.join(others)}" if others else ""
        return CatalogueSourceError(
            f"column {first} of {self.table} cannot be read: {reason}{also}",
            remedy=f"set columns.{first} in [catalogue] of trueup.toml to a column or an "
            'expression that the table has ("null" where it has nothing of the kind)',
        )
