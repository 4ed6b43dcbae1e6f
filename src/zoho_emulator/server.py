"""The emulator behind a real socket: a raw ASGI application under uvicorn.

The application carries out what a `Reply` says about its way to the client: delays, silence, real
TCP resets, bodies that stop half-way. A request that is still on its way counts as in flight.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import struct
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any, Protocol
from urllib.parse import parse_qsl

import uvicorn

from zoho_emulator.app import Ticket
from zoho_emulator.wire import Request, Response

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# Linger on, for zero seconds: closing such a socket sends RST instead of FIN.
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_GRACE_SECONDS = 1


class Answering(Protocol):
    """What is served: an organisation, or several."""

    def begin(self, request: Request) -> Ticket:
        """Answer a request and keep it in flight."""

    def finish(self, ticket: Ticket) -> None:
        """It has been delivered."""

    def served_at(self, base_url: str) -> None:
        """Tell it its address."""


class Front:
    """The ASGI application of one emulator."""

    def __init__(self, emulator: Answering) -> None:
        self._emulator = emulator
        self.closing = asyncio.Event()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        request = await _read(scope, receive)
        ticket = self._emulator.begin(request)
        try:
            await self._deliver(ticket, receive, send)
        finally:
            self._emulator.finish(ticket)

    async def _deliver(self, ticket: Ticket, receive: Receive, send: Send) -> None:
        """Send the reply through its weather; stop early when the client leaves."""
        reply = ticket.reply
        if reply.delay and not await self._wait(receive, reply.delay):
            await _reset(send)
            return
        match reply.cut:
            case "reset":
                await _reset(send)
            case "hang":
                await self._wait(receive, None)
                await _reset(send)
            case "truncate":
                await _send_half(reply.response, send)
                await _close(send)
            case _:
                await _send(reply.response, send)

    async def _wait(self, receive: Receive, seconds: float | None) -> bool:
        """Wait; False when the client left or the server closes before the time was over."""
        gone = asyncio.ensure_future(_departure(receive))
        closing = asyncio.ensure_future(self.closing.wait())
        done, pending = await asyncio.wait(
            {gone, closing}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
        )
        for task in pending:
            task.cancel()
        return not done


async def _departure(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _read(scope: Message, receive: Receive) -> Request:
    body, more = bytearray(), True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    query = scope["query_string"].decode("latin-1")
    return Request(
        method=scope["method"],
        path=scope["raw_path"].decode("latin-1"),
        query=dict(parse_qsl(query, keep_blank_values=True)),
        headers={name.decode("latin-1"): text.decode("latin-1") for name, text in scope["headers"]},
        body=bytes(body),
    )


async def _send(response: Response, send: Send) -> None:
    await _send_head(response, len(response.body), send)
    await send({"type": "http.response.body", "body": response.body})


async def _send_half(response: Response, send: Send) -> None:
    """A whole content-length, half a body: the client cannot take it for complete."""
    await _send_head(response, max(2, len(response.body)), send)
    half = response.body[: max(1, len(response.body) // 2)] or b" "
    await send({"type": "http.response.body", "body": half, "more_body": True})


async def _send_head(response: Response, length: int, send: Send) -> None:
    headers = [(name.encode(), text.encode()) for name, text in response.headers.items()]
    if response.status not in {204, 304}:
        headers.append((b"content-length", str(length).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})


async def _reset(send: Send) -> None:
    """Drop the connection the hard way, as a crashed gateway does."""
    transport = _transport(send)
    connection = transport.get_extra_info("socket")
    if connection is not None and not transport.is_closing():
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()
    await asyncio.sleep(0)  # lets the loop tell uvicorn, which would answer 500 otherwise


async def _close(send: Send) -> None:
    """Send what was written, then hang up."""
    _transport(send).close()
    await asyncio.sleep(0)


def _transport(send: Send) -> asyncio.Transport:
    """The connection behind an ASGI `send`, a method of uvicorn's object for one request."""
    transport: asyncio.Transport = send.__self__.transport  # type: ignore[attr-defined]
    return transport


class _Server(uvicorn.Server):
    """uvicorn, which says when it is ready and leaves the signals to us."""

    def __init__(self, config: uvicorn.Config, front: Front, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._front = front
        self._ready = ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGTERM and SIGINT with exit code 0, also while requests hang."""
        if threading.current_thread() is not threading.main_thread():
            yield  # only the main thread may listen to signals
            return
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self.stop)
        yield

    def stop(self) -> None:
        """Close down: hanging requests are let go at once."""
        self._front.closing.set()
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen, then tell whoever waits for it."""
        await super().startup(sockets)
        self._ready()


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; port 0 takes a free one. Raises `OSError` when the port is in use."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio answers without delay (TCP_NODELAY) only where the protocol is named.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen(128)
    except OSError:
        bound.close()
        raise
    return bound


def base_url(bound: socket.socket) -> str:
    """Where a bound socket is reached."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(bound: socket.socket, emulator: Answering, ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT; `ready` is called once requests are accepted."""
    emulator.served_at(base_url(bound))
    asyncio.run(_serve(bound, emulator, ready))


def run(host: str, port: int, emulator: Answering) -> None:
    """Listen and serve, with one line on stdout once ready; raises `OSError` for a taken port."""

    def announce() -> None:
        sys.stdout.write(base_url(bound) + "\n")
        sys.stdout.flush()

    with listen(host, port) as bound:
        serve(bound, emulator, announce)


async def _serve(bound: socket.socket, emulator: Answering, ready: Callable[[], None]) -> None:
    # A fault of the emulator itself reaches stderr with its traceback; the rest stays quiet.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    front = Front(emulator)
    config = uvicorn.Config(
        front,
        http="h11",
        lifespan="off",
        access_log=False,
        proxy_headers=False,
        log_config=None,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        server_header=False,
    )
    await _Server(config, front, ready).serve(sockets=[bound])
