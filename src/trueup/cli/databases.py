"""`trueup db upgrade` and `db status` for several workspaces: a line for each database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from trueup.cli import output
from trueup.domain.errors import TrueupError

if TYPE_CHECKING:
    from trueup.postgres.migrate import SchemaState
    from trueup.postgres.reports import Reader
    from trueup.settings import Settings

_HOME = "(home)"  # no workspace can be called that
Told: TypeAlias = tuple[dict[str, Any], int]  # a document, and the exit code that it wants


@dataclass(frozen=True, slots=True)
class Named:
    """A database; `workspace` is None for one that only keeps the jobs of the others."""

    workspace: str | None
    settings: Settings


def meant() -> list[Named]:
    """The databases that a command is about: the chosen workspace's, else all, the home first."""
    from trueup.postgres.addresses import address_of
    from trueup.settings import chosen, load, load_all

    if chosen() is not None:
        settings = load()
        return [Named(settings.workspace, settings)]
    home, known = load_all()
    found = [Named(name, settings) for name, settings in known.items()]
    place = address_of(home.database_url)
    if home in known.values() or (place and place in _addresses(found)):
        return found
    return [Named(None, home), *found]


def what_it_is(schema: SchemaState, legacy: tuple[str, ...]) -> str:
    """What a database is, before anything is done to it."""
    if schema.current:
        return f"Trueup's schema, version {schema.current}"
    if legacy:
        return f"the predecessor's tables ({', '.join(legacy)}); they are kept"
    return "a database without Trueup's tables"


def upgrade_all(databases: Sequence[Named], *, watch: bool | None, json: bool) -> int:
    """Upgrade each by itself: one that cannot be reached keeps no other from it.

    `watch` puts the watch on each catalogue, or takes it off.
    """
    from trueup.cli.database_watch import change_watch

    def work(database: Named, connection: Reader) -> Told:
        told, code = _upgrade(connection)
        if watch is not None and database.workspace is not None:
            change_watch(connection, database.settings, watch)
        return told, code

    return _for_each(databases, work, json=json)


def status_all(databases: Sequence[Named], *, json: bool) -> int:
    """Where each is and which schema it has."""
    return _for_each(databases, lambda _, connection: _status(connection), json=json)


def _for_each(
    databases: Sequence[Named], work: Callable[[Named, Reader], Told], *, json: bool
) -> int:
    from trueup.bootstrap import open_app
    from trueup.postgres.inventory import describe_server
    from trueup.postgres.pool import connect

    code, documents = 0, []
    for database in databases:
        document: dict[str, Any] = {"workspace": database.workspace}
        try:
            with open_app(database.settings) as app, connect(app.database_url) as connection:
                document["address"] = describe_server(connection).address
                told, ends_with = work(database, connection)
        except TrueupError as error:
            told, ends_with = {"error": error.message, "remedy": error.remedy}, error.exit_code
        documents.append(document | told)
        code = max(code, ends_with)
        if not json:
            _tell(documents[-1])
    if json:
        output.print_json({"databases": documents})
    return code


def _upgrade(connection: Reader) -> Told:
    from trueup.postgres import inventory, migrate
    from trueup.postgres.engine_rooms import install_engine
    from trueup.worker.engine_tables import engine_tables

    found = what_it_is(migrate.state(connection), inventory.predecessor_tables(connection))
    applied = [migration.name for migration in migrate.upgrade(connection)]
    install_engine(connection, engine_tables())
    version = migrate.state(connection).current
    return {"found": found, "applied": applied, "version": version}, 0


def _status(connection: Reader) -> Told:
    from trueup.postgres import inventory, migrate

    schema = migrate.state(connection)
    found = what_it_is(schema, inventory.predecessor_tables(connection))
    pending = list(schema.pending)
    told = {"found": found, "ready": schema.ready, "version": schema.current, "pending": pending}
    return told, 0 if schema.ready else 1


def _tell(document: dict[str, Any]) -> None:
    start = f"{document['workspace'] or _HOME}: {document.get('address', '')}".rstrip(": ")
    if "error" in document:
        output.say(f"{start}: {document['error']}", "bold red")
        output.say(f"  → {document['remedy']}")
    elif document.get("applied"):
        count = len(document["applied"])
        many = f"{count} migrations" if count > 1 else document["applied"][0]
        output.say(f"{start}: applied {many}, now at version {document['version']}", "green")
    elif document.get("pending"):
        output.say(f"{start}: {document['found']}; pending: {', '.join(document['pending'])}")
    else:
        output.say(f"{start}: version {document['version']}, the latest")


def _addresses(databases: Sequence[Named]) -> set[str]:
    from trueup.postgres.addresses import address_of

    return {address_of(database.settings.database_url) for database in databases}
