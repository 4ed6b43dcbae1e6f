"""News for pages that are open: one thread looks for all browsers, server-sent events tell them.

What is looked at comes from Postgres, so it does not matter where the work is done. Nobody who
watches keeps anything waiting: a stream ends when its browser goes, when its session ends, when the
server stops, and after some minutes, when the browser comes back and has to show again who it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from http import HTTPStatus
from threading import Event, Lock, Thread
from typing import Any, Final

from fastapi.responses import StreamingResponse
from starlette.requests import Request

from trueup.web.parts import threaded
from trueup.web.refusals import Refusal
from trueup.web.ui.access import House
from trueup.web.ui.session import token_of
from trueup.web.waiting import first_of

EVERY: Final = 1.0  # seconds between two looks
_BREATH: Final = 2.0  # seconds until a stream looks whether anybody listens still
_LONGEST: Final = 300.0  # seconds of one stream
_MOST: Final = 100  # who listen at a time
_MOST_OF_ONE: Final = 12  # in one session; a browser by itself opens six to one address
_AGAIN: Final = "retry: 2000\n\n"  # milliseconds until a browser comes back

Look = Callable[[], Any]  # returns a value that can be compared; None: it is gone


@dataclass
class Follower:
    """Somebody who watches: `changed` is set when there are news."""

    loop: asyncio.AbstractEventLoop
    subject: _Subject
    who: str = ""
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def news(self) -> Any:
        """What was seen last."""
        return self.subject.news


@dataclass
class _Subject:
    look: Look
    seen: bool = False
    news: Any = None
    followers: list[Follower] = field(default_factory=list)


class Newsroom:
    """Looks at each subject once a second while somebody follows it, in one thread for all."""

    def __init__(self, every: float = EVERY) -> None:
        self._every = every
        self._subjects: dict[str, _Subject] = {}
        self._guard = Lock()
        self._somebody_came = Event()
        self._thread: Thread | None = None

    def has_room(self, who: str) -> bool:
        """Whether one more may listen for somebody, named by a word of the caller's."""
        with self._guard:
            all_of_them = [one for found in self._subjects.values() for one in found.followers]
        own = sum(one.who == who for one in all_of_them)
        return len(all_of_them) < _MOST and own < _MOST_OF_ONE

    @contextmanager
    def follow(self, name: str, look: Look, who: str = "") -> Iterator[Follower]:
        """News of a subject; `look` is asked when nobody follows it yet."""
        loop = asyncio.get_running_loop()
        with self._guard:
            subject = self._subjects.setdefault(name, _Subject(look))
            follower = Follower(loop, subject, who)
            subject.followers.append(follower)
            if subject.seen:
                follower.changed.set()
            if self._thread is None:
                self._thread = Thread(target=self._look_around, name="newsroom", daemon=True)
                self._thread.start()
        self._somebody_came.set()
        try:
            yield follower
        finally:
            with self._guard:
                subject.followers.remove(follower)
                if not subject.followers:
                    del self._subjects[name]
            self._somebody_came.set()

    def _look_around(self) -> None:
        while (subjects := self._followed()) is not None:
            for subject in subjects:
                # A database that cannot be asked has no news; the next look may find it.
                with suppress(Exception):
                    self._tell(subject, subject.look())
            self._somebody_came.wait(self._every)
            self._somebody_came.clear()

    def _followed(self) -> list[_Subject] | None:
        with self._guard:
            if self._subjects:
                return list(self._subjects.values())
            self._thread = None  # the next who follows begins another
            return None

    def _tell(self, subject: _Subject, news: Any) -> None:
        with self._guard:
            if subject.seen and subject.news == news:
                return
            subject.seen, subject.news = True, news
            followers = list(subject.followers)
        for one in followers:
            with suppress(RuntimeError):  # its loop has ended, and with it whoever followed
                one.loop.call_soon_threadsafe(one.changed.set)


@dataclass(frozen=True, slots=True)
class Broadcast:
    """What a stream is about: `show` makes the markup of news, `over` says that they are the last.

    The browser puts the markup in the place of what it shows (event `shown`), and after the last
    news loads the page again (event `over`).
    """

    name: str
    look: Look
    show: Callable[[Any], str]
    over: Callable[[Any], bool]


def stream(
    house: House, newsroom: Newsroom, request: Request, broadcast: Broadcast
) -> StreamingResponse:
    """The answer that goes on for as long as there are news and its session lasts.

    Raises `Refusal` (503) when too many listen already.
    """
    who = token_of(request)
    if not newsroom.has_room(who):
        raise Refusal(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "too many pages are open that move by themselves",
            "close some of them; this one still shows all when it is loaded again",
            headers={"Retry-After": "30"},
        )
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # nginx would keep it back
    told = _told(house, newsroom, request, broadcast, who)
    return StreamingResponse(told, HTTPStatus.OK, headers, media_type="text/event-stream")


async def _told(
    house: House, newsroom: Newsroom, request: Request, broadcast: Broadcast, who: str
) -> AsyncIterator[str]:
    stopping, monotonic = house.parts.stopping, house.parts.deployment.clock.monotonic
    until, heard = monotonic() + _LONGEST, request.headers.get("last-event-id", "")
    yield _AGAIN
    with newsroom.follow(broadcast.name, broadcast.look, who) as follower:
        while not stopping.is_set() and monotonic() < until:
            await first_of(_BREATH, follower.changed, stopping)
            if stopping.is_set() or await request.is_disconnected():
                return
            signed_in = await threaded(_is_signed_in, house, who)
            if signed_in is None:  # a browser that comes back finds out
                return
            if not follower.changed.is_set() and signed_in:
                yield ": nothing new\n\n"
                continue
            follower.changed.clear()
            news = follower.news
            if not signed_in or news is None or broadcast.over(news):
                yield event("over", "")
                return
            shown = await threaded(broadcast.show, news)
            # A browser that comes back says what it has.
            mark = blake2b(shown.encode(), digest_size=8).hexdigest()
            if mark != heard:
                heard = mark
                yield event("shown", shown, mark)


def _is_signed_in(house: House, token: str) -> bool | None:
    """Whether the session still lasts; listening does not keep it awake. None: not to be known."""
    with suppress(Exception):  # a database that cannot be asked
        return house.people.lasts(token)
    return None


def event(name: str, text: str, mark: str = "") -> str:
    """One event as it goes over the wire; a line of `data` for each line of the text."""
    lines = text.splitlines() or [""]
    about = [f"id: {mark}\n"] if mark else []
    return "".join([*about, f"event: {name}\n", *(f"data: {one}\n" for one in lines), "\n"])
