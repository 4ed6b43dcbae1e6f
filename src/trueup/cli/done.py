"""What a command did is written down beside what pages and the API did: `trueup deeds` has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trueup.cli import output
from trueup.cli.asking import through, who_asks
from trueup.domain.deeds import Did
from trueup.domain.errors import TrueupError
from trueup.domain.people import Deed

if TYPE_CHECKING:
    from trueup.bootstrap import App


def write_down(
    app: App, did: Did, subject: str, *, by: str | None = None, reason: str = "", **states: Any
) -> None:
    """Note a deed of whoever is at the terminal; `before` and `after` where something changed.

    Deeds are in the home database. Where that cannot take it, a warning says so: what somebody
    must do now is not kept from them, and the history of changes has their name as well.
    """
    who, via, where = by or who_asks(), through(by), app.settings.workspace
    deed = Deed(app.clock.now(), who, did, subject, where, reason=reason.strip(), via=via, **states)
    try:
        _keep(app, deed)
    except TrueupError as error:
        output.complain(f"this is not in the list of deeds: {error.message}", error.remedy)


def _keep(app: App, deed: Deed) -> None:
    """In the home database, which mostly is the workspace's own."""
    from trueup.deployment import open_deployment
    from trueup.postgres.people import People
    from trueup.settings import load_all

    home, workspaces = load_all()
    if home.workspace == app.settings.workspace:
        People(app.pool).note(deed)
        return
    with open_deployment(home, workspaces) as deployment:
        People(deployment.home.pool).note(deed)
