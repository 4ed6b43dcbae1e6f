"""Where a person finds a record in Zoho's own pages, if somebody has said so (`links.*`)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from trueup.domain.records import Kind

if TYPE_CHECKING:
    from trueup.settings.load import Settings


def page_of(settings: Settings, kind: Kind, remote_id: str) -> str:
    """The address of a record's page; empty when none is known. A plan's id is its code."""
    form: str = getattr(settings, f"link_{kind.value}")
    return form.replace("{id}", quote(remote_id, safe=""))
