"""The control endpoints under `/_emulator/`: for loopback use, without credentials.

Console calls leave no trace: no journal entry, no place in any window.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from zoho_emulator.controls import Controls, NoSuchRecordError
from zoho_emulator.faults import FaultScriptError
from zoho_emulator.options import Options, OptionsError
from zoho_emulator.wire import JsonDocument, Request, Response

CONSOLE = "_emulator"
_RECORDS_DEPTH = 3


class BadCallError(ValueError):
    """A console call lacks something; the message names it."""


def answer(controls: Controls, request: Request) -> Response:
    """Carry out one console call; what is wrong with it is said as `{"error": …}`."""
    try:
        return Response.json(200, _carry_out(controls, request))
    except NoSuchRecordError as error:
        return Response.json(404, {"error": str(error)})
    except (BadCallError, FaultScriptError, OptionsError) as error:
        return Response.json(400, {"error": str(error)})
    except (KeyError, TypeError, ValueError) as error:
        return Response.json(400, {"error": f"{type(error).__name__}: {error}"})


def _carry_out(controls: Controls, request: Request) -> Any:
    name, *rest = [unquote(part) for part in request.path.strip("/").split("/")[1:]] or [""]
    match (request.method, name):
        case ("GET", "state"):
            return controls.state()
        case ("GET", "journal"):
            return controls.journal(int(request.query.get("since", "0")))
        case ("GET", "records") if len(rest) == _RECORDS_DEPTH - 1:
            return controls.records(rest[0], rest[1])
        case ("GET", "faults"):
            return controls.state()["faults"]
        case ("DELETE", "faults"):
            controls.clear_faults()
        case ("POST", "faults"):
            controls.add_faults(_body(request))
        case ("POST", "reset"):
            document = _body(request) if request.body else None
            controls.reset(None if document is None else Options.from_json(document))
        case ("POST", "expire-tokens"):
            return {"expired": controls.expire_tokens()}
        case ("POST", "grant-code"):
            scope = _body(request).get("scope") if request.body else None
            return {"code": controls.grant_code(scope)}
        case ("POST", _):
            return _act(controls, name, _body(request))
        case _:
            raise NoSuchRecordError(f"the console has no {request.method} {request.path}")
    return {"ok": True}


def _act(controls: Controls, name: str, body: JsonDocument) -> JsonDocument:
    """The calls that name a record, or a number of seconds."""
    match name:
        case "clock":
            controls.advance(float(_need(body, "advance")))
        case "add":
            fields = _need(body, "fields")
            return controls.add(_need(body, "service"), _need(body, "resource"), fields)
        case "edit":
            fields = _need(body, "fields")
            controls.edit(_need(body, "service"), _need(body, "resource"), _key(body), fields)
        case "delete":
            controls.delete(_need(body, "service"), _need(body, "resource"), _key(body))
        case "subscriptions":
            controls.attach_subscriptions(_need(body, "plan_code"), int(_need(body, "live")))
        case _:
            raise NoSuchRecordError(f"the console has no POST /{CONSOLE}/{name}")
    return {"ok": True}


def _key(body: Mapping[str, Any]) -> str:
    return str(body["id"] if "id" in body else _need(body, "code"))


def _need(body: Mapping[str, Any], name: str) -> Any:
    if name not in body:
        raise BadCallError(f"this call needs {name}")
    return body[name]


def _body(request: Request) -> Any:
    try:
        return request.json()
    except ValueError as error:
        raise BadCallError("the body is not JSON") from error
