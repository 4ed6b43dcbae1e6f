"""The watch on the catalogue: triggers that note which products were changed.

Nothing needs them: a run finds every change by itself. With them a change is looked at within
seconds. They are on the company's own tables, so they must not be felt there: noting a change
waits for nobody, costs the same however many rows a statement writes, and when it fails the
writer gets a warning and its write.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg import errors, sql

from trueup.domain.errors import CatalogueSourceError, SchemaError
from trueup.postgres.catalogue_source import CatalogueSource
from trueup.postgres.dated_source import DatedSource
from trueup.postgres.queries import load_queries

NAMED: Final = 200  # products of one statement, or of one look, that are worth naming
_LOCK_TIMEOUT: Final = "5s"  # writers of the catalogue queue up behind us: not for longer
_SQL: Final[Mapping[str, sql.SQL]] = load_queries("watch")
_TRIGGERS: Final = ("insert", "update", "delete", "truncate")
_TABLES: Final = frozenset({"r", "p"})  # pg_class.relkind: a table, or a partitioned one

Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class Watch:
    """The tables whose changes are noted, those that lack it, and those that cannot have it."""

    tables: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    impossible: tuple[str, ...] = ()

    @property
    def installed(self) -> bool:
        """Whether the changes of the configured catalogue are noted."""
        return bool(self.tables) and not self.missing


@dataclass(frozen=True, slots=True)
class _Source:
    """A table that a watch should be on, and what tells whose row one of its rows is."""

    spelled: str
    id: sql.Composable
    function: str


@dataclass(frozen=True, slots=True)
class _Relation:
    """What the database has under such a name; its name in full, whatever is searched."""

    oid: int
    schema: str
    name: str
    kind: str
    permitted: bool
    role: str
    owner: str

    @property
    def watchable(self) -> bool:
        return self.kind in _TABLES

    @property
    def table(self) -> sql.Composable:
        return sql.Identifier(self.schema, self.name)


def install(connection: Connection, catalogue: CatalogueSource, dated: DatedSource) -> Watch:
    """Put the triggers where they are missing; all or nothing.

    Raises `CatalogueSourceError` where the catalogue is nothing that can have triggers, and
    `SchemaError` naming the right that is missing, or that another program is in the way.
    """
    found = [
        (source, relation)
        for source in _sources(catalogue, dated)
        if (relation := _find(connection, source.spelled)) is not None
    ]
    if not found or found[0][0].function != "note_catalogue":
        raise CatalogueSourceError(
            f"the catalogue table {catalogue.table} does not exist",
            "name the table in [catalogue] of trueup.toml",
        )
    if not found[0][1].watchable:
        raise CatalogueSourceError(
            f"{catalogue.table} is not a table: no trigger can note its changes",
            "let the program that changes it call POST /api/resync; the nightly run finds every"
            " change as it is",
        )
    with _politely(connection, "--watch"):
        for source, relation in found:
            if relation.watchable:
                _install(connection, source, relation)
        with connection.transaction(force_rollback=True):
            connection.execute(_SQL["probe"])
    return standing(connection, catalogue, dated)


def remove(connection: Connection) -> bool:
    """Take the triggers off, whatever table has them; whether there were any."""
    had = bool(connection.execute(_SQL["installed"]).fetchall())
    with _politely(connection, "--no-watch"):
        connection.execute(_SQL["remove"])
        connection.execute(_SQL["forget_all"])
    return had


def standing(connection: Connection, catalogue: CatalogueSource, dated: DatedSource) -> Watch:
    """How the watch stands; where it is on no table at all, none lacks it."""
    on = {(oid, function): name for oid, name, function in connection.execute(_SQL["installed"])}
    wanted = [(s, _find(connection, s.spelled)) for s in _sources(catalogue, dated)]
    lacking = [s.spelled for s, r in wanted if r and r.watchable and (r.oid, s.function) not in on]
    impossible = [s.spelled for s, r in wanted if r and not r.watchable]
    return Watch(tuple(on.values()), tuple(lacking) if on else (), tuple(impossible))


def _sources(catalogue: CatalogueSource, dated: DatedSource) -> Iterator[_Source]:
    """The catalogue first, then its dated prices, if any are read."""
    yield _Source(catalogue.table, catalogue.expression("id"), "note_catalogue")
    if dated.table:
        column = "service_package_id"
        given = dated.columns.get(column)
        owner = sql.Identifier(column) if given is None else sql.SQL(given)
        yield _Source(dated.table, owner, "note_dated_prices")


def _find(connection: Connection, spelled: str) -> _Relation | None:
    name = sql.Identifier(*spelled.split(".")).as_string(connection)
    row = connection.execute(_SQL["relation"], {"name": name}).fetchone()
    return None if row is None else _Relation(*row)


def _install(connection: Connection, source: _Source, relation: _Relation) -> None:
    if not relation.permitted:
        raise SchemaError(
            f"the role {relation.role} may not put a trigger on {source.spelled}, which belongs"
            f" to {relation.owner}",
            f"as {relation.owner}: grant trigger on {source.spelled} to {relation.role};",
        )
    parts = {
        "function": sql.Identifier("trueup", source.function),
        "table": relation.table,
        "alias": sql.Identifier(relation.name),
        "id": source.id,
        "many": sql.Literal(NAMED + 1),
    }
    _try_expression(connection, source, parts)
    connection.execute(_SQL["function"].format(**parts))
    connection.execute(_SQL["revoke"].format(**parts))
    on = {(oid, function) for oid, _, function in connection.execute(_SQL["installed"])}
    if (relation.oid, source.function) in on:
        return  # what is there needs no lock on the table
    for name in _TRIGGERS:
        connection.execute(_SQL[name].format(**parts))


def _try_expression(
    connection: Connection, source: _Source, parts: Mapping[str, sql.Composable]
) -> None:
    """Read the ids as the trigger will: with nothing on the search path but Postgres itself."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(_SQL["narrow"])
            connection.execute(_SQL["look"].format(**parts))
    except psycopg.ProgrammingError as error:
        raise CatalogueSourceError(
            f"whose row one of {source.spelled} is cannot be told by a trigger:"
            f" {error.diag.message_primary}",
            "in [catalogue] of trueup.toml, give functions in the column of the id with their"
            " schema, as in public.my_function(number)",
        ) from error


@contextmanager
def _politely(connection: Connection, option: str) -> Iterator[None]:
    """A transaction that does not keep the catalogue's writers waiting for long."""
    try:
        with connection.transaction():
            connection.execute(f"set local lock_timeout = '{_LOCK_TIMEOUT}'")
            yield
    except errors.LockNotAvailable as error:
        raise SchemaError(
            "another program has been writing to the catalogue for some seconds",
            f"run `trueup db upgrade {option}` again in a quieter moment",
        ) from error
    except errors.InsufficientPrivilege as error:
        raise SchemaError(
            f"the database role may not change the watch: {str(error).partition(chr(10))[0]}",
            f"run `trueup db upgrade {option}` as the role that made Trueup's schema",
        ) from error
