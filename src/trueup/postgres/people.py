"""Accounts, sessions and deeds in the home database. Of every secret only a digest is kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from psycopg import sql
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from trueup.domain.errors import UsageError
from trueup.domain.people import Deed, Person, Role, Session, Standing
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
        return self._one("by_login", {"login": login.strip()}) if "\x00" not in login else None

    def at_the_door(self, login: str) -> tuple[Person | None, str | None]:
        """Whose login it is, and the hash of their password if they may sign in with one."""
        rows = [] if "\x00" in login else self._rows("at_the_door", {"login": login.strip()})
        if not rows:
            return None, None
        kept = rows[0].pop("password_hash")
        return _person(rows[0]), kept

    def password_hash(self, person_id: int) -> str | None:
        """The hash of somebody who may sign in with a password."""
        rows = self._rows("password", {"person_id": person_id})
        return rows[0]["password_hash"] if rows else None

    def add(self, login: str, name: str, role: Role) -> Person | None:
        """A new account, invited; None when the login or the name is somebody else's."""
        return self._one("add", {"login": login, "name": name, "role": role.value})

    def change(
        self, person_id: int, *, role: Role | None = None, standing: Standing | None = None
    ) -> Person | None:
        """Another role or standing; who is disabled is signed out, and their links work no more.

        Raises `UsageError` when nobody could let people in any more; of two admins who take the
        role from each other at one moment, one keeps it.
        """
        given = {"person_id": person_id, "role": role, "standing": standing}
        leaves = role not in (None, Role.ADMIN) or standing is Standing.DISABLED
        with self._pool.connection() as connection, connection.transaction():
            connection.execute(_SQL["one_at_a_time"])
            last = connection.execute(_SQL["last_admin"], given).fetchone()
            if leaves and last is not None and last[0]:
                raise UsageError(
                    "this is the last admin: nobody could let people in any more",
                    "make somebody else admin first",
                )
            if standing is Standing.DISABLED:
                connection.execute(_SQL["close_all"], given | {"but": None})
                connection.execute(_SQL["drop_links"], given)
            rows = connection.cursor(row_factory=dict_row)
            found = rows.execute(_SQL["change"], given).fetchone()
        return _person(found) if found else None

    def is_last_admin(self, person_id: int) -> bool:
        """Whether nobody else could let people in."""
        rows = self._rows("last_admin", {"person_id": person_id})
        return bool(rows and rows[0]["last"])

    # --- those for whom somebody else vouches -----------------------------------------------

    def vouched(self, issuer: str, subject: str) -> Person | None:
        """Whom an OpenID Connect issuer calls by this subject."""
        return self._one("vouched", {"issuer": issuer, "subject": subject})

    def admit(
        self, login: str, name: str, role: Role, *, issuer: str, subject: str
    ) -> Person | None:
        """A new account without a password; None when the login or the name is somebody else's."""
        given = {"login": login, "name": name, "role": role.value}
        return self._one("admit", given | {"issuer": issuer, "subject": subject})

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

    def reset(self, person_id: int, token: str) -> Person | None:
        """The password works no more, every session ends, and a link lets choose another.

        Somebody who was disabled is let in again.
        """
        with self._pool.connection() as connection, connection.transaction():
            rows = connection.cursor(row_factory=dict_row)
            found = rows.execute(_SQL["reset"], {"person_id": person_id}).fetchone()
            if found is not None:
                given = {"person_id": person_id, "digest": digest(token)}
                connection.execute(_SQL["invite"], given | {"seconds": INVITATION_SECONDS})
        return _person(found) if found else None

    def rehash(self, person_id: int, password_hash: str) -> None:
        """Another password, or the same under stronger parameters."""
        self._do("rehash", {"person_id": person_id, "password_hash": password_hash})

    # --- sessions --------------------------------------------------------------------------

    def open(self, person_id: int, token: str, client: str) -> None:
        """Somebody has signed in."""
        self._do("sweep", {"idle": IDLE_SECONDS})
        given = {"person_id": person_id, "digest": digest(token), "client": client}
        self._do("open", given | {"seconds": SESSION_SECONDS})

    def whose(self, token: str) -> Person | None:
        """Whose session it is, if it is one and its owner may still sign in."""
        given = {"digest": digest(token), "idle": IDLE_SECONDS}
        person = self._one("whose", given)
        if person is not None:
            self._do("touch", given)
        return person

    def lasts(self, token: str) -> bool:
        """Whether a session goes on; asking does not keep it awake."""
        return self._one("whose", {"digest": digest(token), "idle": IDLE_SECONDS}) is not None

    def close(self, token: str) -> None:
        """Somebody has signed out."""
        self._do("close", {"digest": digest(token)})

    def close_all(self, person_id: int, *, but: str = "") -> None:
        """Somebody is signed out everywhere, or everywhere but where this token is."""
        self._do("close_all", {"person_id": person_id, "but": digest(but) if but else None})

    def sessions(self, person_id: int, token: str = "") -> Sequence[Session]:
        """Where somebody is signed in: first where this token is, then the last used."""
        given = {"person_id": person_id, "digest": digest(token), "idle": IDLE_SECONDS}
        return [Session(**row) for row in self._rows("sessions", given)]

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
        self,
        limit: int,
        *,
        workspace: str | None = None,
        subject: str | None = None,
        who: str | None = None,
        action: str | None = None,
        before: int | None = None,
    ) -> Sequence[Deed]:
        """What people did, the latest first; `before` is the number of a deed, to go on from."""
        given = {
            "limit": limit,
            "workspace": workspace,
            "subject": subject,
            "who": who,
            "action": action,
            "before": before,
        }
        return [Deed(**row) for row in self._rows("deeds", given)]

    def deed_words(self) -> tuple[Sequence[str], Sequence[str]]:
        """Who ever did something, and which actions there were."""
        [row] = self._rows("deed_words", {})
        return row["who"], row["actions"]

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
