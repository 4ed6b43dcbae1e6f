"""The settings of links: where a person finds a record in Zoho's own pages.

Those addresses are documented nowhere, and contain the organisation; so there are none until
somebody copies one from the browser.
"""

from __future__ import annotations

import re

from trueup.domain.records import Kind
from trueup.settings.option import Option

_PLACE = "{id}"


def link(value: object) -> str:
    """The address of a page with a place for an id, or nothing."""
    given = str(value).strip()
    if given and (_PLACE not in given or not re.fullmatch(r"https?://[^\s\"'<>]+", given)):
        raise ValueError(f"an address with {_PLACE} in it, such as https://crm.example/{_PLACE}")
    return given


LINKS: tuple[Option, ...] = tuple(
    Option(
        f"link_{kind.value}",
        f"links.{kind.value}",
        "",
        link,
        "",
        f"address of a {kind.value.replace('_', ' ')} in Zoho's pages, {_PLACE} for its id;"
        " empty: ids are no links",
    )
    for kind in Kind
)
