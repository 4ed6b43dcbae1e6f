"""`trueup auth`: get a refresh token by the self-client flow, and see how the token stands."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from trueup.cli import output
from trueup.cli.selectors import Json
from trueup.domain.errors import CredentialsError
from trueup.views.times import local

if TYPE_CHECKING:
    from trueup.bootstrap import App as Parts
    from trueup.postgres.tokens import TokenStatus
    from trueup.settings import Settings
    from trueup.zoho.auth import Grant

app = App(
    name="auth",
    help="Get a refresh token; the state of the access token.",
    help_format="plaintext",
)

_CLIENT = {"client_id": "ZOHO_CLIENT_ID", "client_secret": "ZOHO_CLIENT_SECRET"}
_PATIENCE = 60.0  # seconds to wait for the budget, or for another process's refresh


@app.command
def url(*, json: Json = False) -> int:
    """Show where to get a grant code, for which permissions, and what to do with it.

    For example:
      ZOHO_REGION=EU trueup auth url
    """
    from trueup.settings import load
    from trueup.zoho.regions import region
    from trueup.zoho.scopes import OPTIONAL_SCOPES, SCOPES

    settings = load()
    chosen, token = region(settings.region), _token_variable(settings)
    scopes = ",".join((*SCOPES, *OPTIONAL_SCOPES))
    steps = [
        f"Open {chosen.console_url} as a user of the organisation, and choose Self Client.",
        "Put its client id and client secret into ZOHO_CLIENT_ID and ZOHO_CLIENT_SECRET.",
        "Choose Generate Code, paste the scopes, and let the code live for 10 minutes.",
        "Within a minute run `trueup auth exchange CODE`; a code works once.",
        f"Put the refresh token that it prints into {token}, then run `trueup check`.",
    ]
    if json:
        output.print_json(
            {
                "region": chosen.name,
                "console_url": chosen.console_url,
                "scopes": list(SCOPES),
                "optional_scopes": dict(OPTIONAL_SCOPES),
                "steps": steps,
            }
        )
        return 0
    output.facts({"region": chosen.name, "console": chosen.console_url})
    output.heading("Scopes, to be pasted as they are")
    output.say(scopes)
    output.heading("Of these, nothing fails without")
    for scope, purpose in OPTIONAL_SCOPES.items():
        output.say(f"{scope}: {purpose}")
    output.heading("Steps")
    for number, step in enumerate(steps, start=1):
        output.say(f"{number}. {step}")
    return 0


@app.command
def exchange(
    code: Annotated[str, Parameter(help="The grant code from the Self Client page.")],
    /,
    *,
    json: Json = False,
) -> int:
    """Exchange a grant code for a refresh token, and print that once.

    It needs ZOHO_CLIENT_ID and ZOHO_CLIENT_SECRET. The refresh token is
    stored nowhere: put it where your secrets are kept.

    For example:
      trueup auth exchange 1000.0123456789abcdef.fedcba9876543210
    """
    from trueup.bootstrap import open_app
    from trueup.settings import load

    settings = load()
    _require_client(settings)
    with open_app(settings, person=True) as parts:
        grant = _exchange(parts, code)
    if json:
        output.print_json(
            {
                "refresh_token": grant.refresh_token,
                "api_domain": grant.token.api_domain,
                "scope": grant.token.scope,
            }
        )
        return 0
    output.say(f"{_token_variable(settings)}={grant.refresh_token}")
    output.say()
    output.say("This is the only time that it is shown. Set it in the environment, or under")
    output.say("[zoho] refresh_token in a trueup.toml that only you can read.")
    output.say("It works until it is revoked. `trueup check` tells whether everything is there.")
    return 0


@app.command
def status(
    *,
    refresh: Annotated[
        bool,
        Parameter(
            name="--refresh", negative="", show_default=False, help="Get a token if none is valid."
        ),
    ] = False,
    json: Json = False,
) -> int:
    """Show how the access token stands that all processes share; never the token.

    For example:
      trueup auth status
      trueup auth status --refresh
    """
    from trueup.bootstrap import open_app
    from trueup.settings import load

    settings = load()
    with open_app(settings, person=True) as parts:
        if refresh:
            parts.tokens.get(parts.door.authenticator.mint, patience=_PATIENCE)
        found = parts.tokens.status()
    state = _state(found, datetime.now(UTC))
    if json:
        output.print_json(_status_document(found, state))
    else:
        _show_status(found, state, settings.timezone)
    return 0


def _token_variable(settings: Settings) -> str:
    """Where the refresh token of this workspace belongs."""
    from trueup.settings.options import BY_KEY
    from trueup.settings.workspaces import variable

    return variable(settings.workspace, BY_KEY["zoho.refresh_token"])


def _require_client(settings: Settings) -> None:
    missing = [variable for name, variable in _CLIENT.items() if not getattr(settings, name)]
    if missing:
        raise CredentialsError(
            f"not set: {', '.join(missing)}", "`trueup auth url` says where they come from"
        )


def _exchange(parts: Parts, code: str) -> Grant:
    """Ask the accounts server, through the budget that everything shares.

    The app's own door cannot be used: it wants the refresh token that this is about.
    """
    import random

    from trueup.zoho.auth import Credentials
    from trueup.zoho.http import Door
    from trueup.zoho.regions import Hosts, region

    settings = parts.settings
    door = Door.open(
        credentials=Credentials(settings.client_id, settings.client_secret),
        hosts=Hosts(region(settings.region), settings.accounts_url, settings.api_url),
        budget=parts.budget,
        tokens=parts.tokens,
        clock=parts.clock,
        rng=random.Random(),  # noqa: S311 (it spreads retries; nothing secret depends on it)
        transport=parts.transport,
    )
    parts.stack.callback(door.close)
    return door.authenticator.exchange(code)


def _state(found: TokenStatus, now: datetime) -> str:
    if found.cooldown_until is not None:
        return "cooling down"
    if found.expires_at is None:
        return "none yet"
    if found.expires_at <= now:
        return "expired"
    return "due" if found.refresh_at is not None and found.refresh_at <= now else "valid"


def _status_document(found: TokenStatus, state: str) -> dict[str, Any]:
    return {
        "state": state,
        "issued_at": found.issued_at,
        "expires_at": found.expires_at,
        "refresh_at": found.refresh_at,
        "cooldown_until": found.cooldown_until,
        "cooldown_reason": found.cooldown_reason,
        "api_domain": found.api_domain,
        "scope": found.scope,
        "generation": found.generation,
    }


def _show_status(found: TokenStatus, state: str, zone: str) -> None:
    output.facts(
        {
            "token": state,
            "issued": local(found.issued_at, zone),
            "next refresh": local(found.refresh_at, zone),
            "expires": local(found.expires_at, zone),
            "silence until": local(found.cooldown_until, zone),
            "because": found.cooldown_reason or "-",
            "API host": found.api_domain or "-",
            "scope": found.scope or "-",
            "generation": found.generation,
        }
    )
    output.say(f"times in {zone}", "dim")
    if state == "none yet":
        output.say("  → the next request to Zoho gets one; `--refresh` gets it now")
