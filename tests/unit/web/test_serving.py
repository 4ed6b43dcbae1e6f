"""The server: where it listens, and whom it believes."""

from __future__ import annotations

import socket

import pytest
from fastapi import FastAPI

from trueup.domain.errors import UsageError
from trueup.web.serving import Server, address_of, listen, trusted


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("localhost", "")])
def test_a_free_port_is_found_and_shown(host: str, shown: str) -> None:
    with listen(host, 0) as listening:
        address = address_of(listening)
        assert listening.proto == socket.IPPROTO_TCP  # asyncio asks before it turns Nagle off
    assert address.startswith(f"http://{shown}")
    assert int(address.rpartition(":")[2]) > 0


def test_a_port_that_is_taken_is_said() -> None:
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port}"):
            listen("127.0.0.1", port)


def test_proxies_are_addresses_or_networks() -> None:
    assert trusted("") == []
    assert trusted("10.0.0.0/8, 127.0.0.1 ::1") == ["10.0.0.0/8", "127.0.0.1", "::1"]
    with pytest.raises(UsageError, match="everybody"):
        trusted("10.0.0.1, everybody")


@pytest.mark.parametrize("proxies", [[], ["10.0.0.0/8"]])
def test_a_forwarded_address_is_believed_only_from_a_proxy_that_is_named(
    proxies: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """uvicorn by itself would believe whoever calls from this machine, or what a variable says."""
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    config = Server(FastAPI(), grace=1, proxies=proxies).config
    assert (config.proxy_headers, config.server_header) == (bool(proxies), False)
    assert not config.proxy_headers or config.forwarded_allow_ips == proxies
