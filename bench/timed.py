"""An HTTP transport that knows how long the other side took."""

from __future__ import annotations

import time

import httpx2


class TimedTransport(httpx2.HTTPTransport):
    """The ordinary transport; `seconds` adds up from handing a request over to its whole answer."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0
        self.requests = 0

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request and read its answer to the end."""
        began = time.perf_counter()
        response = super().handle_request(request)
        response.read()
        self.seconds += time.perf_counter() - began
        self.requests += 1
        return response
