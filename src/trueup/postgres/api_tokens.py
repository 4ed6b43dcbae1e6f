"""Tokens of the API in the home database, as digests only: whoever reads it can use none."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final

from psycopg import sql
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from trueup.domain.api_tokens import ApiToken
from trueup.domain.people import Role
from trueup.postgres.people import digest
from trueup.postgres.queries import load_queries

_SQL: Final[Mapping[str, sql.SQL]] = load_queries("api_tokens")
PREFIX: Final = "trueup_"  # so that people, and scanners for leaked secrets, know what it is
_BYTES: Final = 32
_LONGEST: Final = 200


class ApiTokens:
    """Which programs may use the API, and as what."""

    def __init__(self, pool: ConnectionPool[Any]) -> None:
        self._pool = pool

    def everything(self) -> Sequence[ApiToken]:
        """All tokens, those that are revoked last."""
        return [_token(row) for row in self._rows("all", {})]

    def add(
        self, name: str, role: Role, by: str, seconds: float | None
    ) -> tuple[ApiToken, str] | None:
        """A new token and its text, which nobody can see again; None when the name is in use.

        It works for so many seconds; None for as long as nobody revokes it.
        """
        text = f"{PREFIX}{secrets.token_urlsafe(_BYTES)}"
        given = {"digest": digest(text), "name": name, "role": role.value, "created_by": by}
        rows = self._rows("add", given | {"seconds": seconds})
        return (_token(rows[0]), text) if rows else None

    def whose(self, text: str) -> ApiToken | None:
        """The token with this text, if it may be used; that it was is written down.

        What is looked up is a digest: how long that takes tells nothing about the text.
        """
        if not text.startswith(PREFIX) or len(text) > _LONGEST:
            return None
        wanted = digest(text)
        for row in self._rows("whose", {"digest": wanted}):
            if hmac.compare_digest(bytes(row.pop("digest")), wanted):
                found = _token(row)
                self._rows("touch", {"token_id": found.token_id})
                return found
        return None

    def revoke(self, token_id: int) -> ApiToken | None:
        """End a token at once; None when there is none that could be ended."""
        rows = self._rows("revoke", {"token_id": token_id})
        return _token(rows[0]) if rows else None

    def _rows(self, query: str, given: Mapping[str, Any]) -> list[dict[str, Any]]:
        with self._pool.connection() as connection:
            cursor = connection.cursor(row_factory=dict_row).execute(_SQL[query], given)
            return cursor.fetchall() if cursor.description else []


def _token(row: Mapping[str, Any]) -> ApiToken:
    return ApiToken(**{**row, "role": Role(row["role"])})
