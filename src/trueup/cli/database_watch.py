"""What `trueup db` says and does about the watch on the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trueup.postgres.watch import Connection, Watch
    from trueup.settings import Settings

_INSTALL = "`trueup db upgrade --watch`"


def change_watch(connection: Connection, settings: Settings, wanted: bool | None) -> Watch:
    """Install the watch, take it off, or leave it as it is; how it stands then."""
    from trueup.postgres import watch
    from trueup.postgres.catalogue_source import CatalogueSource
    from trueup.postgres.dated_source import DatedSource

    catalogue = CatalogueSource(settings.catalogue_table, settings.columns)
    dated = DatedSource(settings.dated_prices, settings.dated_columns)
    if wanted:
        return watch.install(connection, catalogue, dated)
    if wanted is False:
        watch.remove(connection)
    return watch.standing(connection, catalogue, dated)


def watch_as_json(watch: Watch) -> dict[str, Any]:
    """The tables by whether their changes are noted."""
    return {
        "installed": watch.installed,
        "tables": list(watch.tables),
        "missing": list(watch.missing),
        "impossible": list(watch.impossible),
    }


def watch_in_words(watch: Watch) -> str:
    """`on service_packages, price_changes`."""
    if not watch.tables:
        return f"not installed; {_INSTALL} has changes looked at within seconds"
    said = [f"on {', '.join(watch.tables)}"]
    if watch.missing:
        said.append(f"missing on {', '.join(watch.missing)}: {_INSTALL} puts it there")
    if watch.impossible:
        said.append(f"not possible on {', '.join(watch.impossible)}, which is no table")
    return "; ".join(said)
