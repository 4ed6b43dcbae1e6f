"""Which database a connection string means, without its password."""

from __future__ import annotations

from typing import Final

import psycopg
from psycopg import conninfo as libpq

from trueup.domain.errors import DatabaseUnavailableError

_PORT: Final = "5432"
_HERE: Final = frozenset({"127.0.0.1", "::1", "localhost"})


def address_of(conninfo: str) -> str:
    """`db.example:5432/shop`: the same for every spelling of one database; empty for none.

    Two names of one host are not seen through, nor is a pooler on another port. Raises
    `DatabaseUnavailableError` for what is no connection string.
    """
    if not conninfo:
        return ""
    try:
        given = libpq.conninfo_to_dict(conninfo)
    except psycopg.ProgrammingError:
        # What libpq says about it may repeat the password.
        raise DatabaseUnavailableError(
            "a connection string of a database cannot be read",
            "It looks like postgresql://user:password@host:5432/name?sslmode=require; special "
            "characters in a password are percent-encoded.",
        ) from None
    hosts = str(given.get("host") or given.get("hostaddr") or "localhost").split(",")
    ports = str(given.get("port") or _PORT).split(",")
    ports = ports if len(ports) == len(hosts) else ports[:1] * len(hosts)
    places = [f"{_one_name(host)}:{port or _PORT}" for host, port in zip(hosts, ports, strict=True)]
    return f"{','.join(places)}/{given.get('dbname') or given.get('user') or ''}"


def _one_name(host: str) -> str:
    if host.startswith("/"):
        return host  # the folder of a socket
    return "localhost" if host.lower() in _HERE else host.lower()
