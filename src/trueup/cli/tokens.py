"""`trueup token`: what programs use the API with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from trueup.cli import output
from trueup.cli.asking import By, person, through
from trueup.cli.deployed import open_deployed
from trueup.cli.selectors import Json
from trueup.domain.deeds import Did
from trueup.domain.errors import UsageError
from trueup.domain.people import Deed, Role

if TYPE_CHECKING:
    from datetime import datetime

    from trueup.deployment import Deployment
    from trueup.domain.api_tokens import ApiToken
    from trueup.postgres.api_tokens import ApiTokens

app = App(name="token")
_FOR_EVER = "forever"
_YEAR = "365d"
_LONGEST = 36_525 * 86_400.0  # seconds; a date beyond is none that a database can keep
_NUMBERS = 18  # digits; a longer number is no token's


@app.command
def add(
    name: Annotated[str, Parameter(help="What uses it, as the list of deeds will show it.")],
    /,
    *,
    role: Annotated[
        Role, Parameter(name="--role", help="What it may do, as the role of a person.")
    ] = Role.VIEWER,
    lasts: Annotated[
        str, Parameter(name="--lasts", help="How long it works, such as 90d, or forever.")
    ] = _YEAR,
    by: By = None,
    json: Json = False,
) -> None:
    """Make a token for a program, and print it once: only a digest of it is kept.

    The program sends it as `Authorization: Bearer TOKEN`, to whatever is below
    /api/v1 of the address of `trueup serve`.

    For example:
      trueup token add dashboard
      trueup token add pricing-tool --role operator --lasts 90d
    """
    who, called, seconds = person(by), name.strip(), _seconds(lasts)
    if not called or not called.isprintable():
        raise UsageError("a token needs a name", "name what uses it, such as dashboard")
    with open_deployed() as deployment:
        made = _tokens(deployment).add(called, role, who, seconds)
        if made is None:
            raise UsageError(
                f"there is a token {called!r} already",
                "take another name, or `trueup token revoke` that one first",
            )
        token, text = made
        _note(deployment, (who, through(by)), Did.LET_PROGRAM_IN, token)
        now = deployment.clock.now()
    if json:
        output.print_json({**_as_json(token, now), "token": text})
        return
    until = f"until {token.expires_at:%Y-%m-%d}" if token.expires_at else "until it is revoked"
    output.say(f"{token.name} ({token.role.value}), {until}:")
    output.say(text, "bold")
    output.say("It is not shown again.", "dim")


@app.command(name="list")
def tokens(*, json: Json = False) -> None:
    """Which tokens there are, in which role, until when, and when each was last used.

    For example:
      trueup token list
      trueup token list --json
    """
    with open_deployed() as deployment:
        found, now = _tokens(deployment).everything(), deployment.clock.now()
    if json:
        output.print_json({"tokens": [_as_json(one, now) for one in found]})
        return
    columns = ("#number", "name", "role", "standing", "made by", "until", "last used")
    rows = [
        (
            str(one.token_id),
            one.name,
            one.role.value,
            one.standing(now),
            one.created_by,
            one.expires_at or _FOR_EVER,
            one.seen_at or "never",
        )
        for one in found
    ]
    output.table(columns, rows, empty="none yet: `trueup token add NAME`")


@app.command
def revoke(
    token: Annotated[str, Parameter(help="Its number, or its name.")],
    /,
    *,
    by: By = None,
    json: Json = False,
) -> None:
    """End a token: it is refused from the next request on.

    For example:
      trueup token revoke pricing-tool
      trueup token revoke 3
    """
    who = person(by)
    with open_deployed() as deployment:
        known = _tokens(deployment)
        now = deployment.clock.now()
        ended = known.revoke(_meant(known.everything(), token.strip(), now))
        if ended is None:
            raise UsageError(f"the token {token!r} is revoked already", "`trueup token list`")
        _note(deployment, (who, through(by)), Did.SHUT_PROGRAM_OUT, ended)
    if json:
        output.print_json(_as_json(ended, now))
        return
    output.say(f"{ended.name} is let in no more")


def _meant(known: Any, given: str, now: datetime) -> int:
    """The number of the token that somebody names; raises `UsageError` where there is none."""
    named = [one for one in known if one.name.casefold() == given.casefold()]
    named.sort(key=lambda one: one.standing(now) == "active")
    numbered = given.isascii() and given.isdigit() and len(given) <= _NUMBERS
    found = [one for one in known if numbered and one.token_id == int(given)] or named
    if not found:
        raise UsageError(f"there is no token {given!r}", "`trueup token list` shows all")
    return int(found[-1].token_id)


def _seconds(lasts: str) -> float | None:
    from trueup.settings.values import duration

    if lasts.strip().casefold() == _FOR_EVER:
        return None
    try:
        return min(duration(lasts), _LONGEST)
    except ValueError as error:
        raise UsageError(f"--lasts: expected {error}, or {_FOR_EVER}, not {lasts!r}") from None


def _tokens(deployment: Deployment) -> ApiTokens:
    from trueup.postgres.api_tokens import ApiTokens

    return ApiTokens(deployment.home.pool)


def _note(deployment: Deployment, by: tuple[str, str], did: Did, token: ApiToken) -> None:
    from trueup.postgres.people import People

    (who, via), then = by, {"role": token.role, "until": token.expires_at}
    before, after = ({}, then) if did is Did.LET_PROGRAM_IN else (then, {})
    now = deployment.clock.now()
    deed = Deed(now, who, did, token.name, before=before, after=after, via=via)
    People(deployment.home.pool).note(deed)


def _as_json(one: ApiToken, now: datetime) -> dict[str, Any]:
    return {
        "token_id": one.token_id,
        "name": one.name,
        "role": one.role.value,
        "standing": one.standing(now),
        "created_by": one.created_by,
        "created_at": one.created_at,
        "seen_at": one.seen_at,
        "expires_at": one.expires_at,
        "revoked_at": one.revoked_at,
    }
