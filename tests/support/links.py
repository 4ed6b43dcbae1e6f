"""What a page leads to, read as a browser without scripts reads it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode


@dataclass
class Reading:
    """A page as it was sent: its first headings, where it leads, what it would send, its scripts.

    `sends` are the forms of its main part; the rest of a page is everybody's own.
    """

    headings: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    sends: list[str] = field(default_factory=list)
    parts: set[str] = field(default_factory=set)
    scripts: int = 0


@dataclass
class _Form:
    action: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[tuple[str, str, str]] = field(default_factory=list)

    def addresses(self) -> Iterable[str]:
        """Where each of its buttons leads, with everything ticked."""
        for name, value, action in self.buttons or [("", "", "")]:
            fields = [*self.fields, *([(name, value)] if name else [])]
            plain = (action or self.action).partition("#")[0].partition("?")[0]
            yield f"{plain}?{urlencode(fields)}"


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found = Reading()
        self._forms: dict[str, _Form] = {}
        self._form: _Form | None = None
        self._select, self._main = "", False
        self._heading: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        self.found.parts.add(told.get("id", ""))
        match tag:
            case "a" if "href" in told:
                self.found.links.append(told["href"])
            case "script" if "src" in told:
                self.found.scripts += 1
            case "h1":
                self._heading = []
            case "main":
                self._main = True
            case "form":
                self._form = None
                if told.get("method", "get").lower() == "post":
                    self.found.sends += [told.get("action", "")] if self._main else []
                else:
                    self._form = _Form(told.get("action", ""))
                    self._forms[told.get("id", f"form {len(self._forms)}")] = self._form
            case "input" | "button" | "select" | "option":
                self._control(tag, told)

    def _control(self, tag: str, told: dict[str, str]) -> None:
        form = self._forms.get(told["form"]) if "form" in told else self._form
        if form is None or "disabled" in told or told.get("formmethod") == "post":
            return
        name, value = told.get("name", ""), told.get("value", "")
        if tag == "button":
            form.buttons.append((name, value, told.get("formaction", "")))
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select:
            form.fields.append((self._select, value))
            self._select = ""  # the first one
        elif tag == "input" and name and told.get("type") != "radio":
            form.fields.append((name, value or ("on" if told.get("type") == "checkbox" else "")))

    def handle_endtag(self, tag: str) -> None:
        if tag == "h1" and self._heading is not None:
            self.found.headings.append(" ".join("".join(self._heading).split()))
            self._heading = None
        if tag == "form":
            self._form = None

    def handle_data(self, data: str) -> None:
        if self._heading is not None:
            self._heading.append(data)

    def done(self) -> Reading:
        """The links of forms after those of the text."""
        for form in self._forms.values():
            self.found.links += form.addresses()
        return self.found


def read(text: str) -> Reading:
    """Read a page."""
    reader = _Reader()
    reader.feed(text)
    return reader.done()


def pattern(path: str) -> re.Pattern[str]:
    """What the addresses of a route look like."""
    parts = re.split(r"\{\w+(:path)?\}", path)
    return re.compile("[^/]+".join(re.escape(part) for part in parts[::2]) + "$")
