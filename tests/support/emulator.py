"""The emulator for tests: in-process behind an httpx2 transport, or as a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx2

from zoho_emulator.app import Emulator
from zoho_emulator.wire import Request

SOURCE = Path(__file__).parents[2] / "src"
_STOP_SECONDS = 5


class EmulatorTransport(httpx2.BaseTransport):
    """Hands requests to an emulator and turns a reply's weather into what httpx2 would raise.

    `sleep` receives delays in wall seconds; pass `clock.advance` to let a manual clock move instead.
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
    folder: Path,
) -> Iterator[dict[str, str]]:
    """A served emulator on a free port; yields the variables that point a client at it.

    `folder` is where its option and fault files are put, a test's `tmp_path`.
    """
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
