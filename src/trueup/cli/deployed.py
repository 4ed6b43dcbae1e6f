"""The deployment that a command of the worker or of the queue works with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trueup.deployment import Deployment


@contextmanager
def open_deployed(*, told: bool = False) -> Iterator[Deployment]:
    """All workspaces that are configured; `told`: what happens is logged, as of a service."""
    from contextlib import nullcontext

    from trueup.deployment import open_deployment
    from trueup.jobs.journal import observing
    from trueup.settings import load_all

    home, workspaces = load_all()
    watched = observing(home, workspaces.values()) if told else nullcontext()
    with watched, open_deployment(home, workspaces) as deployment:
        yield deployment
