"""Where dated prices are read from: `price_changes` of the catalogue, if it is there.

A second source beside the catalogue, read-only like it. Another table (or a view), or columns of
other names, are a matter of configuration; what is named there is run as it stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import psycopg
from psycopg import Connection, sql

from trueup.domain.errors import CatalogueSourceError
from trueup.domain.package import DATED_COLUMNS

DEFAULT_TABLE: Final = "price_changes"
_CASTS: Final = {
    "service_package_id": "({})::uuid",
    "published_at": "({})::timestamptz",
    "effective_date": "({})::date",
    "status": "({})::text",
}

# In order of the id, so that it can be merged with a catalogue that is read along its key.
_DATED: Final = sql.SQL("""
    select {service_package_id} as id,
           json_agg(json_build_object(
               'effective_date', {effective_date}, 'published_at', {published_at},
               'old_price', {old_price}, 'new_price', {new_price})
               order by {effective_date}, {published_at} nulls first, {new_price}) as prices
    from {table}
    where {agreed}
    group by {service_package_id}
    order by {service_package_id}""")
_AGREED: Final = sql.SQL("{status} in ('published', 'effective')")
_ANY: Final = sql.SQL("select exists (select from {table} where {agreed})")
_PROBE: Final = sql.SQL("select {columns} from {table} limit 0")


@dataclass(frozen=True, slots=True)
class DatedSource:
    """The table of dated prices, and where our columns come from; without a table there are none.

    The table that is looked for by default may be missing, one that was named may not.
    """

    table: str = DEFAULT_TABLE
    columns: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a column that we do not know: it would be ignored in silence."""
        for name in self.columns:
            if name not in DATED_COLUMNS:
                raise CatalogueSourceError(
                    f"dated prices have no column {name!r} to be read from elsewhere",
                    remedy="use one of: " + ", ".join(DATED_COLUMNS),
                )

    def select(self, connection: Connection) -> sql.Composable | None:
        """A select of the agreed prices per product as `id`, `prices`; None where there are none.

        Raises `CatalogueSourceError` naming a table or column that is missing.
        """
        if not self._there(connection):
            return None
        found = connection.execute(_ANY.format(table=self._name, agreed=self._agreed)).fetchone()
        if found is None or not found[0]:
            return None
        columns = {name: self._expression(name) for name in DATED_COLUMNS}
        return _DATED.format(table=self._name, agreed=self._agreed, **columns)

    def _there(self, connection: Connection) -> bool:
        """Whether there is such a table, with our columns."""
        if not self.table:
            return False
        found = connection.execute("select to_regclass(%s)", [self._name.as_string()]).fetchone()
        if found is None or found[0] is None:
            if self.table == DEFAULT_TABLE:
                return False
            raise CatalogueSourceError(
                f"the table of dated prices {self.table} does not exist",
                remedy="correct dated_prices in [catalogue] of trueup.toml",
            )
        columns = sql.SQL(", ").join(self._expression(name) for name in DATED_COLUMNS)
        try:
            with connection.transaction():
                connection.execute(_PROBE.format(columns=columns, table=self._name))
        except psycopg.ProgrammingError as error:
            raise CatalogueSourceError(
                f"dated prices cannot be read from {self.table}: {error.diag.message_primary}",
                remedy="name its columns in [catalogue.dated_columns] of trueup.toml, or, if it is"
                ' a table of something else, say dated_prices = "" in [catalogue]',
            ) from error
        return True

    @property
    def _name(self) -> sql.Identifier:
        return sql.Identifier(*self.table.split("."))

    @property
    def _agreed(self) -> sql.Composable:
        return _AGREED.format(status=self._expression("status"))

    def _expression(self, column: str) -> sql.Composable:
        source = self.columns.get(column)
        expression = sql.Identifier(column) if source is None else sql.SQL(source)
        return sql.SQL(_CASTS.get(column, "({})")).format(expression)
