"""The server around the app: a socket of our own, and an end that answers whoever still waits."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from ipaddress import ip_network
from typing import Final

import uvicorn
from fastapi import FastAPI

from trueup.domain.errors import UsageError
from trueup.settings.serving import address_at

_BACKLOG: Final = 2048
_MOST_CONNECTIONS: Final = 1000  # beyond them 503 at once: memory stays bounded


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; raises `UsageError` when the address is not to be had."""
    try:
        [(family, _, _, _, address), *_] = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        # Both families for `::`, as people expect who give it.
        both = family == socket.AF_INET6 and address[0] == "::" and socket.has_dualstack_ipv6()
        made = socket.create_server(
            address[:2], family=family, backlog=_BACKLOG, dualstack_ipv6=both
        )
        # asyncio sends at once only what it knows to be TCP; else each answer takes 40 ms longer.
        return socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, made.detach())
    except (OSError, UnicodeError, OverflowError) as error:
        # Python adds the address to the system's words a second time.
        reason = (
            (error.strerror or "").partition(" (while ")[0] if isinstance(error, OSError) else ""
        )
        raise UsageError(
            f"cannot listen on {host} port {port}: {reason or 'there is no such address'}",
            "choose another with --host and --port, or with TRUEUP_HOST and TRUEUP_PORT",
        ) from None


def address_of(listening: socket.socket) -> str:
    """Where a browser on this machine finds it."""
    host, port = listening.getsockname()[:2]
    return address_at(host, port)


def trusted(proxies: str) -> list[str]:
    """The proxies whose X-Forwarded-For is believed; raises `UsageError` for what is no address."""
    found = [part for part in proxies.replace(",", " ").split() if part]
    for part in found:
        try:
            ip_network(part, strict=False)
        except ValueError:
            raise UsageError(
                f"web.proxies: expected addresses or networks, not {part!r}",
                "such as 10.0.0.0/8, 127.0.0.1",
            ) from None
    return found


class Server(uvicorn.Server):
    """uvicorn without hands on the signals; before it ends, those who wait are answered."""

    def __init__(self, app: FastAPI, *, grace: float, proxies: list[str]) -> None:
        config = uvicorn.Config(
            app,
            http="h11",
            loop="asyncio",
            ws="none",
            lifespan="on",
            log_config=None,  # its warnings come through our log
            access_log=False,
            server_header=False,
            proxy_headers=bool(proxies),
            forwarded_allow_ips=proxies,
            limit_concurrency=_MOST_CONNECTIONS,
            backlog=_BACKLOG,
            timeout_graceful_shutdown=max(1, round(grace)),
        )
        super().__init__(config)
        self._app = app
        self.before_stop: Callable[[], None] = lambda: None

    def ask_to_stop(self) -> None:
        """Begin to stop; may be called from a signal handler."""
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let go of whoever waits, then stop as uvicorn does."""
        self._app.state.parts.stopping.set()
        self.before_stop()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the program's: uvicorn's own handlers would end it with 143."""
        yield
