"""Files for bulk write: a zip with one CSV, sent as a multipart form (zoho-facts §2.12)."""

from __future__ import annotations

import io
import re
import zipfile
from typing import TYPE_CHECKING

from zoho_emulator.crm.errors import refusal
from zoho_emulator.wire import Request, Response

if TYPE_CHECKING:
    from zoho_emulator.world import World

LARGEST = 25 * 1024 * 1024
_BOUNDARY = re.compile(r'boundary="?([^";]+)"?', re.IGNORECASE)
_NAME = re.compile(rb'\bname="([^"]*)"')


def upload(world: World, request: Request) -> Response:
    """`POST /crm/v8/upload` with the headers `feature: bulk-write` and `X-CRM-ORG`."""
    store = world.crm
    if request.headers.get("x-crm-org") != world.options.org_id:
        raise refusal(400, "MANDATORY_NOT_FOUND", "mandatory header X-CRM-ORG missing or wrong")
    if request.headers.get("feature") != "bulk-write":
        raise refusal(400, "MANDATORY_NOT_FOUND", "mandatory header feature missing or wrong")
    content = file_part(request)
    if content is None:
        raise refusal(400, "MANDATORY_NOT_FOUND", "required field not found", api_name="file")
    if len(content) > LARGEST:
        raise refusal(400, "INVALID_DATA", "Import file size should be less than 25 mb.")
    if not zipfile.is_zipfile(io.BytesIO(content)):
        text = "invalid file format. only zip format is supported"
        raise refusal(400, "INVALID_FILE_FORMAT", text)
    file_id = store.ids.next()
    store.uploads[file_id] = content
    details = {"file_id": file_id, "created_time": store.stamp(store.now())}
    answer = {
        "status": "success",
        "code": "FILE_UPLOAD_SUCCESS",
        "message": "file uploaded.",
        "details": details,
    }
    return Response.json(200, answer)


def file_part(request: Request) -> bytes | None:
    """The bytes of the form's part `file`, untouched: archives do not survive text parsers."""
    boundary = _BOUNDARY.search(request.headers.get("content-type", ""))
    if boundary is None:
        return None
    for part in request.body.split(b"--" + boundary[1].encode())[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if name is not None and name[1] == b"file":
            return content.removesuffix(b"\r\n")
    return None
