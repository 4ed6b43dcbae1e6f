"""The demo that stays up: pages on an organisation where something is wrong."""

from __future__ import annotations

import secrets
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from types import FrameType
from typing import TYPE_CHECKING

from trueup.cli import output
from trueup.domain.errors import UsageError

if TYPE_CHECKING:
    from trueup.deployment import Deployment
    from trueup.settings import Settings
    from trueup.web.serving import Server

LOGIN = "demo"
_NAME = "Demo Admin"


def reserve(host: str, port: int | None) -> socket.socket:
    """A socket for the pages, before anything else is begun; without a port any free one will do.

    Raises `UsageError` when it is not to be had.
    """
    from trueup.web.serving import listen

    try:
        return listen(host, port or 0)
    except UsageError as error:
        remedy = "choose another with --port, or leave it out: any free one will do"
        raise UsageError(error.message, remedy) from None


def stay(settings: Settings, listening: socket.socket) -> None:
    """Serve the pages with a worker beside them until Ctrl-C or SIGTERM."""
    from trueup.deployment import open_deployment
    from trueup.web.app import make_app
    from trueup.web.serving import Server, address_of
    from trueup.web.ui.entrance import add_entrance
    from trueup.worker.main import Worker, make_ready

    with open_deployment(settings, {"default": settings}) as deployment:
        make_ready(deployment.home)
        _look_around(deployment)
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
    output.say("All of it has ended.", "dim")


def _look_around(deployment: Deployment) -> None:
    """What differs and what is there twice is known before anybody opens a page."""
    from trueup.domain.jobs import JobKind, JobRequest, Priority
    from trueup.domain.runs import Trigger
    from trueup.jobs.carrying import carry_out
    from trueup.reconcile.applying import Brake

    queue = deployment.queue
    for kind in (JobKind.DRIFT, JobKind.DUPLICATES):
        asked = queue.ask(JobRequest("default", kind, Trigger.DEMO, Priority.PERSON))
        if asked and (job := queue.claim(asked.job_id, LOGIN)):
            queue.finish(job, carry_out(deployment, job, Brake()))


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
    output.say(
        "Open this in a browser; it signs you in. What is wrong, why, and what to do?", "bold"
    )
    output.say(f"  {address}{link}", "bold")
    output.say("The link works once. From another browser:", "dim")
    output.say(f"  {address}  login {LOGIN}, password {password}", "dim")
    output.say("Ctrl-C ends everything.", "dim")


@contextmanager
def _signals(server: Server) -> Iterator[None]:
    """Ctrl-C and SIGTERM ask the server to stop."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        output.say("Ending …", "dim")
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
