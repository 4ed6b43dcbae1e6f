"""A message arrives whatever the way, and no address is ever told."""

from __future__ import annotations

import builtins
import email
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from support.receivers import http_receiver, mail_receiver
from trueup.alerts import apprise_way
from trueup.alerts.addresses import is_webhook, mark, masked, without_secrets
from trueup.alerts.sending import send, send_to
from trueup.alerts.webhook import ping
from trueup.domain.alerts import Condition, Kind, Message, News, Severity, Turn

SINCE = datetime(2026, 3, 2, tzinfo=UTC)
WRONG = Condition("run", Kind.RUN_FAILED, Severity.CRITICAL, "failed", "look", SINCE)
MESSAGE = Message(
    "Trueup (acme): failed",
    "CRITICAL: failed\nlook <here>",
    Severity.CRITICAL,
    workspace="acme",
    news=(News(Turn.RAISED, WRONG),),
)


class Ear(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@pytest.fixture
def everything_logged() -> Iterator[list[str]]:
    """What a program hears that logs everything; pytest's own ear hears also what is kept back."""
    root, ear = logging.getLogger(), Ear()
    before = root.level
    root.addHandler(ear)
    root.setLevel(logging.DEBUG)
    yield ear.lines
    root.setLevel(before)
    root.removeHandler(ear)


def test_a_webhook_gets_the_text_and_the_same_for_programs() -> None:
    with http_receiver() as inbox:
        assert send([f"{inbox.address}/secret"], MESSAGE) == []
    assert inbox.documents == [
        {
            "source": "trueup",
            "workspace": "acme",
            "severity": "critical",
            "title": "Trueup (acme): failed",
            "body": "CRITICAL: failed\nlook <here>",
            "conditions": [
                {
                    "key": "run",
                    "kind": "run_failed",
                    "change": "raised",
                    "severity": "critical",
                    "title": "failed",
                    "text": "look",
                    "since": "2026-03-02T00:00:00+00:00",
                    "until": None,
                }
            ],
        }
    ]


def test_apprise_carries_it_elsewhere() -> None:
    """Another form, the same text."""
    with http_receiver() as inbox:
        assert send([inbox.address.replace("http", "json") + "/secret"], MESSAGE) == []
    [document] = inbox.documents
    assert (document["title"], document["message"]) == (MESSAGE.title, MESSAGE.body)


def test_a_letter_arrives_with_its_attachment(tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    report.write_text("<p>all the same</p>")
    with mail_receiver() as (port, letters):
        address = f"mailto://127.0.0.1:{port}?to=ops@company.example&from=t@company.example"
        told = Message("All well", "line one\nline <two>", attachments=(report,))
        assert send([f"{address}&mode=insecure"], told) == []
    [letter] = letters
    found = email.message_from_string(letter)
    assert found["Subject"] == "All well"
    assert found["To"] == "ops@company.example"
    parts: dict[str, Any] = {
        part.get_content_type(): part for part in found.walk() if part.get_filename() is None
    }
    assert "line <two>" in parts["text/plain"].get_payload(decode=True).decode().splitlines()
    assert "report.html" in [part.get_filename() for part in found.walk()]


def test_one_address_in_trouble_keeps_none_of_the_others_from_it(
    everything_logged: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    """And whatever went wrong, neither the answer nor any log tells an address."""
    with http_receiver() as inbox:
        inbox.answers = [500, 404]
        troubles = send(
            [
                f"{inbox.address}/hush-1",
                inbox.address.replace("http://", "json://user:hush-2@") + "/hush-3",
                "http://127.0.0.1:9/hush-4?key=hush-5",
                "mailto://someone:hush-6@127.0.0.1:9?to=a@b.example",
                "slack://hush-7/hush-8/hush-9",
                "nothing://hush-a/hush-b",
                "http://[hush-c",
                f"{inbox.address}/hush-d",
            ],
            MESSAGE,
        )
    assert [line.partition(": ")[0] for line in troubles] == [
        "http://127.0.0.1",
        "json://127.0.0.1",
        "http://127.0.0.1",
        "mailto://127.0.0.1",
        "slack://…",
        "nothing://…",
        "…",
    ]
    assert troubles[0] == "http://127.0.0.1: it answered 500 Internal Server Error"
    assert "404" in troubles[1]
    assert len(inbox.documents) == 3
    out, err = capfd.readouterr()
    said = "".join([*troubles, *everything_logged, out, err])
    assert "hush" not in said


def test_without_apprise_the_trouble_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain webhook needs it not."""
    real = builtins.__import__

    def no_apprise(name: str, *more: Any, **named: Any) -> Any:
        if name == "apprise":
            raise ImportError(name)
        return real(name, *more, **named)

    apprise_way._load.cache_clear()
    monkeypatch.setattr(builtins, "__import__", no_apprise)
    with http_receiver() as inbox:
        assert send_to("slack://a/b/c", MESSAGE) == (
            'this way needs Apprise: pip install "trueup[alerts]"'
        )
        assert send_to(inbox.address, MESSAGE) == ""
    apprise_way._load.cache_clear()


@pytest.mark.parametrize(
    ("address", "plain", "shown"),
    [
        ("https://hooks.example/T0/secret", True, "https://hooks.example"),
        ("https://hooks.slack.com/services/T0/B0/secret", False, "https://hooks.slack.com"),
        ("https://acme.webhook.office.com/webhookb2/x", False, "https://acme.webhook.office.com"),
        ("https://nothooks.slack.com.example/x", True, "https://nothooks.slack.com.example"),
        ("mailto://me:secret@mail.example?to=a@b.example", False, "mailto://mail.example"),
        ("slack://secret/secret/secret", False, "slack://…"),
        ("pagerduty://secret@secret", False, "pagerduty://…"),
    ],
)
def test_the_way_and_what_is_shown(address: str, plain: bool, shown: str) -> None:
    assert (is_webhook(address), masked(address)) == (plain, shown)


def test_a_new_password_is_no_new_address() -> None:
    """And the mark tells nothing of it."""
    one, two = (f"mailto://me:{word}@mail.example?to=a@b.example" for word in ("old", "new"))
    assert mark(one) == mark(two)
    assert mark(one) != mark(one.replace("to=a", "to=b"))
    assert "mail" not in mark(one)


def test_a_reason_that_repeats_a_part_of_the_address_is_not_told() -> None:
    address = "https://me:word@host.example/abc/def?token=ghi"
    assert without_secrets("host.example said no", address) == "host.example said no"
    for piece in ("word", "abc", "def", "ghi", "token=ghi"):
        assert without_secrets(f"no to {piece}!", address) == ""


@pytest.mark.parametrize(
    ("path", "failed", "called"),
    [
        ("/ping/abc", False, ["/ping/abc"]),
        ("/ping/abc", True, ["/ping/abc/fail"]),
        ("/abc", False, ["/abc"]),
        ("/abc", True, []),
    ],
)
def test_a_switch_is_called_as_it_understands(path: str, failed: bool, called: list[str]) -> None:
    """Healthchecks takes failures; another would take any call for a good night."""
    with http_receiver() as inbox:
        assert ping(f"{inbox.address}{path}", failed=failed) == ""
    assert inbox.pings == called


def test_a_switch_that_does_not_answer_is_a_trouble() -> None:
    with http_receiver() as inbox:
        inbox.answers = [503]
        assert ping(inbox.address, failed=False) == "it answered 503 Service Unavailable"
    assert "no answer" in ping(inbox.address, failed=False)
