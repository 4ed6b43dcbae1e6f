"""Bodies of requests: bounded, and read after the caller was let in."""

from __future__ import annotations

from http import HTTPStatus
from typing import TypeVar

import msgspec
from starlette.requests import Request

from trueup.web.refusals import Refusal

Order = TypeVar("Order")
LARGEST = 256 * 1024


async def read_json(request: Request, shape: type[Order], largest: int = LARGEST) -> Order:
    """The body as a value of this shape; raises the `Refusal` 400 or 413 that says what is wrong.

    The body is never repeated in an answer.
    """
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > largest:
            raise Refusal(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"the body is larger than {largest} bytes",
                "send less at once",
                headers={"Connection": "close"},
            )
    try:
        return msgspec.json.decode(bytes(content), type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, f"the body: {error}", "nothing was started") from None
