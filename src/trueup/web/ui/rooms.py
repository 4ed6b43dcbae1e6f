"""Open workspaces, kept for a while: a page should not wait for connections to be made."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from threading import Lock
from zoneinfo import ZoneInfo

from trueup.bootstrap import App
from trueup.deployment import Deployment
from trueup.domain.errors import DatabaseUnavailableError
from trueup.settings import Settings
from trueup.views.desk import Desk
from trueup.views.tally import Lately
from trueup.views.times import BusinessTime

MOST_OPEN = 16  # workspaces; of a hundred, a few are looked at


@dataclass
class _Room:
    """A workspace that is open, or being opened by the first who came."""

    stack: ExitStack = field(default_factory=ExitStack)
    visitors: int = 0
    _app: App | None = None
    _lately: Lately | None = None
    _opening: Lock = field(default_factory=Lock)

    def opened(self, deployment: Deployment, settings: Settings) -> tuple[App, Lately]:
        """Its app; who comes while it is opened waits, and opens it if the first one could not."""
        with self._opening:
            if self._app is None or self._lately is None:
                self._app = self.stack.enter_context(deployment.open(settings, person=True))
                self._lately = Lately(self._app.clock.monotonic)
            return self._app, self._lately


@dataclass
class Rooms:
    """The workspaces that pages look into, the last used ones kept open."""

    deployment: Deployment
    _open: OrderedDict[str, _Room] = field(default_factory=OrderedDict)
    _closed: bool = False
    _guard: Lock = field(default_factory=Lock)  # never held while anything is opened or closed

    @contextmanager
    def desk(self, workspace: str) -> Iterator[Desk]:
        """A connection to a workspace's database, and its time.

        Raises `UsageError` for an unknown workspace, `SchemaError` and `DatabaseUnavailableError`.
        """
        settings = self.deployment.settings(workspace)
        room = self._enter(workspace)
        try:
            app, lately = room.opened(self.deployment, settings)
            with app.pool.connection() as connection:
                time = BusinessTime(ZoneInfo(app.settings.timezone), app.clock.now())
                yield Desk(app, connection, time, lately)
        finally:
            self._leave(room)

    def close(self) -> None:
        """Close them all; one that is being looked into, when the last visitor leaves it."""
        with self._guard:
            self._closed = True
            idle = [room for room in self._open.values() if not room.visitors]
            self._open.clear()
        for room in idle:
            room.stack.close()

    def _enter(self, workspace: str) -> _Room:
        with self._guard:
            if self._closed:
                raise DatabaseUnavailableError("Trueup is being stopped.", "Try again in a moment.")
            room = self._open.setdefault(workspace, _Room())
            self._open.move_to_end(workspace)
            room.visitors += 1
            idle = [name for name, one in self._open.items() if not one.visitors]
            spare = [self._open.pop(name) for name in idle[: max(0, len(self._open) - MOST_OPEN)]]
        for one in spare:
            one.stack.close()
        return room

    def _leave(self, room: _Room) -> None:
        with self._guard:
            room.visitors -= 1
            last = self._closed and not room.visitors
        if last:
            room.stack.close()
