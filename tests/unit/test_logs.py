"""Logs: one line an event, in the form that fits, and no secret in any of them."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from trueup import logs
from trueup.logs import MASK, SHORTEST_SECRET, Curtain


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Secrets and configuration of a test are its own."""
    monkeypatch.setattr(logs, "_CURTAIN", Curtain())
    yield
    structlog.reset_defaults()
    root = logging.getLogger()
    for handler in [h for h in root.handlers if isinstance(h, logs.Foreign)]:
        root.removeHandler(handler)


def told(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


SECRETS = st.text(min_size=SHORTEST_SECRET, max_size=24).filter(lambda text: text not in MASK)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner),
    max_leaves=6,
)


@given(
    secrets=st.lists(SECRETS, min_size=1, max_size=3),
    event=st.dictionaries(st.text(max_size=10), VALUES, max_size=4),
    place=st.sampled_from(["event", "value", "key", "nested", "number", "object", "error"]),
    on_terminal=st.booleans(),
)
def test_no_secret_is_ever_in_a_line(
    secrets: list[str], event: dict[str, Any], place: str, on_terminal: bool
) -> None:
    logs._CURTAIN = Curtain()
    out = Terminal() if on_terminal else io.StringIO()
    logs.set_up(verbose=True, stream=out, secrets=secrets)
    log, text = structlog.get_logger(), f"a{''.join(secrets)}z {secrets[0]}"
    facts = {name: value for name, value in event.items() if name not in ("event", "level")}
    if place == "error":
        log.error("it broke", **facts, exc_info=ValueError(text))
    elif place == "event":
        log.warning(text, **facts)
    else:
        given: dict[str, Any] = {
            "value": {"note": text},
            "key": {text: 1},
            "nested": {"note": {"deep": [{text: text}, (text,)]}},
            "number": {"note": text.encode()},
            "object": {"note": ValueError(text)},
        }[place]
        log.info("something", **facts | given)
    line = out.getvalue().removesuffix("\n")
    assert line
    assert [secret for secret in secrets if secret in line] == []


def test_a_line_without_a_secret_is_whole_and_well_formed() -> None:
    out = io.StringIO()
    logs.set_up(verbose=True, stream=out, secrets=['pass"word', "päss/wörd"])
    log = structlog.get_logger()
    log.info("called", url="https://x.example/p%C3%A4ss%2Fw%C3%B6rd", note='a pass"word')
    log.info("named", headers={"Authorization": "Zoho-oauthtoken 1000.abc"}, token="1000.abc")
    log.info("quoted", text="sent Zoho-oauthtoken 1000.abc.def, got 401")
    log.info("sold", name="Basic Fibre-100", text="as a bearer 0123456789abcdef0123")
    first, second, third, fourth = told(out)
    assert (first["event"], first["level"]) == ("called", "info")
    assert first["timestamp"].endswith("Z")
    assert (first["url"], first["note"]) == (f"https://x.example/{MASK}", f"a {MASK}")
    assert (second["headers"], second["token"]) == ({"Authorization": MASK}, MASK)
    assert third["text"] == f"sent Zoho-oauthtoken {MASK}, got 401"
    assert (fourth["name"], fourth["text"]) == ("Basic Fibre-100", f"as a bearer {MASK}")


def test_a_secret_that_is_a_word_of_ours_or_lies_between_two_is_cut_out_too() -> None:
    out = io.StringIO()
    secrets = ["info", 'd", "n', "ab***yz", "secret", "20260302"]
    logs.set_up(verbose=True, stream=out, secrets=secrets)
    structlog.get_logger().info("called", note="absecretyz", number=20260302)
    assert [secret for secret in secrets if secret in out.getvalue()] == []
    assert f'ote": "{MASK}"' in out.getvalue()
    assert f'"number": "{MASK}"' in out.getvalue()


