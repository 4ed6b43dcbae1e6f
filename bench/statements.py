"""The named statements of `planning.sql`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from psycopg import sql

_TEXT = (Path(__file__).parent / "planning.sql").read_text(encoding="utf-8")
_PARTS = re.split(r"^-- name: (\w+)\n", _TEXT, flags=re.MULTILINE)[1:]
STATEMENTS: Final = {
    name: sql.SQL(body) for name, body in zip(_PARTS[0::2], _PARTS[1::2], strict=True)
}
