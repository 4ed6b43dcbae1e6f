"""`trueup serve`: the endpoints, the schedules and a worker in one process."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from socket import socket
from threading import Thread
from types import FrameType
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from trueup.cli import output
from trueup.cli.selectors import whole
from trueup.cli.stopping import shout
from trueup.views.times import local

if TYPE_CHECKING:
    from trueup.deployment import Deployment
    from trueup.worker.main import Worker

_STOPPING = "finishing the requests in flight; once more stops at once"
_AT_ONCE = "stopped at once; nothing is lost: another worker continues"
_HIGHEST_PORT = 65_535
_SHORT_SECRET = 16


def _a_port(_: object, value: int | None) -> None:
    if value is not None and not 0 <= value <= _HIGHEST_PORT:
        raise ValueError(f"must be from 0 to {_HIGHEST_PORT}")


def serve(
    *,
    host: Annotated[
        str | None, Parameter(name="--host", help="Listen on this address [TRUEUP_HOST].")
    ] = None,
    port: Annotated[
        int | None,
        Parameter(
            name="--port",
            converter=whole,
            validator=_a_port,
            help="Listen on this port; 0 takes a free one [TRUEUP_PORT].",
        ),
    ] = None,
    no_scheduler: Annotated[
        bool,
        Parameter(
            name="--no-scheduler", negative="", help="Leave the schedules to other processes."
        ),
    ] = False,
    no_worker: Annotated[
        bool,
        Parameter(name="--no-worker", negative="", help="Leave the jobs to `trueup worker`."),
    ] = False,
) -> int:
    """Serve the endpoints, keep the schedules and carry out the jobs, in one process.

    It needs nothing else: without DATABASE_URL it starts the embedded
    database. GET /healthz says that it is alive, /readyz that it can work,
    /openapi.json lists every endpoint. SIGTERM or Ctrl-C answers whoever
    waits and hands the jobs over; a second one stops at once.

    For example:
      trueup serve
      trueup serve --host 0.0.0.0 --port 8080
      trueup serve --no-worker --no-scheduler
    """
    from trueup.cli.deployed import open_deployed
    from trueup.web.serving import listen, trusted

    with open_deployed(told=True) as deployment:
        settings = deployment.home.settings
        proxies = trusted(settings.proxies)
        number = settings.port if port is None else port
        with listen(host or settings.host, number) as listening:
            left = _serve_until_told(
                deployment, listening, proxies, scheduler=not no_scheduler, jobs=not no_worker
            )
        if left:
            # Their threads may wait for an answer for long, and the end of this process for them.
            # To die at any instant loses nothing (law 9).
            os._exit(0)
    return 0


def _serve_until_told(
    deployment: Deployment,
    listening: socket,
    proxies: list[str],
    *,
    scheduler: bool,
    jobs: bool,
) -> list[int]:
    """Serve until a signal comes; returns the jobs that did not end in time."""
    from trueup.web.app import make_app
    from trueup.web.serving import Server, address_of
    from trueup.worker.main import Worker, make_ready

    make_ready(deployment.home)
    idle = not (scheduler or jobs)
    app = make_app(deployment, worker_here=not idle)
    server = Server(app, grace=deployment.home.settings.worker_grace, proxies=proxies)
    working = Worker(deployment, scheduler=scheduler, jobs=jobs)
    with _signals(server.ask_to_stop), nullcontext() if idle else working:
        _announce(deployment, address_of(listening), schedules=scheduler)
        if not idle:
            server.before_stop = _stopper(working)
        server.run(sockets=[listening])
        if not idle:
            working.wait()
    return working.left


def _stopper(working: Worker) -> Callable[[], None]:
    """Stops the worker beside the server: each has something to finish."""

    def stop() -> None:
        Thread(target=working.stop, args=("the server was stopped",), daemon=True).start()

    return stop


@contextmanager
def _signals(ask_to_stop: Callable[[], None]) -> Iterator[None]:
    """The first signal asks the server to stop; the second one ends us."""
    heard: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        heard.append(number)
        if len(heard) > 1:
            shout(_AT_ONCE)
            os._exit(1)
        shout(_STOPPING)
        ask_to_stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _announce(deployment: Deployment, address: str, *, schedules: bool) -> None:
    """Say where it listens, what it will do when, and what is missing: to a person, or the log."""
    from trueup import logs

    coming = _coming(deployment) if schedules else []
    lacking = _lacking(deployment)
    if not output.on_terminal():
        log = logs.logger()
        log.info("serving", address=address, schedules=dict(coming))
        for lack in lacking:
            log.warning("lacking", lack=lack)
        return
    output.say(f"listening on {address}", "bold")
    for name, when in coming:
        output.say(f"  {name}: next at {when}")
    if not schedules:
        output.say("  schedules are left to other processes")
    for lack in lacking:
        output.say(f"  missing: {lack}", "yellow")
    output.say("Ctrl-C stops it", "dim")


def _coming(deployment: Deployment) -> list[tuple[str, str]]:
    """Each schedule with its next time, where the company is."""
    from trueup.planner.schedule import next_occurrences

    found = []
    for workspace, settings in deployment.workspaces.items():
        for schedule in settings.schedules:
            name = schedule.name
            if len(deployment.workspaces) > 1:
                name = f"{workspace}/{name}"
            for one in next_occurrences(schedule, deployment.clock.now(), 1):
                when = f"{local(one.at, schedule.zone)} {schedule.zone}"
                found.append((name, when))
    return found


def _lacking(deployment: Deployment) -> list[str]:
    """What somebody will stumble over: said now, not at two in the night."""
    from trueup.bootstrap import require_credentials
    from trueup.domain.errors import CredentialsError

    found = []
    home = deployment.home.settings
    if not home.cron_secret:
        found.append("CRON_SECRET: /api answers 500 until it is set")
    elif len(home.cron_secret) < _SHORT_SECRET:
        found.append(f"a CRON_SECRET of {_SHORT_SECRET} characters or more: this one is guessed")
    for settings in deployment.workspaces.values():
        try:
            require_credentials(settings)
        except CredentialsError as error:
            found.append(f"credentials ({error.message}): /readyz says 503, no run succeeds")
    return found
