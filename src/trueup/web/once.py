"""What costs requests to Zoho, and is pointless twice at the same time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from threading import Lock

from trueup.web.refusals import Refusal


@dataclass(frozen=True, slots=True)
class OneCheck:
    """Lets one check of a workspace in at a time."""

    _going_on: set[str] = field(default_factory=set)
    _guard: Lock = field(default_factory=Lock)

    @contextmanager
    def of(self, workspace: str) -> Iterator[None]:
        """Be the only one in the block; raises `Refusal` (409) where somebody is in it."""
        with self._guard:
            if workspace in self._going_on:
                raise Refusal(
                    HTTPStatus.CONFLICT,
                    "somebody has asked for the same check, and it is not over yet",
                    "go back, and try again in a minute",
                )
            self._going_on.add(workspace)
        try:
            yield
        finally:
            self._going_on.discard(workspace)
