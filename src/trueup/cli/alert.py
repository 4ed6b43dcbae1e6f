"""`trueup alert`: what is wrong now and who was told, and whether messages arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from trueup.cli import output
from trueup.cli.reading import open_desk
from trueup.cli.selectors import Json
from trueup.domain.alerts import Alert, Message
from trueup.domain.errors import UsageError

if TYPE_CHECKING:
    from datetime import datetime

    from trueup.postgres.alerts import Listed
    from trueup.views.times import BusinessTime

app = App(
    name="alert",
    help="What is wrong now and who was told; whether messages arrive.",
    help_format="plaintext",
)

_OVER = 10  # alerts that are over, in the list


@app.command(name="test")
def send_test(
    *,
    to: Annotated[
        str | None, Parameter(help="Send here, instead of to the addresses of the settings.")
    ] = None,
    json: Json = False,
) -> int:
    """Send a test message to every address, and say which of them took it.

    Exit code 1 when one did not, 2 when no address is configured.

    For example:
      trueup alert test
      trueup alert test --to https://hooks.example/abc
    """
    from trueup.alerts.addresses import masked
    from trueup.alerts.sending import send_to
    from trueup.settings import load
    from trueup.settings.values import addresses

    settings = load()
    try:
        chosen = settings.alerts if to is None else addresses(to)
    except ValueError as error:
        raise UsageError(f"--to: expected {error}") from None
    if not chosen:
        raise UsageError("no address is configured", "set TRUEUP_ALERTS, or name one with --to")
    message = Message(
        "Trueup: a test message",
        "Alerts arrive here. Nothing is wrong, and nothing is to be done.",
        workspace=settings.workspace,
    )
    troubles = [(masked(address), send_to(address, message)) for address in chosen]
    if json:
        told = [{"to": shown, "ok": not why, "error": why or None} for shown, why in troubles]
        output.print_json({"addresses": told})
    else:
        for shown, trouble in troubles:
            output.say(f"failed  {shown}  {trouble}" if trouble else f"ok      {shown}")
    return int(any(trouble for _, trouble in troubles))


@app.command(name="list")
def list_(*, json: Json = False) -> None:
    """What is wrong now, since when, and when it was told; what was over lately.

    For example:
      trueup alert list
      trueup alert list --json
    """
    from trueup.postgres import alerts

    with open_desk() as desk:
        found = list(alerts.known(desk.connection).values())
        told = alerts.announced(desk.connection)
        addresses = alerts.addresses(desk.connection)
    standing = [one for one in found if one.closed_at is None]
    over = [one for one in found if one.closed_at is not None][:_OVER]
    if json:
        output.print_json(
            {
                "now": desk.time.iso(desk.time.now),
                "standing": [_as_json(one, told, desk.time) for one in standing],
                "over": [_as_json(one, told, desk.time) for one in over],
                "addresses": [_address_as_json(one, desk.time) for one in addresses],
            }
        )
        return
    _show(standing, told, desk.time)
    if over:
        output.heading("Over")
        rows = [(one.condition.title, desk.time.at(one.gone_at)) for one in over]
        output.table(("what", "until"), rows)
    if addresses:
        output.heading("Addresses")
        output.table(("to", "last sent", "trouble"), [_row(one, desk.time) for one in addresses])


def _show(standing: list[Alert], told: dict[str, datetime], time: BusinessTime) -> None:
    if not standing:
        output.say("Nothing is wrong.", "green")
    for alert in standing:
        one = alert.condition
        when = time.at(told[one.key]) if one.key in told else "not yet"
        gone = "" if alert.stands else ", not seen at the last look"
        output.say(f"{one.severity}: {one.title}{gone}", "bold")
        for line in one.text.splitlines():
            output.say(f"  {line}")
        output.say(f"  since {time.at(one.since)}, told {when}", "dim")


def _row(one: Listed, time: BusinessTime) -> tuple[str, str, str]:
    trouble = f"{one.trouble} ({time.at(one.failed_at)})" if one.trouble else ""
    return one.shown, time.at(one.sent_at), trouble


def _as_json(alert: Alert, told: dict[str, datetime], time: BusinessTime) -> dict[str, Any]:
    one = alert.condition
    return {
        "key": one.key,
        "kind": one.kind.value,
        "severity": one.severity.value,
        "title": one.title,
        "text": one.text,
        "count": one.count,
        "since": time.iso(one.since),
        "told_at": time.iso(told.get(one.key)),
        "until": time.iso(alert.gone_at),
    }


def _address_as_json(one: Listed, time: BusinessTime) -> dict[str, Any]:
    return {
        "to": one.shown,
        "sent_at": time.iso(one.sent_at),
        "failed_at": time.iso(one.failed_at),
        "trouble": one.trouble or None,
    }
