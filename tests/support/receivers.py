"""Receivers of messages: an HTTP server and a mail server of the standard library, on loopback."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Inbox:
    """What has arrived. `answers` are the next status codes; then it is 200."""

    address: str = ""
    requests: list[tuple[str, str, Any]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    gate: threading.Event | None = None  # an answer waits for it
    arrived: threading.Event = field(default_factory=threading.Event)

    @property
    def documents(self) -> list[Any]:
        """The JSON that was posted."""
        return [body for method, _, body in self.requests if method == "POST"]

    @property
    def pings(self) -> list[str]:
        """The paths that were called with GET."""
        return [path for method, path, _ in self.requests if method == "GET"]


@contextmanager
def http_receiver() -> Iterator[Inbox]:
    """A server that takes every GET and POST."""
    inbox = Inbox()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._take(None)

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            self._take(json.loads(self.rfile.read(length)))

        def _take(self, body: Any) -> None:
            inbox.requests.append((self.command, self.path, body))
            inbox.arrived.set()
            if inbox.gate is not None:
                inbox.gate.wait(30)
            self.send_response(inbox.answers.pop(0) if inbox.answers else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    with _running(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
        inbox.address = f"http://127.0.0.1:{port}"
        yield inbox


@contextmanager
def mail_receiver() -> Iterator[tuple[int, list[str]]]:
    """A mail server that takes everything: its port, and the letters."""
    letters: list[str] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self._say("220 mail.example")
            while line := self.rfile.readline().decode().strip():
                verb = line.split()[0].upper()
                if verb == "DATA":
                    self._say("354 go on")
                    letters.append("".join(iter(self._line, ".\r\n")))
                self._say("221 bye" if verb == "QUIT" else "250 fine")
                if verb == "QUIT":
                    return

        def _line(self) -> str:
            return self.rfile.readline().decode()

        def _say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

    with _running(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)) as port:
        yield port, letters


@contextmanager
def _running(server: socketserver.TCPServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
