"""An OpenID Connect issuer vouches for somebody: authorization code with PKCE, state and nonce.

What is believed is the ID token alone, verified: its signature by a key of the issuer under an
asymmetric algorithm, issuer, audience, times and nonce. Follows OpenID Connect Core 1.0 §3.1,
RFC 7636 (PKCE) and RFC 9207 (the issuer in the answer). The only place that speaks to an issuer.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

import httpx2

from trueup.domain.errors import TrueupError, UsageError
from trueup.domain.people import Role
from trueup.settings import Settings

_ALGORITHMS: Final = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "EdDSA",
)
_REQUIRED: Final = ("iss", "sub", "aud", "exp", "iat")
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_TIMEOUT: Final = 10.0  # seconds
_FRESH: Final = 3600.0  # seconds for which the issuer's own description is good
_RENEW: Final = 60.0  # keys that are not known are asked for at most so often
_LEEWAY: Final = 60  # seconds by which clocks may differ
_SCOPES: Final = "openid profile email"


class NotVouchedError(TrueupError):
    """The issuer does not vouch for whoever came back, or cannot be asked."""


@dataclass(frozen=True, slots=True)
class Trip:
    """One way to the issuer and back: what the browser keeps meanwhile."""

    state: str
    nonce: str
    verifier: str

    @classmethod
    def begin(cls) -> Trip:
        """A new one."""
        return cls(*(secrets.token_urlsafe(32) for _ in range(3)))


@dataclass(frozen=True, slots=True)
class Vouched:
    """Who came back, in the issuer's words; `role` is None for somebody who is not let in."""

    issuer: str
    subject: str
    login: str
    name: str
    role: Role | None


@dataclass(frozen=True, slots=True)
class _Described:
    authorization: str
    token: str
    basic: bool
    keys: Mapping[str, Any]
    at: float


