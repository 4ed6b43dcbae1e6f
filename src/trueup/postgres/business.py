"""The business's time zone, kept where SQL can see it: functions and queries go by its dates."""

from __future__ import annotations

from psycopg import Connection


def keep_zone(connection: Connection, zone: str) -> None:
    """Remember the zone of the settings; writes only when another one is kept."""
    kept = connection.execute("select zone from trueup.business").fetchone()
    if kept is None or kept[0] != zone:
        connection.execute("update trueup.business set zone = %s", [zone])
