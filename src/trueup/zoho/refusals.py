"""From verdicts to the typed errors that the core knows, each with its remedy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from trueup.domain.errors import (
    CredentialsError,
    LostAnswerError,
    RecordError,
    RejectedError,
    RetryableError,
    ScopeError,
    StaleError,
    TargetDownError,
    TrueupError,
)
from trueup.zoho.scopes import needed
from trueup.zoho.verdict import Ruling, Verdict

# The code under which a record that the target does not have any more is reported.
GONE = "GONE"

_ASK_AGAIN = "Get a grant for this permission: `trueup auth url`, then `trueup auth exchange`"
_CONFIGURATION = {
    "6041": (
        "the organisation is not one of this user's",
        "Check ZOHO_ORG_ID: it must be an organisation of the user who made ZOHO_REFRESH_TOKEN",
    ),
    "9": (
        "this host does not serve the API",
        "Check ZOHO_REGION, and ZOHO_API_URL if it is set",
    ),
}
# Billing says "not authorised" for a bad token and for a missing scope alike (zoho-facts §3.8).
_NOT_AUTHORISED = "57"


def error_for(verdict: Verdict, method: str, path: str) -> TrueupError:
    """The error for a request that was understood and refused."""
    match verdict.kind:
        case Ruling.SCOPE:
            return scope_error(method, path)
        case Ruling.PERMISSION:
            return ScopeError(
                f"{method} {path} was refused: the user's profile lacks a permission ({verdict})",
                "Give the user who made ZOHO_REFRESH_TOKEN API access and write access to products",
            )
        case Ruling.CONFIGURATION:
            message, remedy = _CONFIGURATION.get(verdict.code, (str(verdict), "Check ZOHO_*"))
            return CredentialsError(f"{method} {path} was refused: {message}", remedy)
        case _:
            return record_error(verdict)


def record_error(verdict: Verdict) -> RecordError:
    """The error for one record that did not pass."""
    match verdict.kind:
        case Ruling.STALE:
            return StaleError(f"the record was changed by somebody else meanwhile ({verdict})")
        case Ruling.BUSY | Ruling.THROTTLED:
            return RetryableError(f"not carried out for now: {verdict}")
        case Ruling.UNREADABLE | Ruling.SERVER | Ruling.OK | Ruling.EMPTY:
            return LostAnswerError(f"no confirmation: {verdict}")
        case Ruling.GONE:
            return RejectedError(f"the record is not there any more ({verdict})", code=GONE)
        case _:
            twin = f"; it exists as {verdict.existing_id}" if verdict.existing_id else ""
            return RejectedError(
                f"{verdict}{twin}",
                code=verdict.code,
                field=verdict.field,
                duplicate=verdict.duplicate,
            )


def scope_error(method: str, path: str) -> ScopeError:
    """The error for a missing permission, by the permission's name."""
    scope = needed(method, path)
    return ScopeError(f"{method} {path} was refused: the permission {scope} is missing", _ASK_AGAIN)


def token_error(verdict: Verdict, method: str, path: str) -> ScopeError | CredentialsError:
    """The error for a token that was refused although it had just been issued."""
    if verdict.code == _NOT_AUTHORISED:
        return scope_error(method, path)
    return CredentialsError(
        f"{method} {path}: Zoho refuses a token that it has just issued ({verdict.code})",
        "Check that ZOHO_REGION is the data centre of the organisation, and that no other program"
        " mints tokens from the same refresh token: the sixteenth ends the first",
    )


@contextmanager
def reading(what: str) -> Iterator[None]:
    """A listing that fails is never an empty one: a refused read stops the target."""
    try:
        yield
    except RecordError as error:
        raise TargetDownError(
            f"{what} cannot be read: {error}", "Run `trueup check`; nothing was written"
        ) from error