@dataclass
class Issuer:
    """The issuer of the settings. `monotonic` gives seconds; raises `UsageError` when it is unfit.

    `ask` and `hear` raise `NotVouchedError`.
    """

    settings: Settings
    monotonic: Callable[[], float]
    transport: httpx2.BaseTransport | None = None
    _known: _Described | None = None
    _guard: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        """Refuse what would not be safe, or could not work, before anybody signs in."""
        _require_fit(self.settings)

    def ask(self, trip: Trip, back: str) -> str:
        """The address where the issuer asks who it is; it leads to `back`."""
        challenge = hashlib.sha256(trip.verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self.settings.oidc_client_id,
            "redirect_uri": back,
            "scope": _SCOPES,
            "state": trip.state,
            "nonce": trip.nonce,
            "code_challenge": base64.urlsafe_b64encode(challenge).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        address = self._described().authorization
        return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(query)}"

    def hear(self, trip: Trip, answer: Mapping[str, str], back: str) -> Vouched:
        """Who came back with this answer."""
        if not hmac.compare_digest(answer.get("state", "").encode(), trip.state.encode()):
            raise NotVouchedError("this answer belongs to no sign-in of this browser")
        if answer.get("iss", self.settings.oidc_issuer) != self.settings.oidc_issuer:
            raise NotVouchedError("this answer is another issuer's")
        if "code" not in answer:
            raise NotVouchedError(f"the issuer says {answer.get('error', 'nothing')[:100]!r}")
        claims = self._claims(self._redeemed(trip, answer["code"], back))
        if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), trip.nonce.encode()):
            raise NotVouchedError("the ID token belongs to another sign-in")
        return vouched(claims, self.settings)

    def _redeemed(self, trip: Trip, code: str, back: str) -> str:
        settings, described = self.settings, self._described()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": back,
            "code_verifier": trip.verifier,
        }
        auth = None
        if settings.oidc_client_secret and described.basic:
            # Both parts are form-encoded before they are joined (RFC 6749 §2.3.1).
            pair = (settings.oidc_client_id, settings.oidc_client_secret)
            auth = httpx2.BasicAuth(*(quote(part, safe="") for part in pair))
        else:
            form["client_id"] = settings.oidc_client_id
            if settings.oidc_client_secret:
                form["client_secret"] = settings.oidc_client_secret
        found = self._json("POST", described.token, data=form, auth=auth)
        return str(found.get("id_token", ""))

    def _claims(self, token: str) -> Mapping[str, Any]:
        import jwt

        settings = self.settings
        try:
            claims: Mapping[str, Any] = jwt.decode(
                token,
                self._key(token),
                algorithms=list(_ALGORITHMS),
                audience=settings.oidc_client_id,
                issuer=settings.oidc_issuer,
                leeway=_LEEWAY,
                options={"require": list(_REQUIRED)},
            )
        except jwt.PyJWTError as error:
            raise NotVouchedError(f"the ID token is not valid ({type(error).__name__})") from None
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if claims.get("azp", None if several else settings.oidc_client_id) != (
            settings.oidc_client_id
        ):
            raise NotVouchedError("the ID token was made for somebody else")
        return claims

    def _key(self, token: str) -> Any:
        """The key that signed it; where it is not known the issuer's keys are read once more."""
        import jwt

        wanted = jwt.get_unverified_header(token).get("kid")
        for again in (False, True):
            keys = jwt.PyJWKSet.from_dict(dict(self._described(renew=again).keys)).keys
            fit = [k for k in keys if k.public_key_use in (None, "sig")]
            found = [k for k in fit if k.key_id == wanted] if wanted else fit
            if len(found) == 1:
                return found[0]
        raise NotVouchedError("the ID token is signed with a key that the issuer does not have")

    def _described(self, *, renew: bool = False) -> _Described:
        with self._guard:
            known, now = self._known, self.monotonic()
            if known is None or now - known.at > (_RENEW if renew else _FRESH):
                known = self._known = self._read(now)
            return known

    def _read(self, now: float) -> _Described:
        issuer = self.settings.oidc_issuer
        found = self._json("GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if found.get("issuer") != issuer:
            raise NotVouchedError("the issuer calls itself otherwise than oidc.issuer says")
        names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        authorization, token, keys_at = (str(found.get(name, "")) for name in names)
        if not all(map(_is_safe, (authorization, token, keys_at))):
            raise NotVouchedError("the issuer names an address without https")
        methods = found.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        keys = self._json("GET", keys_at)
        return _Described(authorization, token, "client_secret_basic" in methods, keys, now)

    def _json(self, method: str, address: str, **more: Any) -> Mapping[str, Any]:
        try:
            with httpx2.Client(transport=self.transport, timeout=_TIMEOUT) as client:
                answer = client.request(method, address, **more)
                found = answer.raise_for_status().json()
        except (httpx2.HTTPError, ValueError) as error:
            said = f"the issuer cannot be asked ({type(error).__name__})"
            raise NotVouchedError(said, "try again, or sign in with a password") from None
        if not isinstance(found, dict):
            raise NotVouchedError("the issuer's answer is not understood")
        return found


def vouched(claims: Mapping[str, Any], settings: Settings) -> Vouched:
    """Who it is, and the highest role that the claim gives them."""
    # An address that the issuer did not check is nobody's name here.
    mail = claims.get("email") if claims.get("email_verified") is True else None
    login = str(claims.get("preferred_username") or mail or claims["sub"])
    name = str(claims.get("name") or login)
    return Vouched(
        str(claims["iss"]), str(claims["sub"]), _plain(login), _plain(name), _role(claims, settings)
    )


def _role(claims: Mapping[str, Any], settings: Settings) -> Role | None:
    found: Any = claims.get(settings.oidc_role_claim)
    if found is None:
        found = claims
        for step in settings.oidc_role_claim.split("."):
            found = found.get(step) if isinstance(found, Mapping) else None
    values = {str(one) for one in (found if isinstance(found, list) else [found])} | {"*"}
    pairs = (one.rpartition("=") for one in settings.oidc_roles)
    roles = [Role(role.strip()) for value, _, role in pairs if value.strip() in values]
    return max(roles, key=lambda role: role.rank, default=None)


def _plain(text: str) -> str:
    return "".join(c for c in text if c.isprintable()).strip()[:100]


def _require_fit(settings: Settings) -> None:
    if not _is_safe(settings.oidc_issuer):
        raise UsageError("oidc.issuer must begin with https://", "only a loopback address may not")
    if not settings.oidc_client_id or not settings.oidc_roles:
        raise UsageError(
            "oidc.issuer without oidc.client_id or oidc.roles lets nobody in",
            "set TRUEUP_OIDC_CLIENT_ID and TRUEUP_OIDC_ROLES, such as staff=viewer",
        )
    try:
        import jwt  # noqa: F401 (whether it is there)
    except ImportError:
        raise UsageError(
            "signing in elsewhere needs a library", "pip install trueup[oidc]"
        ) from None


def _is_safe(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
