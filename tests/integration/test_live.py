"""A run is watched while it is made: what it tells, and streams that end when they should."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import enumerate as threads
from typing import Any

import pytest

from support import postgres
from support.crew import a_request
from support.pages import Pages, open_pages
from support.served import calling, wait_for
from trueup.domain.people import Role
from trueup.domain.progress import Finished, Lane, Line, RunProgress
from trueup.domain.records import TargetName
from trueup.domain.runs import ProductStatus
from trueup.postgres.people import People
from trueup.postgres.pool import open_pool
from trueup.postgres.run_progress import keeper, told
from trueup.web.app import make_app
from trueup.web.ui.live import Newsroom

RUNS = "/w/default/runs"
HOSTILE = "<img src=x onerror=alert(1)>"
WRITING = RunProgress(
    "writing",
    changes=120,
    products=60,
    requests=90,
    lanes={TargetName.CRM: Lane(1, 3, 40, 2)},
    finished=(Finished(HOSTILE, TargetName.CRM, ProductStatus.FAILED, "no\nsuch tax"),),
)
BEGIN = """
    insert into trueup.run (run_id, trigger, state, started_at)
    values (%s, 'cli', 'running', clock_timestamp())"""
LOCK = "select trueup.take_lease('default/run', 'somebody', 300, %s, 'host.example', 1)"
FREE = "update trueup.lease set expires_at = clock_timestamp()"
END = """
    update trueup.run set state = 'succeeded', finished_at = clock_timestamp() where run_id = %s"""


@dataclass
class Making:
    """A database in which runs are made, and the pages on it."""

    database: str
    pages: Pages

    def sql(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with self.pages.deployment.home.pool.connection() as connection:
            cursor = connection.execute(query.encode(), values)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def run(self, run_id: str) -> Iterator[str]:
        """A run that is on its way for the length of a block."""
        self.sql(BEGIN, run_id)
        self.sql(LOCK, run_id)
        yield f"{RUNS}/{run_id}"
        self.sql(END, run_id)
        self.sql(FREE)

    def tell(self, run_id: str, progress: RunProgress) -> None:
        keeper(self.pages.deployment.home.pool)(run_id, progress)


@pytest.fixture(scope="module")
def making(postgres_server: str, template: str) -> Iterator[Making]:
    with (
        postgres.fresh_database(postgres_server, template) as url,
        open_pages({"DATABASE_URL": url}) as pages,
    ):
        yield Making(url, pages)


def looking() -> bool:
    """Whether a thread looks for news."""
    return "newsroom" in {thread.name for thread in threads()}


def test_a_stream_tells_until_it_is_over(making: Making) -> None:
    """Two who watch have one thread between them; it ends with them."""
    with ThreadPoolExecutor(2) as pool, making.run("cli-a") as path:
        making.tell("cli-a", WRITING)
        streams = [pool.submit(making.pages.get, f"{path}/events") for _ in range(2)]
        wait_for(looking, "the thread")
        assert [thread.name for thread in threads()].count("newsroom") == 1
        making.tell("cli-a", RunProgress("nearly done"))
    for answer in (stream.result(30) for stream in streams):
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        *_, last, end = answer.text.split("\n\n")
        assert (last, end) == ("event: over\ndata: ", "")
    wait_for(lambda: not looking(), "the end of the thread")


def test_the_page_shows_how_far_it_is(making: Making) -> None:
    """And has a link to load it again where there are no scripts; afterwards it is the record."""
    with making.run("cli-b") as path:
        making.tell("cli-b", WRITING)
        page = making.pages.get(path).text
        assert f'<a href="{path}">load it again</a>' in page
        assert f'data-live="{path}/events"' in page
        assert "42 of 120 changes, 60 products" in page
        assert "about 1 min 00 s left" in page
        assert "&lt;img src=x" in page
        assert "Cancel the run" not in page
        assert "Watch the run" in making.pages.get("/w/default").text
    assert "data-live" not in making.pages.get(path).text


def test_a_run_that_tells_nothing_is_shown_by_what_it_wrote_down(making: Making) -> None:
    change = """
        insert into trueup.change_history (run_id, at, target, kind, code, sku, sku_key, owner,
                                           action, reason, deltas, status, remote_id, error_code,
                                           detail)
        values ('cli-c', now(), 'crm', 'crm_product', 'F', 'FIB-7', 'fib-7', '', 'update',
                'edited', '{}', 'rejected', '', '3006', '3006: no such tax')"""
    with making.run("cli-c") as path:
        making.sql(change)
        assert "rejected FIB-7 at CRM : 3006: no such tax" in making.pages.text(path)


def test_a_run_whose_process_died_says_so(making: Making) -> None:
    with making.run("cli-d") as path:
        making.sql(FREE)
        page = making.pages.text(path, Role.OPERATOR)
        assert "Its process has died" in page
        assert "Cancel the run" not in page


def test_cancelling(making: Making) -> None:
    """An operator may; who did is on the page, and in what people did."""
    with making.run("cli-e") as path:
        refused = making.pages.post(f"{path}/cancel", {}, Role.VIEWER, form=path)
        assert refused.status_code == 403
        told_to = making.pages.post(f"{path}/cancel", {}, Role.OPERATOR, form=path)
        assert told_to.headers["location"] == f"{path}?done=cancelled"
        page = making.pages.text(f"{path}?done=cancelled", Role.OPERATOR)
        assert "It was told to stop" in page
        assert "Operator Example cancelled it" in page
        assert ("Operator Example", "cancelled a run", "cli-e", "") in making.pages.deeds()
    again = making.pages.post(f"{path}/cancel", {}, Role.OPERATOR, form=RUNS)
    assert again.headers["location"] == f"{path}?done=over"


def test_a_stream_ends_with_the_server(making: Making) -> None:
    with (
        making.run("cli-f") as path,
        calling(making.pages.deployment) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        waiting = pool.submit(Pages(making.pages.deployment, client).get, f"{path}/events")
        wait_for(looking, "the thread")
        assert client.portal is not None
        client.portal.call(client.app.state.parts.stopping.set)  # type: ignore[attr-defined]
        assert "event: over" not in waiting.result(30).text


def test_a_stream_ends_with_its_session(making: Making) -> None:
    """Whoever signs out, or is shut out, is told that the page is over, and no more."""
    wait_for(lambda: not looking(), "the end of who looked before")
    with making.run("cli-s") as path, ThreadPoolExecutor(1) as pool:
        making.tell("cli-s", WRITING)
        people = People(making.pages.deployment.home.pool)
        [admin] = [one for one in people.everybody() if one.role is Role.ADMIN]
        people.open(admin.person_id, "another-session", "127.0.0.1")
        cookie = {"Cookie": "trueup_session=another-session"}
        stream = pool.submit(making.pages.client.get, f"{path}/events", headers=cookie)
        wait_for(looking, "the thread")
        people.close("another-session")
        heard = stream.result(30).text
        assert heard.endswith("event: over\ndata: \n\n")
        making.tell("cli-s", RunProgress("a secret of later"))
        assert "a secret of later" not in heard
    assert (
        making.pages.client.get(f"{path}/events", headers=cookie, follow_redirects=False)
        .headers["location"]
        .startswith("/login")
    )


def test_only_so_many_listen(making: Making) -> None:
    """One session has its share; who finds no room is told, on a page that shows all the same."""
    newsroom = Newsroom()

    async def crowd() -> list[bool]:
        with ExitStack() as stack:
            room = []
            for number in range(12):
                room.append(newsroom.has_room("one"))
                stack.enter_context(newsroom.follow(f"run {number}", lambda: None, "one"))
            return [*room, newsroom.has_room("one"), newsroom.has_room("another")]

    assert asyncio.run(crowd()) == [True] * 12 + [False, True]
    assert newsroom.has_room("one")
    wait_for(lambda: not looking(), "the end of the thread")


def test_what_a_browser_has_is_not_sent_again(
    making: Making, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes back, after a server was away, with the mark of what it was shown last."""
    monkeypatch.setattr("trueup.web.ui.live._BREATH", 0.05)
    app = make_app(making.pages.deployment)
    job = making.pages.deployment.queue.ask(a_request())
    assert job is not None
    path = f"/w/default/jobs/{job.job_id}/events"

    async def visits() -> None:
        heard = await _look_and_leave(app, path)
        [mark] = re.findall(r"^id: (\w+)$", heard, re.MULTILINE)
        again = await _look_and_leave(app, path, mark, until=": nothing new")
        assert "event: shown" not in again
        assert f"id: {mark}\n" in await _look_and_leave(app, path, "another")

    asyncio.run(visits())
    app.state.house.rooms.close()
    making.pages.deployment.queue.cancel(job.job_id, "somebody")
    wait_for(lambda: not looking(), "the end of the thread")


