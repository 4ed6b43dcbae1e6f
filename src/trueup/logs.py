"""Logs are events on stderr: short lines for people on a terminal, one JSON line each elsewhere.

No secret is ever in a line. Whoever knows one says so (`hide`), and it is cut out twice: from the
values of an event, so that a line stays well-formed, and from the finished line, whatever made it.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from threading import Lock, RLock
from typing import Any, Final, Literal, TextIO
from urllib.parse import quote

LogFormat = Literal["auto", "json", "text"]
Event = Mapping[str, Any]

MASK: Final = "***"
# A shorter one would be found in every word. It is longer than the mask, so hiding comes to an end.
SHORTEST_SECRET: Final = 4
_DEEPEST: Final = 6  # what lies deeper in a value is shown as its text
# Not "Basic Fibre" or "bearer token": what is shorter and secret is known by its value.
_TOKEN: Final = re.compile(
    r"(?i)\b(zoho-oauthtoken|(?:bearer|basic)(?=\s+[^\s\"',]{16}))(\s+)[^\s\"',]+"
)
_SECRET_NAME: Final = re.compile(
    r"(?i)(^|[_-])(authorization|password|passwd|secret|token|cookie|apikey|api_key)$"
)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_FIRST: Final = ("timestamp", "level", "event")
_FAMILIAR: Final = frozenset({"job", "job_id", "run_id"})
_BEGINS_OR_ENDS: Final = ("job_", "run_")
_COLOURS: Final = {"debug": "2", "info": "32", "warning": "33", "error": "31", "critical": "31;1"}


class Curtain:
    """Cuts known secrets out of text, also as JSON, Python and addresses would write them."""

    def __init__(self) -> None:
        self._known: tuple[str, ...] = ()
        self._guard = Lock()

    def add(self, secrets: Iterable[str]) -> None:
        """Hide these from now on; what is shorter than `SHORTEST_SECRET` cannot be hidden."""
        forms = {form for secret in secrets for form in _forms(secret)}
        with self._guard:
            known = forms | set(self._known)
            found = (form for form in known if len(form) >= SHORTEST_SECRET)
            self._known = tuple(sorted(found, key=lambda form: (-len(form), form)))

    def text(self, text: str) -> str:
        """The text without them. What a cut brings together is cut as well."""
        text = _TOKEN.sub(rf"\1\2{MASK}", text)
        found = True
        while found:
            found = False
            for secret in self._known:
                if secret in text:
                    text, found = text.replace(secret, MASK), True
        return text

    def value(self, value: Any, depth: int = 0) -> Any:
        """The same for a value of an event, however it is nested."""
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int | float):
            return value if self.text(str(value)) == str(value) else MASK
        if isinstance(value, str):
            return self.text(value)
        if depth < _DEEPEST and isinstance(value, Mapping):
            return {self.text(str(k)): self.field(str(k), v, depth) for k, v in value.items()}
        if depth < _DEEPEST and isinstance(value, list | tuple | set | frozenset):
            return [self.value(one, depth + 1) for one in value]
        return self.text(str(value))

    def field(self, name: str, value: Any, depth: int = 0) -> Any:
        """A named value; what the name calls a secret is one, known or not."""
        named = isinstance(value, str | bytes) and _SECRET_NAME.search(name)
        return MASK if named else self.value(value, depth + 1)


def _forms(secret: str) -> set[str]:
    quoted = {quote(secret), quote(secret, safe="")}
    escaped = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    return {secret, repr(secret)[1:-1], repr(secret.encode())[2:-1], *quoted, *escaped}


_CURTAIN: Final = Curtain()
_SETTING_UP: Final = RLock()  # by whoever says something first, in whatever thread


def hide(secrets: Iterable[str]) -> None:
    """These values must never be in a line, in this process."""
    _CURTAIN.add(secrets)


class Lines:
    """Where lines go. A reader who is gone, or a full disk, never ends a run."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._guard = Lock()

    def msg(self, line: str) -> None:
        """Write one whole line."""
        try:
            with self._guard:
                self._out.write(f"{line}\n")
                self._out.flush()
        except (OSError, ValueError):
            return

    log = debug = info = warn = warning = error = critical = fatal = msg


