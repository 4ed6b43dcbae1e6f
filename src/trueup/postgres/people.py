"""Accounts, sessions and deeds in the home database. Of every secret only a digest is kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from psycopg import sql
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from trueup.domain.people import Deed, Person, Role, Standing
from trueup.postgres.queries import load_queries

_SQL: Final[Mapping[str, sql.SQL]] = load_queries("people")
INVITATION_SECONDS: Final = 3 * 86_400.0
SESSION_SECONDS: Final = 30 * 86_400.0  # however much it is used
IDLE_SECONDS: Final = 3 * 86_400.0


class People:
    """Who may sign in, who has, and what they did."""

    def __init__(self, pool: ConnectionPool[Any]) -> None:
        self._pool = pool

    # --- accounts --------------------------------------------------------------------------

    def everybody(self) -> Sequence[Person]:
        """All accounts, by name."""
        return [_person(row) for row in self._rows("people", {})]

    def get(self, person_id: int) -> Person | None:
        """An account by its number."""
        return self._one("person", {"person_id": person_id})

    def find(self, login: str) -> Person | None:
        """An account by what its owner types, whatever its case."""
        return self._one("by_login", {"login": login.strip()})

    def password_hash(self, person_id: int) -> str | None:
        """The hash of somebody who may sign in with a password."""
        rows = self._rows("password", {"person_id": person_id})
        return rows[0]["password_hash"] if rows else None

    def add(self, login: str, name: str, role: Role) -> Person | None:
        """A new account, invited; None when the login is taken."""
        return self._one("add", {"login": login, "name": name, "role": role.value})

    def change(
        self,
        person_id: int,
        *,
        role: Role | None = None,
        standing: Standing | None = None,
        name: str | None = None,
    ) -> Person | None:
        """Another role, standing or name; who is disabled is signed out everywhere."""
        given = {"person_id": person_id, "role": role, "standing": standing, "name": name}
        changed = self._one("change", given)
        if changed is not None and changed.standing is Standing.DISABLED:
            self._do("close_all", {"person_id": person_id})
        return changed

    def is_last_admin(self, person_id: int) -> bool:
        """Whether nobody else could let people in."""
        [row] = self._rows("other_admins", {"person_id": person_id})
        person = self.get(person_id)
        return row["count"] == 0 and person is not None and person.role is Role.ADMIN

    # --- invitations and passwords ---------------------------------------------------------

    def invite(self, person_id: int, token: str) -> None:
        """A link that works once, for three days; earlier ones work no more."""
        given = {"person_id": person_id, "digest": digest(token), "seconds": INVITATION_SECONDS}
        self._do("invite", given)

    def invited(self, token: str) -> Person | None:
        """Whom a link lets choose a password; None when it was used or is too old."""
        return self._one("invited", {"digest": digest(token)})

    def accept(self, token: str, password_hash: str) -> Person | None:
        """Use a link: the account has this password from now on, and every old session ends."""
        return self._one("accept", {"digest": digest(token), "password_hash": password_hash})

    def rehash(self, person_id: int, password_hash: str) -> None:
        """The same password under stronger parameters."""
        self._do("rehash", {"person_id": person_id, "password_hash": password_hash})

    # --- sessions --------------------------------------------------------------------------

    def open(self, person_id: int, token: str, client: str) -> None:
        """Somebody has signed in."""
        self._do("sweep", {})
        given = {"person_id": person_id, "digest": digest(token), "client": client}
        self._do("open", given | {"seconds": SESSION_SECONDS})

    def whose(self, token: str) -> Person | None:
        """Whose session it is, if it is one and its owner may still sign in."""
        given = {"digest": digest(token), "idle": IDLE_SECONDS}
        person = self._one("whose", given)
        if person is not None:
            self._do("touch", given)
        return person

    def close(self, token: str) -> None:
        """Somebody has signed out."""
        self._do("close", {"digest": digest(token)})

    # --- deeds -----------------------------------------------------------------------------

    def note(self, deed: Deed, request_id: str = "") -> None:
        """Write down what somebody did."""
        given = {
            "who": deed.who,
            "via": deed.via,
            "workspace": deed.workspace,
            "action": deed.action,
            "subject": deed.subject,
            "before": json.dumps(dict(deed.before), default=str),
            "after": json.dumps(dict(deed.after), default=str),
            "reason": deed.reason,
            "request_id": request_id,
        }
        self._do("note", given)

    def deeds(
        self, limit: int, *, workspace: str | None = None, subject: str | None = None
    ) -> Sequence[Deed]:
        """What people did, the latest first."""
        given = {"limit": limit, "workspace": workspace, "subject": subject}
        return [Deed(**row) for row in self._rows("deeds", given)]

    def _one(self, query: str, given: Mapping[str, Any]) -> Person | None:
        rows = self._rows(query, given)
        return _person(rows[0]) if rows else None

    def _rows(self, query: str, given: Mapping[str, Any]) -> list[dict[str, Any]]:
        with self._pool.connection() as connection:
            rows = connection.cursor(row_factory=dict_row)
            found: list[dict[str, Any]] = rows.execute(_SQL[query], given).fetchall()
        return found

    def _do(self, query: str, given: Mapping[str, Any]) -> None:
        with self._pool.connection() as connection:
            connection.execute(_SQL[query], given)


def digest(token: str) -> bytes:
    """What is kept of a secret that is random enough to need no salt."""
    return hashlib.sha256(token.encode()).digest()


def _person(row: Mapping[str, Any]) -> Person:
    return Person(**{**row, "role": Role(row["role"]), "standing": Standing(row["standing"])})
