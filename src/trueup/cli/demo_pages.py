"""The demo that stays up: pages on an organisation where something is wrong."""

from __future__ import annotations

import secrets
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from types import FrameType
from typing import TYPE_CHECKING

from trueup.cli import output

if TYPE_CHECKING:
    from trueup.deployment import Deployment
    from trueup.settings import Settings
    from trueup.web.serving import Server

LOGIN = "demo"
_NAME = "Demo Admin"


def stay(settings: Settings, port: int | None) -> None:
    """Serve the pages with a worker beside them until Ctrl-C or SIGTERM.

    Raises `UsageError` when the port is not to be had; without one any free port will do.
    """
    from trueup.deployment import open_deployment
    from trueup.web.app import make_app
    from trueup.web.serving import Server, address_of, listen
    from trueup.web.ui.entrance import add_entrance
    from trueup.worker.main import Worker, make_ready

    with (
        open_deployment(settings, {"default": settings}) as deployment,
        listen(settings.host, port or 0) as listening,
    ):
        make_ready(deployment.home)
        app = make_app(deployment, worker_here=True)
        password, token = _let_somebody_in(deployment), secrets.token_urlsafe(24)
        add_entrance(app, LOGIN, token)
        server = Server(app, grace=settings.worker_grace, proxies=[])
        working = Worker(deployment)
        with _signals(server), working:
            _announce(address_of(listening), f"/enter/{token}", password)
            server.before_stop = _stopper(working.stop)
            server.run(sockets=[listening])
            working.wait()


def _let_somebody_in(deployment: Deployment) -> str:
    """An admin; returns the password."""
    from trueup.domain.people import Role
    from trueup.postgres.people import People
    from trueup.web.ui.passwords import hashed

    people = People(deployment.home.pool)
    password, invitation = secrets.token_urlsafe(12), secrets.token_urlsafe(32)
    if person := people.add(LOGIN, _NAME, Role.ADMIN):
        people.invite(person.person_id, invitation)
        people.accept(invitation, hashed(password))
    return password


def _announce(address: str, link: str, password: str) -> None:
    output.heading("═══ And now you ═══")
    output.say("The pages are up. Find out what is wrong, why, and put it right:", "bold")
    output.say(f"  {address}{link}", "bold")
    output.say("The link works once; from then on, or from elsewhere:", "dim")
    output.say(f"  {address} as {LOGIN}, password {password}", "dim")
    output.say("Ctrl-C ends everything.", "dim")


@contextmanager
def _signals(server: Server) -> Iterator[None]:
    """Ctrl-C and SIGTERM ask the server to stop."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        server.ask_to_stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stopper(stop: Callable[[], None]) -> Callable[[], None]:
    """Stops the worker beside the server: each has something to finish."""

    def begin() -> None:
        Thread(target=stop, daemon=True).start()

    return begin
