"""Money, whatever happens: people, weather and crashes, guards, and a person who approves."""

from __future__ import annotations

from properties.test_convergence import Convergence
from support.guarded_world import GuardedWorld
from support.profiles import effort
from support.worlds import World


class ConvergenceWithGuards(Convergence):
    """The same rules; in good weather everything is approved, and then one run converges."""

    def new_world(self) -> World:
        return GuardedWorld()


TestConvergenceWithGuards = ConvergenceWithGuards.TestCase
TestConvergenceWithGuards.settings = effort(40, 12)
