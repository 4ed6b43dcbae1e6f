"""The emulator for tests: in-process behind an httpx2 transport, or as a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx2

from zoho_emulator.app import Emulator
from zoho_emulator.wire import Request

SOURCE = Path(__file__).parents[2] / "src"
_STOP_SECONDS = 5


class EmulatorTransport(httpx2.BaseTransport):
    """Hands requests to an emulator and turns a reply's weather into what httpx2 would raise.

    `sleep` receives delays in wall seconds; a manual clock's `advance` lets time move instead.
    """

    def __init__(self, emulator: Emulator, sleep: Callable[[float], None] = time.sleep) -> None:
        self._emulator = emulator
        self._sleep = sleep

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        ticket = self._emulator.begin(to_wire(request))
        reply = ticket.reply
        try:
            if reply.delay:
                patience = request.extensions.get("timeout", {}).get("read")
                if patience is not None and reply.delay > patience:
                    self._sleep(patience)
                    raise httpx2.ReadTimeout("the emulator is slower than that", request=request)
                self._sleep(reply.delay)
            if reply.cut == "reset":
                raise httpx2.ReadError("connection reset by the emulator", request=request)
            if reply.cut == "hang":
                raise httpx2.ReadTimeout("the emulator hangs", request=request)
            if reply.cut == "truncate":
                raise httpx2.RemoteProtocolError("the emulator hung up half-way", request=request)
            answer = reply.response
            return httpx2.Response(answer.status, headers=dict(answer.headers), content=answer.body)
        finally:
            self._emulator.finish(ticket)


class Caller:
    """Speaks to an emulator in-process, with a token of its own."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.token = self.refresh()["access_token"]

    def refresh(self, **changes: str) -> dict[str, Any]:
        """The token endpoint's answer to a refresh; `changes` replace its parameters."""
        options = self.emulator.options
        form = {
            "grant_type": "refresh_token",
            "client_id": options.client_id,
            "client_secret": options.client_secret,
            "refresh_token": options.refresh_token,
        } | changes
        body = urlencode(form).encode()
        reply = self.emulator.handle(Request("POST", "/oauth/v2/token", body=body))
        answer: dict[str, Any] = json.loads(reply.response.body)
        return answer

    def __call__(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: dict[str, str] | None = None,
        **query: str,
    ) -> tuple[int, Any]:
        """Status and document (None for an empty body) of one call."""
        reply = self.emulator.handle(self.request(method, path, body, headers, **query))
        content = reply.response.body
        return reply.response.status, json.loads(content) if content else None

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: dict[str, str] | None = None,
        **query: str,
    ) -> Request:
        """A request that carries the token; `body` is sent as JSON unless it is bytes."""
        if not isinstance(body, bytes):
            body = b"" if body is None else json.dumps(body).encode()
        all_headers = {"authorization": f"Zoho-oauthtoken {self.token}"} | (headers or {})
        return Request(method, path, query, all_headers, body)


def to_wire(request: httpx2.Request) -> Request:
    """An httpx2 request as the emulator takes it."""
    target = request.url.raw_path.decode("ascii")
    path, _, query = target.partition("?")
    return Request(
        method=request.method,
        path=path,
        query=dict(parse_qsl(query, keep_blank_values=True)),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=request.read(),
    )


@contextmanager
def emulator_process(
    *,
    options: dict[str, Any] | None = None,
    faults: Sequence[dict[str, Any]] | None = None,
    seed: int = 1,
    time_scale: float = 1,
    folder: Path | None = None,
) -> Iterator[dict[str, str]]:
    """A served emulator on a free port; yields the variables that point a client at it.

    `folder` is where its option and fault files are put; a temporary one unless named.
    """
    if folder is None:
        with (
            TemporaryDirectory() as name,
            emulator_process(
                options=options, faults=faults, seed=seed, time_scale=time_scale, folder=Path(name)
            ) as found,
        ):
            yield found
        return
    command = [sys.executable, "-m", "zoho_emulator", "--port", "0", "--json"]
    command += ["--seed", str(seed), "--time-scale", str(time_scale)]
    for name, content in (("options", options), ("faults", faults)):
        if content is not None:
            file = folder / f"emulator-{name}.json"
            file.write_text(json.dumps(content))
            command += [f"--{name}", str(file)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=SOURCE
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                assert process.stderr is not None
                raise RuntimeError(f"the emulator did not start: {process.stderr.read()}")
            yield json.loads(line)
        finally:
            process.terminate()
            try:
                process.communicate(timeout=_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
