"""The control endpoints under `/_emulator/`: for loopback use, without credentials.

Console calls leave no trace: no journal entry, no place in any window.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from zoho_emulator.controls import Controls, NoSuchRecordError
from zoho_emulator.faults import FaultScriptError
from zoho_emulator.oauth.tokens import ThrottledError
from zoho_emulator.options import Options, OptionsError
from zoho_emulator.wire import Request, Response

CONSOLE = "_emulator"
_RECORDS_DEPTH = 3


class BadCallError(ValueError):
    """A console call lacks something; the message names it."""


def answer(controls: Controls, request: Request) -> Response:
    """Carry out one console call; what is wrong with it is said as `{"error": …}`."""
    try:
        return Response.json(200, _carry_out(controls, request))
    except ThrottledError:
        return Response.json(400, {"error": "access_denied"})
    except NoSuchRecordError as error:
        return Response.json(404, {"error": str(error)})
    except (BadCallError, FaultScriptError, OptionsError) as error:
        return Response.json(400, {"error": str(error)})
    except (KeyError, TypeError, ValueError) as error:
        return Response.json(400, {"error": f"{type(error).__name__}: {error}"})


def _carry_out(controls: Controls, request: Request) -> Any:
    _, name, *rest = [unquote(part) for part in request.path.strip("/").split("/")] + [""]
    call = _CALLS.get((request.method, name))
    if call is None:
        raise NoSuchRecordError(f"the console has no {request.method} {request.path}")
    told = call(controls, request, rest)
    return {"ok": True} if told is None else told


def _journal(controls: Controls, request: Request, _rest: list[str]) -> Any:
    return controls.journal(int(request.query.get("since", "0")))


def _records(controls: Controls, request: Request, rest: list[str]) -> Any:
    if len(rest) != _RECORDS_DEPTH:
        raise BadCallError(
            f"{request.path}: name a service and a resource, as in records/crm/products"
        )
    return controls.records(rest[0], rest[1])


def _reset(controls: Controls, request: Request, _rest: list[str]) -> None:
    """A body holds new options; without one the organisation begins again as it was."""
    controls.reset(Options.from_json(_body(request)) if request.body else None)


def _grant_code(controls: Controls, request: Request, _rest: list[str]) -> Any:
    return {"code": controls.grant_code(_body(request).get("scope") if request.body else None)}


def _clock(controls: Controls, request: Request, _rest: list[str]) -> None:
    controls.advance(float(_need(_body(request), "advance")))


def _add(controls: Controls, request: Request, _rest: list[str]) -> Any:
    body = _body(request)
    return controls.add(*_where(body), _need(body, "fields"))


def _edit(controls: Controls, request: Request, _rest: list[str]) -> None:
    body = _body(request)
    controls.edit(*_where(body), _key(body), _need(body, "fields"), str(body.get("by", "")))


def _delete(controls: Controls, request: Request, _rest: list[str]) -> None:
    body = _body(request)
    controls.delete(*_where(body), _key(body))


def _layout(controls: Controls, request: Request, _rest: list[str]) -> None:
    """One layout is named `Standard`; `required` false takes the demand back."""
    body = _body(request)
    layout, required = str(body.get("layout", "Standard")), bool(body.get("required", True))
    controls.demand(layout, str(_need(body, "field")), required=required)


def _subscriptions(controls: Controls, request: Request, _rest: list[str]) -> None:
    body = _body(request)
    controls.attach_subscriptions(
        _need(body, "plan_code"), int(_need(body, "live")), int(body.get("cancelled", 0))
    )


_CALLS: Mapping[tuple[str, str], Callable[[Controls, Request, list[str]], Any]] = {
    ("GET", "state"): lambda controls, _request, _rest: controls.state(),
    ("GET", "journal"): _journal,
    ("GET", "records"): _records,
    ("GET", "faults"): lambda controls, _request, _rest: controls.state()["faults"],
    ("POST", "faults"): lambda controls, request, _rest: controls.add_faults(_body(request)),
    ("DELETE", "faults"): lambda controls, _request, _rest: controls.clear_faults(),
    ("POST", "reset"): _reset,
    ("POST", "clock"): _clock,
    ("POST", "add"): _add,
    ("POST", "edit"): _edit,
    ("POST", "delete"): _delete,
    ("POST", "layout"): _layout,
    ("POST", "subscriptions"): _subscriptions,
    ("POST", "expire-tokens"): lambda controls, _request, _rest: {
        "expired": controls.expire_tokens()
    },
    ("POST", "grant-code"): _grant_code,
}


def _where(body: Mapping[str, Any]) -> tuple[str, str]:
    return _need(body, "service"), _need(body, "resource")


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
