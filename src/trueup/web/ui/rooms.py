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
from trueup.views.desk import Desk
from trueup.views.times import BusinessTime

MOST_OPEN = 16  # workspaces; of a hundred, a few are looked at


@dataclass
class _Room:
    app: App
    stack: ExitStack
    visitors: int = 0


@dataclass
class Rooms:
    """The workspaces that pages look into, the last used ones kept open."""

    deployment: Deployment
    _open: OrderedDict[str, _Room] = field(default_factory=OrderedDict)
    _guard: Lock = field(default_factory=Lock)

    @contextmanager
    def desk(self, workspace: str) -> Iterator[Desk]:
        """A connection to a workspace's database, and its time.

        Raises `UsageError` for an unknown workspace, `SchemaError` and `DatabaseUnavailableError`.
        """
        room = self._enter(workspace)
        try:
            with room.app.pool.connection() as connection:
                zone = ZoneInfo(room.app.settings.timezone)
                yield Desk(room.app, connection, BusinessTime(zone, room.app.clock.now()))
        finally:
            self._leave(room)

    def close(self) -> None:
        """Close them all."""
        with self._guard:
            rooms, self._open = list(self._open.values()), OrderedDict()
        for room in rooms:
            room.stack.close()

    def _enter(self, workspace: str) -> _Room:
        settings = self.deployment.settings(workspace)
        with self._guard:
            room = self._open.get(workspace)
            if room is None:
                stack = ExitStack()
                app = stack.enter_context(self.deployment.open(settings, person=True))
                room = self._open[workspace] = _Room(app, stack)
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
