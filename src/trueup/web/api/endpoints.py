"""How an endpoint of the API comes about: a function, and what is the same for all of them.

Who calls is settled first, then what is asked for is read, then the function is called in a thread.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from http import HTTPStatus
from inspect import cleandoc
from typing import Any

import msgspec
from fastapi import APIRouter, Security
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.requests import Request

from trueup.domain.people import Role
from trueup.web.answers import Responses, errors
from trueup.web.api.asked import Asked, Parameter, path_parameters, read_query
from trueup.web.api.callers import SCHEME, Caller, admit
from trueup.web.bodies import read_json
from trueup.web.parts import threaded
from trueup.web.ui.access import House

PREFIX = "/api/v1"
WORKSPACE = "/workspaces/{workspace}"

_LOCATION = {"Location": {"description": "The job.", "schema": {"type": "string"}}}

Document = dict[str, Any]
Look = Callable[[Caller, Asked], Document]


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to an order; `where` is the address of what came of it."""

    document: Document
    where: str = ""


Act = Callable[[Caller, Any], Reply]


@dataclass(frozen=True)
class Described:
    """What the OpenAPI document says of an endpoint."""

    path: str
    name: str
    answer: type[BaseModel]
    summary: str
    role: Role = Role.VIEWER
    parameters: Sequence[Parameter] = ()
    statuses: Sequence[HTTPStatus] = ()
    example: Mapping[str, Any] | None = None
    status: HTTPStatus = HTTPStatus.OK

    @property
    def _all_statuses(self) -> set[HTTPStatus]:
        missing = {HTTPStatus.NOT_FOUND} if "{" in self.path else set()
        return {HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, *missing, *self.statuses}

    def responses(self) -> Responses:
        """Every status with its body."""
        found = errors(*self._all_statuses)
        found[int(self.status)] = {"model": self.answer, "description": self.status.phrase}
        if self.status is HTTPStatus.ACCEPTED:
            found[int(self.status)]["headers"] = _LOCATION
        return found

    def parameters_as_openapi(self) -> list[dict[str, Any]]:
        """Those of the path, then those of the query."""
        return [*path_parameters(self.path), *(one.as_openapi() for one in self.parameters)]


@dataclass(frozen=True)
class Api:
    """Collects endpoints."""

    house: House
    router: APIRouter = field(
        default_factory=lambda: APIRouter(prefix=PREFIX, dependencies=[Security(SCHEME)])
    )

    def reads(self, described: Described) -> Callable[[Look], Look]:
        """Register a function that answers GET."""

        def register(look: Look) -> Look:
            def work(request: Request) -> JSONResponse:
                caller = admit(self.house, request, described.role)
                asked = read_query(request.query_params.multi_items(), described.parameters)
                return self._answer(described, Reply(look(caller, asked)))

            async def endpoint(request: Request) -> JSONResponse:
                return await threaded(work, request)

            self._add("GET", described, endpoint, look)
            return look

        return register

    def does(self, described: Described, body: Any = None) -> Callable[[Act], Act]:
        """Register a function that carries an order out: POST, with a body where it has one."""

        def register(act: Act) -> Act:
            async def endpoint(request: Request) -> JSONResponse:
                caller = await threaded(admit, self.house, request, described.role)
                read_query(request.query_params.multi_items(), described.parameters)
                order = None if body is None else await read_json(request, body)
                reply = await threaded(act, caller, order)
                return self._answer(described, reply)

            self._add("POST", described, endpoint, act, _body(body, described.example))
            return act

        return register

    def _answer(self, described: Described, reply: Reply) -> JSONResponse:
        plain = json.loads(json.dumps(reply.document, default=_plain))
        headers = {"Location": reply.where} if reply.where else {}
        return self.house.parts.answer(described.status, plain, headers)

    def _add(
        self,
        method: str,
        described: Described,
        endpoint: Callable[[Request], Any],
        explained: Callable[..., Any],
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        self.router.add_api_route(
            described.path,
            endpoint,
            methods=[method],
            status_code=described.status,
            operation_id=described.name,
            responses=described.responses(),
            openapi_extra={"parameters": described.parameters_as_openapi(), **(extra or {})},
            summary=described.summary,
            description=f"{cleandoc(explained.__doc__ or '')}\n\nRole: {described.role.value}.",
            tags=["v1"],
        )


def _body(shape: Any, example: Mapping[str, Any] | None) -> dict[str, Any]:
    if shape is None:
        return {}
    content: dict[str, Any] = {"schema": schema_of(shape)}
    if example is not None:
        content["example"] = dict(example)
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


def schema_of(shape: Any) -> dict[str, Any]:
    """The JSON schema of a flat order, or of several that are told apart by a key."""
    [found], known = msgspec.json.schema_components([shape], ref_template="{name}")
    names = [one["$ref"] for one in found.get("anyOf", [found])]
    schemas = [known[name] for name in names]
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not JSON")