def test_where_nobody_looks_it_is_json_and_on_a_terminal_it_is_short(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    people, machine = Terminal(), io.StringIO()
    for out in (people, machine):
        logs.set_up(verbose=True, stream=out)
        structlog.get_logger().info("change_applied", sku="FIB-1", ms=12, values={"x": [1, 2]})
    assert told(machine)[0]["values"] == {"x": [1, 2]}
    line = people.getvalue()
    assert "\x1b[32minfo" in line
    assert "change_applied     \x1b[2msku=\x1b[0mFIB-1 \x1b[2mms=\x1b[0m12" in line
    assert line.count("\n") == 1
    monkeypatch.setenv("NO_COLOR", "1")
    logs.set_up(verbose=True, stream=(plain := Terminal()))
    structlog.get_logger().info("change_applied", sku="FIB-1")
    assert plain.getvalue()[9:] == "info    change_applied     sku=FIB-1\n"


def test_a_person_is_not_told_the_same_thing_in_every_line() -> None:
    out = io.StringIO()
    logs.set_up(verbose=True, stream=out, log_format="text")
    log = structlog.get_logger().bind(workspace="default", job="sync", job_id=1, run_id="r-1")
    log.info("run_finished", summary={"failed": 0, "held": 1})
    log.info("change_applied", sku="FIB-1", gone=None)
    log.bind(workspace="acme").info("planned")
    first, second, third = (line[17:].rstrip() for line in out.getvalue().splitlines())
    assert first == 'run_finished       job=sync job_id=1 run_id=r-1 summary={"held": 1}'
    assert second == "change_applied     sku=FIB-1"
    assert third == "planned            workspace=acme"


@pytest.mark.parametrize(("word", "start"), [("json", "{"), ("text", "")])
def test_the_form_can_be_chosen(word: logs.LogFormat, start: str) -> None:
    out = Terminal() if word == "json" else io.StringIO()
    logs.set_up(stream=out, log_format=word)
    structlog.get_logger().warning("target_stopped", target="crm")
    line = out.getvalue()
    assert line.startswith(start)
    assert "\x1b" not in line
    assert ("target=crm" in line) == (word == "text")


def test_text_from_outside_cannot_look_like_a_line_of_ours() -> None:
    out = io.StringIO()
    logs.set_up(stream=out, log_format="text")
    structlog.get_logger().warning("refused", detail="x\n02:00:00 info run_finished \x1b[2J")
    assert out.getvalue().count("\n") == 1
    assert "\x1b" not in out.getvalue()


def test_without_verbose_only_warnings_are_shown() -> None:
    out = io.StringIO()
    logs.set_up(stream=out)
    structlog.get_logger().info("quiet")
    structlog.get_logger().warning("loud")
    assert [one["event"] for one in told(out)] == ["loud"]


def test_warnings_of_libraries_are_lines_like_ours() -> None:
    out = io.StringIO()
    logs.set_up(stream=out, secrets=["hidden-secret"])
    logs.set_up(stream=out)
    library = logging.getLogger("a.library")  # the engine keeps its own quiet, process-wide
    library.info("not worth a line")
    library.warning("cannot connect to %s", "postgresql://a:hidden-secret@b.example/c")
    broken = {"msg": "a message that %d cannot be put together", "args": ("x",), "levelno": 30}
    logs.Foreign().handle(logging.makeLogRecord(broken))
    [first, second] = told(out)
    assert first["event"] == f"cannot connect to postgresql://a:{MASK}@b.example/c"
    assert (first["logger"], first["level"]) == ("a.library", "warning")
    assert second["event"].startswith("a message that %d")


def test_an_error_keeps_its_stack_without_what_it_must_not_say() -> None:
    out = io.StringIO()
    logs.set_up(stream=out, secrets=["hidden-secret"])
    try:
        int("hidden-secret")
    except ValueError:
        structlog.get_logger().exception("job_crashed")
    [line] = told(out)
    assert "Traceback" in line["exception"]
    assert f"base 10: '{MASK}'" in line["exception"]


def test_a_reader_who_is_gone_ends_nothing() -> None:
    class Gone(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    logs.set_up(stream=Gone())
    structlog.get_logger().warning("nobody hears this")
    closed = io.StringIO()
    logs.set_up(stream=closed)
    closed.close()
    structlog.get_logger().warning("nor this")


def test_what_cannot_be_written_as_json_is_a_line_all_the_same() -> None:
    out = io.StringIO()
    logs.set_up(stream=out)
    endless: dict[str, Any] = {}
    endless["itself"] = endless
    structlog.get_logger().warning("odd", endless=endless, pair={(1, 2): object()})
    [line] = told(out)
    assert line["event"] == "odd"