def test_a_stream_ends_with_its_client(making: Making) -> None:
    """It was told what is new, and the thread does not go on when it has left."""
    app = make_app(making.pages.deployment)  # of this test's own event loop
    with making.run("cli-g") as path:
        making.tell("cli-g", WRITING)
        heard = asyncio.run(_look_and_leave(app, f"{path}/events"))
        assert re.match(r"retry: 2000\n\nid: \w+\nevent: shown\ndata: ", heard)
        assert "42 of 120 changes" in heard
        assert "<img" not in heard
        app.state.house.rooms.close()
        wait_for(lambda: not looking(), "the end of the thread")


@pytest.mark.parametrize("path", [f"{RUNS}/cli-x/events", "/w/default/jobs/1/events"])
def test_nobody_watches_without_a_session(making: Making, path: str) -> None:
    answer = making.pages.client.get(path, follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login")


def test_what_was_told_is_kept_beside_the_record(making: Making) -> None:
    """It comes back as it was; of a run that never began, nothing is kept."""
    find = "select run_id from trueup.run_progress where run_id in ('cli-h', 'nobody')"
    line = Line(datetime(2026, 3, 2, tzinfo=UTC), "\x00")
    odd = RunProgress(
        "\x00", read={"crm_product": 3}, troubles=("one", HOSTILE), answers={"crm": {"ok": 2}},
        log=(line,),
    )  # fmt: skip
    with making.run("cli-h"), open_pool(making.database, 1) as pool, pool.connection() as here:
        making.tell("cli-h", WRITING)
        making.tell("nobody", odd)
        assert making.sql(find) == [("cli-h",)]
        making.tell("cli-h", odd)
        found = told(here, "cli-h")
        assert found is not None
        assert found.progress == odd
        here.execute("update trueup.run_progress set progress = '{\"done\": []}'")
        assert told(here, "cli-h") is not None
        here.execute("update trueup.run_progress set progress = '[]'")
        assert told(here, "cli-h") is None
    making.tell("cli-h", WRITING)
    assert told_of(making, "cli-h") == WRITING
    making.sql("delete from trueup.run where run_id = 'cli-h'")
    assert making.sql(find) == []


def told_of(making: Making, run_id: str) -> RunProgress | None:
    with open_pool(making.database, 1) as pool, pool.connection() as connection:
        found = told(connection, run_id)
        return found and found.progress


async def _look_and_leave(app: Any, path: str, mark: str = "", until: str = "event: shown") -> str:
    """A browser that hangs up after it was told something; what it heard."""
    got, heard = asyncio.Event(), []

    async def receive() -> Any:
        await got.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        heard.append(message.get("body", b"").decode())
        if until in heard[-1]:
            got.set()

    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(),
        "query_string": b"", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
        "headers": [
            (b"cookie", b"trueup_session=session-of-the-viewer"), (b"last-event-id", mark.encode()),
        ],
        "scheme": "http", "http_version": "1.1", "root_path": "", "asgi": {"version": "3.0"},
    }  # fmt: skip
    await asyncio.wait_for(app(scope, receive, send), 30)
    return "".join(heard)
