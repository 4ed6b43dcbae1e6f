"""How pages look: templates, filters, and headers that let a page load nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from hashlib import blake2b
from http import HTTPStatus
from importlib.resources import files
from typing import Any, Final

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape
from starlette.requests import Request

from trueup import __version__
from trueup.views import words
from trueup.views.times import BusinessTime, lasted
from trueup.web.ui.session import FORM_FIELD, form_token

_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
        " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
}


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("trueup.web.ui", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"when": when, "ago": ago, "money": money, "count": count, "lasted": lasted}
    made.filters |= {"place": words.place, "record": words.record, "field": words.field}
    made.filters |= {"standing": words.standing, "said": said, "counted": counted}
    made.globals |= {"asset": asset, "version": __version__, "form_field": FORM_FIELD}
    return made


def render(
    request: Request,
    template: str,
    context: Mapping[str, Any],
    status: HTTPStatus = HTTPStatus.OK,
) -> HTMLResponse:
    """A page. `context` names what the template shows."""
    given = {"request": request, "form_token": form_token(request), **context}
    page = _environment().get_template(template).render(given)
    if (parts := _parts(request)) is not None:
        page = parts.hiding.page(page)  # whoever wrote a secret into an error, say
    return HTMLResponse(page, status, dict(_HEADERS))


def _parts(request: Request) -> Any:
    """What the endpoints share; None where a page is made without them."""
    app = request.scope.get("app")
    return None if app is None else getattr(app.state, "parts", None)


@pass_context
def when(context: Context, instant: datetime | None) -> Markup | str:
    """An instant in the business zone; its title says it in UTC."""
    if instant is None:
        return "-"
    time: BusinessTime = context["time"]
    utc = f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    shown = f"{instant.astimezone(time.zone):%Y-%m-%d %H:%M}"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        instant.astimezone(UTC).isoformat(), utc, shown
    )


@pass_context
def ago(context: Context, instant: datetime | None) -> Markup | str:
    """How long ago; its title says when, there and in UTC."""
    if instant is None:
        return "never"
    time: BusinessTime = context["time"]
    utc = f"{instant.astimezone(UTC):%H:%M:%S} UTC"
    title = f"{time.at(instant)}, {utc}"
    return Markup('<time class="ago" datetime="{}" title="{}">{}</time>').format(
        instant.astimezone(UTC).isoformat(), title, time.ago(instant)
    )


def money(amount: Decimal | str | None, currency: str = "") -> str:
    """An amount with its currency, thousands apart: two decimals, more where it has more."""
    if amount is None or amount == "":
        return "-"
    # What must not be torn apart at the end of a line is not.
    return f"{currency}\N{NO-BREAK SPACE}{words.amount(Decimal(str(amount)))}".strip()


def said(text: str) -> Markup:
    """A sentence: a capital, a full stop, and what stands in backticks as code."""
    told = text.strip()
    if not told:
        return Markup("")
    first, *rest = told.split(" ", 1)
    told = " ".join([_begun(first), *rest])
    pieces = told.split("`")
    if len(pieces) % 2 == 0:  # one without its partner is just a sign
        pieces = [told]
    shown = (
        Markup("<code>{}</code>").format(piece) if place % 2 else escape(piece)
        for place, piece in enumerate(pieces)
    )
    return Markup("").join(shown) + ("" if told.endswith((".", "!", "?", "…")) else ".")


def _begun(word: str) -> str:
    """The first word of a sentence; names of fields and of records are left as they are."""
    if (shown := words.place(word)) != word:
        return shown
    return word[0].upper() + word[1:] if word.strip(",;:").replace("'", "").isalpha() else word


def counted(number: int, one: str, more: str = "") -> str:
    """`1 product`, `2 products`."""
    return f"{number:,} {one if number == 1 else more or one + 's'}"


def count(number: float) -> str:
    """A number with thousands apart."""
    return f"{number:,}"


@cache
def asset(name: str) -> str:
    """The address of a file that comes with us; another content has another address."""
    content = (files("trueup.web.ui") / "static" / name).read_bytes()
    return f"/static/{blake2b(content, digest_size=6).hexdigest()}/{escape(name)}"
