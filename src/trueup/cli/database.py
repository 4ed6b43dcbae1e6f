"""`trueup db`: create or migrate the database, show its state, load a catalogue, tidy up."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from trueup.cli import output
from trueup.cli.database_prune import prune
from trueup.cli.database_watch import change_watch, watch_as_json, watch_in_words
from trueup.cli.selectors import Json
from trueup.domain.errors import UsageError

if TYPE_CHECKING:
    from trueup.postgres.importing import CatalogueRows, ImportFileError, ImportReport
    from trueup.postgres.inventory import Server
    from trueup.postgres.migrate import SchemaState

app = App(
    name="db",
    help="Create or migrate the database, show its state, load a catalogue.",
    help_format="plaintext",
)
app.command(prune)

_OUR_TABLE = "service_packages"  # where an import goes
_SHOWN_ERRORS = 50
_ENGINE = {
    True: "its tables are there",
    False: "its tables are another version's; `trueup db upgrade` makes them anew",
    None: "its tables are not there; `trueup db upgrade` or a worker makes them",
}
_STDIN = "-"


@app.command
def upgrade(
    *,
    watch: Annotated[
        bool | None,
        Parameter(
            name="--watch",
            negative="--no-watch",
            help="Look at changes of the catalogue seconds after they were made: puts triggers on"
            " its table, or takes them off again.",
        ),
    ] = None,
    json: Json = False,
) -> int:
    """Create the schema in an empty database, or bring an older one up to date.

    On a database that the predecessor used nothing is dropped and no row
    is lost. All migrations are one transaction: either everything is
    applied or nothing. Two upgrades at once are safe. Of several workspaces
    all are upgraded, each by itself, unless --workspace names one.

    For example:
      trueup db upgrade
      trueup db upgrade --watch
      DATABASE_URL=postgresql://trueup@db.example/shop trueup db upgrade
    """
    from trueup.bootstrap import open_app
    from trueup.cli import databases
    from trueup.postgres import inventory, migrate
    from trueup.postgres.engine_rooms import install_engine
    from trueup.worker.engine_tables import engine_tables

    meant = databases.meant()
    if len(meant) > 1:
        return databases.upgrade_all(meant, watch=watch, json=json)
    with open_app(meant[0].settings) as parts, parts.bare_pool.connection() as connection:
        server = inventory.describe_server(connection)
        before = migrate.state(connection)
        found = databases.what_it_is(before, inventory.predecessor_tables(connection))
        if not json:
            output.say(f"{server.address} (Postgres {server.version})")
            output.say(f"found: {found}")
            if before.pending:
                output.say(f"applying: {', '.join(before.pending)}")
        applied = migrate.upgrade(connection)
        install_engine(connection, engine_tables())
        after = migrate.state(connection)
        standing = change_watch(connection, meant[0].settings, watch)
    if json:
        names = [migration.name for migration in applied]
        document = {"found": found, "applied": names, "version": after.current}
        output.print_json({**document, "watch": watch_as_json(standing)})
        return 0
    for migration in applied:
        output.say(f"applied {migration.name}", "green")
    what = "is now" if applied else "is already"
    output.say(f"the schema {what} at version {after.current}, the latest")
    if watch is not None:
        output.say(f"watch: {watch_in_words(standing)}")
    return 0


@app.command
def status(*, json: Json = False) -> int:
    """Show which database is used, its size, its schema, and how many rows it has.

    Of several workspaces all are shown, a line each, unless --workspace names
    one. Ends with 1 when a schema is not the one that this version needs.

    For example:
      trueup db status
      trueup db status --json
    """
    from trueup.bootstrap import open_app
    from trueup.cli import databases
    from trueup.postgres import inventory, migrate
    from trueup.postgres.engine_rooms import engine_state
    from trueup.worker.engine_tables import engine_tables

    meant = databases.meant()
    if len(meant) > 1:
        return databases.status_all(meant, json=json)
    settings = meant[0].settings
    with open_app(settings) as parts, parts.bare_pool.connection() as connection:
        server = inventory.describe_server(connection)
        schema = migrate.state(connection)
        found = databases.what_it_is(schema, inventory.predecessor_tables(connection))
        tables = {"catalogue": settings.catalogue_table, "bindings": "trueup.binding"}
        rows = inventory.count_rows(connection, list(tables.values()))
        watch = change_watch(connection, settings, None)
        engine = engine_state(connection, engine_tables())
    counts = {name: rows[table] for name, table in tables.items()}
    embedded = not settings.database_url
    if json:
        document = _status_document(server, schema, counts, embedded=embedded, found=found)
        output.print_json({**document, "watch": watch_as_json(watch), "engine": engine})
    else:
        _show_status(server, schema, counts, embedded=embedded, found=found)
        output.facts({"watch   ": watch_in_words(watch), "engine  ": _ENGINE[engine]})
    return 0 if schema.ready and engine is not False else 1


@app.command(name="import")
def import_file(
    file: Annotated[
        Path,
        Parameter(
            allow_leading_hyphen=True,
            help="JSON (a list of rows) or CSV with a header; - is stdin.",
        ),
    ],
    /,
    *,
    json: Json = False,
) -> int:
    """Load rows into the catalogue: new ones by id are inserted, known ones updated.

    Every row is checked first. If one is wrong nothing is loaded, and each
    error is shown with its row, its column, what was found and what is
    expected.

    For example:
      trueup db import packages.json
      trueup db import packages.csv
      export-packages | trueup db import -
    """
    from trueup.bootstrap import open_app
    from trueup.postgres.importing import ImportFileError, import_rows
    from trueup.settings import load

    settings = load()
    _refuse_foreign_table(settings.catalogue_table)
    try:
        rows = _read_rows(file)
        with open_app(settings) as parts, parts.pool.connection() as connection:
            report = import_rows(connection, rows)
    except ImportFileError as error:
        _show_errors(error, json=json)
        return error.exit_code
    _show_report(report, json=json)
    return 0


def _status_document(
    server: Server,
    schema: SchemaState,
    counts: dict[str, int | None],
    *,
    embedded: bool,
    found: str,
) -> dict[str, Any]:
    return {
        "address": server.address,
        "embedded": embedded,
        "server_version": server.version,
        "size_bytes": server.size,
        "schema": {
            "ready": schema.ready,
            "found": found,
            "version": schema.current,
            "latest": schema.latest,
            "pending": list(schema.pending),
            "drifted": list(schema.drifted),
            "newer": list(schema.newer),
        },
        "rows": counts,
    }


def _show_status(
    server: Server,
    schema: SchemaState,
    counts: dict[str, int | None],
    *,
    embedded: bool,
    found: str,
) -> None:
    place = f"{server.address}{' (embedded)' if embedded else ''}"
    output.facts(
        {
            "database": place,
            "server": f"Postgres {server.version}",
            "size": f"{server.size / 1_000_000:,.1f} MB",
            "found": found,
            "schema": f"version {schema.current} of {schema.latest}",
            **counts,
        }
    )
    for title, names, remedy in (
        ("pending", schema.pending, "`trueup db upgrade` applies them"),
        ("edited after it was applied", schema.drifted, "install the Trueup that applied it"),
        ("applied by a newer Trueup", schema.newer, "install that version"),
    ):
        if names:
            output.say(f"{title}: {', '.join(names)}", "yellow")
            output.say(f"  → {remedy}")


def _refuse_foreign_table(table: str) -> None:
    """An import into a table that is not the one read would change nothing that anybody sees."""
    if table.removeprefix("public.") != _OUR_TABLE:
        raise UsageError(
            f"the catalogue is read from {table}; an import goes into {_OUR_TABLE}",
            f"load {table} by your own means, or leave out [catalogue] table in trueup.toml",
        )


def _read_rows(file: Path) -> CatalogueRows:
    from trueup.postgres.importing import load_rows

    if str(file) != _STDIN:
        return load_rows(file)
    with TemporaryDirectory() as folder:
        copy = Path(folder) / "standard input"
        copy.write_bytes(sys.stdin.buffer.read())
        return load_rows(copy)


def _show_report(report: ImportReport, *, json: bool) -> None:
    counts = {
        "rows": report.total,
        "inserted": report.inserted,
        "updated": report.updated,
        "unchanged": report.unchanged,
        "generated_ids": report.generated_ids,
    }
    if json:
        output.print_json(counts)
        return
    output.facts({name.replace("_", " "): count for name, count in counts.items()})
    if report.generated_ids:
        output.say("rows without an id got a new one: importing them again inserts them again")


def _show_errors(error: ImportFileError, *, json: bool) -> None:
    """Every error as JSON; as a table the first ones, a person corrects those first."""
    rows = [(e.row, e.column, e.value, e.expected) for e in error.errors]
    names = ("row", "column", "value", "expected")
    count = f"{len(rows)} {'error' if len(rows) == 1 else 'errors'}, nothing was loaded"
    if json:
        document = {"error": count, "remedy": error.remedy}
        output.print_json(
            {**document, "errors": [dict(zip(names, row, strict=True)) for row in rows]}
        )
    else:
        output.table(("#row", *names[1:]), rows[:_SHOWN_ERRORS])
        if len(rows) > _SHOWN_ERRORS:
            output.say(f"… and {len(rows) - _SHOWN_ERRORS} more (all of them with --json)")
    sys.stderr.write(f"trueup: {count}\n  → {error.remedy}\n")
