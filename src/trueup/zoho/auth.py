"""Access tokens and the self-client flow (zoho-facts §1). Secrets travel in bodies only."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from trueup.domain.errors import CredentialsError, PausedError, TargetDownError, TrueupError
from trueup.domain.money import amount_of
from trueup.ports import Clock, MintedToken, TokenStore
from trueup.zoho.backoff import Backoff
from trueup.zoho.regions import Hosts
from trueup.zoho.scopes import SCOPES
from trueup.zoho.verdict import Ruling
from trueup.zoho.wire import Outgoing, Reply, Wire

__all__ = ["SCOPES", "Authenticator", "Credentials", "Grant"]

TOKEN_PATH = "/oauth/v2/token"  # noqa: S105 - a path
# One answer came without `expires_in` (zoho-facts §1.2).
DEFAULT_LIFE = 3600.0
_ATTEMPTS = 3
_REMEMBERED = 60.0  # seconds: both targets ask in one run, and a person mends nothing meanwhile
_WRONG_REGION = "or ZOHO_REGION is not the data centre where it was made"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The self client; `repr` shows none of it."""

    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a grant code was exchanged for."""

    refresh_token: str = field(repr=False)
    token: MintedToken


class Authenticator:
    """Speaks to the accounts server, through the same budget as everything else."""

    def __init__(
        self,
        wire: Wire,
        *,
        credentials: Credentials,
        hosts: Hosts,
        tokens: TokenStore,
        clock: Clock,
        rng: random.Random,
        patience: float = 60.0,
    ) -> None:
        self._wire = wire
        self._credentials = credentials
        self._hosts = hosts
        self._tokens = tokens
        self._clock = clock
        self._backoff = Backoff(rng)
        self._patience = patience
        self._refused: tuple[float, CredentialsError] | None = None

    def mint(self) -> MintedToken:
        """A new access token from the refresh token; no `redirect_uri` (zoho-facts §1.2).

        Raises `CredentialsError` naming the variable at fault, `PausedError` after starting the
        cooldown when the endpoint refuses for too many requests, `TargetDownError` without answer.
        """
        self._recall_refusal()
        try:
            reply = self._ask("refresh_token", refresh_token=self._credentials.refresh_token)
        except CredentialsError as error:
            self._refused = (self._clock.monotonic(), error)
            raise
        return self._token(reply)

    def _recall_refusal(self) -> None:
        """What was refused a moment ago is not asked again: each try costs one of few tokens."""
        if self._refused is not None:
            at, error = self._refused
            if self._clock.monotonic() - at < _REMEMBERED:
                raise CredentialsError(error.message, error.remedy)

    def exchange(self, code: str) -> Grant:
        """A refresh token for a grant code, which lives about a minute and works once."""
        reply = self._ask("authorization_code", code=code.strip())
        refresh = reply.document.get("refresh_token")
        if not isinstance(refresh, str) or not refresh:
            raise CredentialsError(
                "Zoho answered the grant code without a refresh token",
                "Make the code in the Self Client page, which always gives offline access",
            )
        return Grant(refresh, self._token(reply))

    def authorisation_url(self, scopes: Iterable[str] = SCOPES) -> str:
        """The consent page for these permissions; it holds the client id and no secret."""
        query = {
            "scope": ",".join(scopes),
            "client_id": self._credentials.client_id,
            "response_type": "code",
            "access_type": "offline",
            "prompt": "consent",
        }
        return f"{self._hosts.accounts}/oauth/v2/auth?{urlencode(query)}"

    def console_url(self) -> str:
        """The page where a person makes a self client and its grant code (zoho-facts §1.3)."""
        return self._hosts.region.console_url

    def _ask(self, grant: str, **parameters: str) -> Reply:
        form = {
            "grant_type": grant,
            "client_id": self._credentials.client_id,
            "client_secret": self._credentials.client_secret,
            **parameters,
        }
        request = Outgoing(
            "oauth",
            "POST",
            TOKEN_PATH,
            self._hosts.accounts + TOKEN_PATH,
            content=urlencode(form).encode(),
            headers={"content-type": "application/x-www-form-urlencoded"},
        )
        # A code works once, so only a refresh is repeated when its answer is lost.
        attempts = _ATTEMPTS if grant == "refresh_token" else 1
        reply = self._wire.exchange(request, patience=self._patience)
        for attempt in range(2, attempts + 1):
            if reply.verdict.kind not in (Ruling.UNREADABLE, Ruling.SERVER):
                break
            self._clock.sleep(self._backoff.delay(attempt - 1))
            reply = self._wire.exchange(request, patience=self._patience, attempt=attempt)
        if reply.verdict.kind is not Ruling.OK:
            raise self._trouble(reply, grant)
        return reply

    def _trouble(self, reply: Reply, grant: str) -> TrueupError:
        """The error for a refusal; the cooldown starts here, for every process (spec law 7)."""
        verdict = reply.verdict
        if verdict.kind is Ruling.THROTTLED:
            self._tokens.cool_down("too many access tokens were requested", verdict.retry_after)
            return PausedError(
                "the accounts server refuses new access tokens for now: too many were requested",
                remedy="Wait; ten tokens in ten minutes are allowed for one refresh token",
            )
        if verdict.kind is Ruling.CONFIGURATION:
            message, remedy = _explain(verdict.code, grant)
            return CredentialsError(message, remedy)
        return TargetDownError(
            f"the accounts server {self._hosts.accounts} gave no usable answer"
            f" ({verdict.code or reply.status})",
            "Try again later; if it persists, check ZOHO_REGION or ZOHO_ACCOUNTS_URL",
        )

    @staticmethod
    def _token(reply: Reply) -> MintedToken:
        document: Mapping[str, object] = reply.document
        # Where both are there, `expires_in` is in milliseconds: an older form (zoho-facts §1.2).
        life = amount_of(document.get("expires_in_sec") or document.get("expires_in"))
        return MintedToken(
            value=str(document["access_token"]),
            expires_in=float(life) if life else DEFAULT_LIFE,
            api_domain=str(document.get("api_domain") or ""),
            scope=str(document.get("scope") or ""),
        )


def _explain(code: str, grant: str) -> tuple[str, str]:
    """Message and remedy for a refusal of the token endpoint (zoho-facts §1.5)."""
    if code == "invalid_code" and grant == "authorization_code":
        return (
            "the grant code was refused",
            f"Make a new code and use it within a minute; it works once, {_WRONG_REGION}",
        )
    known = {
        "invalid_code": (
            "the refresh token was refused",
            f"ZOHO_REFRESH_TOKEN was revoked, {_WRONG_REGION}; `trueup auth exchange` makes one",
        ),
        "invalid_client": (
            "the client id was refused",
            f"ZOHO_CLIENT_ID is not known, {_WRONG_REGION}",
        ),
        "invalid_client_secret": (
            "the client secret was refused",
            "ZOHO_CLIENT_SECRET does not belong to ZOHO_CLIENT_ID",
        ),
    }
    unknown = (f"the token endpoint refused the request ({code})", "Check the ZOHO_* variables")
    return known.get(code, unknown)