class Foreign(logging.Handler):
    """Warnings of the libraries, as events like ours."""

    def emit(self, record: logging.LogRecord) -> None:
        """Say what a library said; a record that cannot be put together is shown as it is."""
        try:
            text = record.getMessage()
        except (TypeError, ValueError):
            text = str(record.msg)
        log = logger()
        log.log(record.levelno, text, logger=record.name, exc_info=record.exc_info or None)


def logger() -> Any:
    """Where events are said; warnings go to stderr where nobody has set anything up."""
    import structlog

    with _SETTING_UP:
        if not structlog.is_configured():
            set_up()
    return structlog.get_logger()


def set_up(
    *,
    verbose: bool = False,
    stream: TextIO | None = None,
    log_format: LogFormat = "auto",
    secrets: Iterable[str] = (),
) -> None:
    """Configure logging once, at the edge. Without `verbose` only warnings and worse are shown.

    Colours are for terminals, and not for who sets NO_COLOR.
    """
    import structlog

    hide(secrets)
    out = stream or sys.stderr
    on_terminal = out.isatty()
    people = log_format == "text" or (log_format == "auto" and on_terminal)
    render: Callable[[Event], str] = (
        Aligned(colours=on_terminal and not os.environ.get("NO_COLOR")) if people else as_json
    )
    with _SETTING_UP:
        structlog.configure(
            processors=[
                structlog.contextvars.merge_contextvars,
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.format_exc_info,
                _rendering(render),
            ],
            wrapper_class=structlog.make_filtering_bound_logger(
                logging.INFO if verbose else logging.WARNING
            ),
            logger_factory=lambda *_: Lines(out),
            cache_logger_on_first_use=False,
        )
        root = logging.getLogger()
        # It has nothing of its own: one that is there stays, so that no warning meets none.
        if not any(isinstance(handler, Foreign) for handler in root.handlers):
            root.addHandler(Foreign(logging.WARNING))


def _rendering(render: Callable[[Event], str]) -> Callable[[Any, str, Event], str]:
    """The last step of every event: its line, without secrets, whatever is in it."""

    def line_of(_logger: Any, _name: str, event: Event) -> str:
        shown = {k: event[k] for k in _FIRST if k in event} | dict(event)
        masked = {_CURTAIN.text(k): _CURTAIN.field(k, v) for k, v in shown.items()}
        return _CURTAIN.text(render(masked))

    return line_of


def as_json(event: Event) -> str:
    """One line of JSON."""
    return json.dumps(dict(event), ensure_ascii=False, default=str)


class Aligned:
    """A short line for people: the time in UTC, what happened, then what is known about it.

    Which job and run it belongs to is said where they begin and end, a workspace where there are
    several, and counts where they are not zero.
    """

    def __init__(self, *, colours: bool) -> None:
        self._colours = colours

    def __call__(self, event: Event) -> str:
        facts = dict(event)
        level, name = str(facts.pop("level", "")), _shown(facts.pop("event", ""))
        time = str(facts.pop("timestamp", ""))[11:19]
        trace = facts.pop("exception", None)
        known = _FAMILIAR if name.startswith(_BEGINS_OR_ENDS) else frozenset()
        pairs = (
            f"{self._paint('2', _one_line(key) + '=')}{_shown(value)}"
            for key, value in facts.items()
            if value is not None
            and (key not in _FAMILIAR or key in known)
            and (key, value) != ("workspace", "default")
            and (key != "status" or name != f"change_{value}")
        )
        head = self._paint(_COLOURS.get(level, "0"), f"{level:<7}")
        line = " ".join([self._paint("2", time), head, f"{name:<18}", *pairs]).rstrip()
        return f"{line}\n{trace}" if trace else line

    def _paint(self, colour: str, text: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._colours else text


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return _one_line(value)
    if isinstance(value, Mapping):
        value = {key: one for key, one in value.items() if one != 0}
    return _one_line(json.dumps(value, ensure_ascii=False, default=str))


def _one_line(text: str) -> str:
    """Without control characters: no text from outside may look like a line of ours."""
    return _CONTROL.sub(lambda found: repr(found.group())[1:-1], text)
