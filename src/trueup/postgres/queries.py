"""Named SQL: files in `sql/`, each a list of `-- name: …` headings with a statement below.

A file is read once, when the module that uses it is imported. Names are checked there and then, so
a typing mistake is not found at night.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType

from psycopg import sql

_HEADING = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


def load_queries(file: str) -> Mapping[str, sql.SQL]:
    """The statements of `sql/<file>.sql` by name. Raises ValueError for a name given twice."""
    text = (files("trueup.postgres") / "sql" / f"{file}.sql").read_text(encoding="utf-8")
    [_, *parts] = _HEADING.split(text)
    names, bodies = parts[0::2], parts[1::2]
    if len(set(names)) < len(names):
        raise ValueError(f"sql/{file}.sql names a statement twice")
    return MappingProxyType(
        {name: sql.SQL(body.strip()) for name, body in zip(names, bodies, strict=True)}
    )
