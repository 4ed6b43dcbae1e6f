"""What commands that only read need: a connection, and the business's own time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated
from zoneinfo import ZoneInfo

from cyclopts import Parameter

from trueup.cli.selectors import at_least_one, whole
from trueup.views.desk import Desk
from trueup.views.times import BusinessTime

Limit = Annotated[
    int,
    Parameter(
        name="--limit", converter=whole, validator=at_least_one, help="Show at most so many."
    ),
]


@contextmanager
def open_desk() -> Iterator[Desk]:
    """One connection to a migrated database; needs no credentials.

    Raises `SchemaError` when the database is not migrated.
    """
    from trueup.bootstrap import open_app
    from trueup.postgres.migrate import require_current
    from trueup.postgres.pool import connect
    from trueup.settings import load

    settings = load()
    with open_app(settings, person=True) as app, connect(app.database_url) as connection:
        require_current(connection)
        yield Desk(app, connection, BusinessTime(ZoneInfo(settings.timezone), app.clock.now()))
