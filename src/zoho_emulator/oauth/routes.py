"""The endpoints of the accounts server."""

from __future__ import annotations

from urllib.parse import parse_qsl

from zoho_emulator.oauth.dialect import denied, refused
from zoho_emulator.oauth.tokens import RefreshToken, ThrottledError
from zoho_emulator.wire import JsonDocument, Request, Response, Route
from zoho_emulator.world import World


def routes(_world: World) -> list[Route]:
    """All operations of the accounts server; none of them wants an access token."""
    return [
        Route("POST", "/oauth/v2/token", token),
        Route("POST", "/oauth/v2/token/revoke", revoke),
        Route("GET", "/oauth/serverinfo", server_info),
    ]


def token(world: World, request: Request) -> Response:
    """Both grants (zoho-facts §1.2). A `redirect_uri` is ignored; refusals are HTTP 200."""
    form = parameters(request)
    if form.get("client_id") != world.options.client_id:
        return refused("invalid_client")
    if form.get("client_secret") != world.options.client_secret:
        return refused("invalid_client_secret")
    match form.get("grant_type"):
        case "refresh_token":
            found = world.tokens.refresh_token(form.get("refresh_token", ""))
            return refused("invalid_code") if found is None else _mint(world, found)
        case "authorization_code":
            made = world.tokens.take_code(form.get("code", ""))
            return refused("invalid_code") if made is None else _exchange(world, made)
        case _:
            return refused("unsupported_grant_type")


def revoke(world: World, request: Request) -> Response:
    """Revoke a refresh token, its access tokens with it (zoho-facts §1.2)."""
    if world.tokens.revoke(parameters(request).get("token", "")):
        return Response.json(200, {"status": "success"})
    return refused("invalid_token")


def server_info(world: World, _request: Request) -> Response:
    """The list of data centres (zoho-facts §1.1); a served emulator is its own data centre."""
    locations = {
        region.lower(): world.base_url or hosts[0]
        for region, hosts in world.options.region_hosts.items()
    }
    return Response.json(200, {"result": "success", "locations": locations})


def parameters(request: Request) -> dict[str, str]:
    """Parameters of the query string and of the form body; both are accepted (§1.2)."""
    form = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
    return dict(request.query) | form


def _exchange(world: World, made: RefreshToken) -> Response:
    """A code exchange alone answers with a refresh token (zoho-facts §1.2)."""
    return _mint(world, made, {"refresh_token": made.value})


def _mint(world: World, refresh: RefreshToken, extra: JsonDocument | None = None) -> Response:
    options = world.options.oauth
    try:
        minted = world.tokens.mint(refresh)
    except ThrottledError:
        return denied(options.throttle_status)
    body: JsonDocument = {"access_token": minted.value} | (extra or {})
    body |= {"scope": minted.scope, "api_domain": world.api_domain, "token_type": "Bearer"}
    if not options.omit_expires_in:
        # A client counts wall seconds, also where emulated time runs faster.
        body["expires_in"] = round(world.clock.wall(options.expires_in))
    return Response.json(200, body)
