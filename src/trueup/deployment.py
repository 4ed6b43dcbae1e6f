"""A deployment: one or many workspaces, and the home database in which their jobs are kept.

A workspace is a catalogue with its ledger in a database of its own, an organisation at Zoho, a
schedule and a mapping. So each has its own budget, token and lock, and none can touch another's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from trueup.bootstrap import App, clock_of, open_app
from trueup.clock import SystemClock
from trueup.domain.errors import UsageError
from trueup.settings import Settings

if TYPE_CHECKING:
    from trueup.ports import Queue


@dataclass
class Deployment:
    """The workspaces by name, and what they share. Use it inside `open_deployment`."""

    home: App
    workspaces: Mapping[str, Settings]

    @property
    def clock(self) -> SystemClock:
        """The time by which schedules go."""
        return self.home.clock

    @cached_property
    def queue(self) -> Queue:
        """The jobs of all workspaces."""
        from trueup.postgres.queue import PostgresQueue

        return PostgresQueue(self.home.pool)

    def settings(self, workspace: str) -> Settings:
        """The settings of a workspace; raises `UsageError` for one that is not configured."""
        if workspace not in self.workspaces:
            known = ", ".join(sorted(self.workspaces))
            raise UsageError(f"there is no workspace {workspace!r}", f"configured are: {known}")
        return self.workspaces[workspace]

    def open(self, settings: Settings, **parts: Any) -> AbstractContextManager[App]:
        """A workspace's parts, closed at the end of the block; `parts` replace fields of `App`."""
        return open_app(settings, **parts)


@contextmanager
def open_deployment(home: Settings, workspaces: Mapping[str, Settings]) -> Iterator[Deployment]:
    """All workspaces of these settings; closed at the end of the block.

    Connections are held to the home database alone; a workspace has them while it is open.
    """
    # A simulated clock is one for all, and refused where any of them is not at an emulator.
    clocks = [clock_of(settings) for settings in workspaces.values()]
    with ExitStack() as stack:
        home = replace(home, timezone=_zone_kept(home, workspaces))
        yield Deployment(App(home, stack, clock=clocks[0]), workspaces)


def _zone_kept(home: Settings, workspaces: Mapping[str, Settings]) -> str:
    """The zone of the home database: of the workspace that lives in it too, where one does.

    SQL goes by the zone that is kept in a database; two must not take turns in one.
    """
    from trueup.postgres.addresses import address_of

    place = address_of(home.database_url)
    owners = (s for s in workspaces.values() if place and address_of(s.database_url) == place)
    return next(owners, home).timezone
