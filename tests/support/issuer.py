"""An OpenID Connect issuer for tests: honest unless it is told to lie."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate

ISSUER = "https://id.example/realms/staff"
CLIENT, CLIENT_SECRET = "trueup", "an-invented-secret-at-the-issuer"
ENV = {
    "TRUEUP_OIDC_ISSUER": ISSUER,
    "TRUEUP_OIDC_CLIENT_ID": CLIENT,
    "TRUEUP_OIDC_CLIENT_SECRET": CLIENT_SECRET,
    "TRUEUP_OIDC_NAME": "Example Login",
    "TRUEUP_OIDC_ROLES": "sync-admins=admin, sync-staff=operator",
}

Lie = Callable[[dict[str, Any]], None]


@dataclass
class FakeIssuer:
    """`claims` is who signs in next; `lie` changes an ID token before it is signed."""

    claims: dict[str, Any] = field(
        default_factory=lambda: {
            "sub": "248289",
            "preferred_username": "ann",
            "name": "Ann Example",
            "groups": ["sync-staff"],
        }
    )
    lie: Lie = lambda _: None
    key: EllipticCurvePrivateKey = field(default_factory=lambda: generate(SECP256R1()))
    kid: str = "first"
    asked: list[str] = field(default_factory=list)
    sign: Callable[[FakeIssuer, dict[str, Any]], str] = lambda self, claims: jwt.encode(
        claims, self.key, "ES256", {"kid": self.kid}
    )
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def transport(self) -> httpx2.BaseTransport:
        return httpx2.MockTransport(self.answer)

    def change_key(self, kid: str) -> None:
        self.key, self.kid = generate(SECP256R1()), kid

    def visit(self, address: str) -> str:
        """A person signs in there; where their browser is sent then."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        assert "openid" in query["scope"].split()
        code = f"code-{len(self._codes)}"
        self._codes[code] = query
        return f"{query['redirect_uri']}?code={code}&state={query['state']}"

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request.url.path)
        match request.url.path.removeprefix("/realms/staff"):
            case "/.well-known/openid-configuration":
                return httpx2.Response(200, json=self._description())
            case "/keys":
                return httpx2.Response(200, json={"keys": [self._public_key()]})
            case "/token":
                return self._token(request)
        return httpx2.Response(404)

    def _description(self) -> dict[str, str]:
        return {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/authorize",
            "token_endpoint": f"{ISSUER}/token",
            "jwks_uri": f"{ISSUER}/keys",
        }

    def _public_key(self) -> dict[str, str]:
        found = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self.key.public_key()))
        return found | {"kid": self.kid, "use": "sig", "alg": "ES256"}

    def _token(self, request: httpx2.Request) -> httpx2.Response:
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        asked = self._codes.pop(form["code"], None)
        wanted = base64.b64encode(f"{CLIENT}:{CLIENT_SECRET}".encode()).decode()
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        honest = (
            asked is not None
            and request.headers["authorization"] == f"Basic {wanted}"
            and challenge == asked["code_challenge"]
            and form["redirect_uri"] == asked["redirect_uri"]
        )
        if not honest or asked is None:
            return httpx2.Response(400, json={"error": "invalid_grant"})
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": CLIENT, "iat": now, "exp": now + 300}
        claims |= {"nonce": asked["nonce"], **self.claims}
        self.lie(claims)
        return httpx2.Response(200, json={"id_token": self.sign(self, claims)})
