"""What stands in front with TLS passes on what the pages rely on (docs/deploy/https.md)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from trueup.settings.options import BY_KEY

ROOT = Path(__file__).parents[3]
NGINX = (ROOT / "deploy/https/nginx.conf").read_text()
CADDY = (ROOT / "deploy/https/Caddyfile").read_text()
INGRESS = yaml.safe_load((ROOT / "deploy/kubernetes/ingress.example.yaml").read_text())
SERVE = list(yaml.safe_load_all((ROOT / "deploy/kubernetes/serve/serve.yaml").read_text()))
INSIDE = ("/metrics", "/readyz")


def locations() -> dict[str, str]:
    """Each location of nginx and what is in it."""
    each = re.compile(r"^    location (?:= )?(\S+) \{(.*?)\}", re.MULTILINE | re.DOTALL)
    return dict(each.findall(NGINX))


@pytest.mark.parametrize(
    "line",
    [
        "proxy_set_header Host $http_host;",
        "proxy_set_header X-Forwarded-For $remote_addr;",
        "proxy_set_header X-Forwarded-Proto $scheme;",
    ],
)
def test_nginx_says_who_asked_for_what(line: str) -> None:
    assert re.search(rf"^    {re.escape(line)}$", NGINX, re.MULTILINE)


def test_no_location_sets_a_header_of_its_own() -> None:
    """One that does has none of those of the server: that is how nginx inherits."""
    assert set(locations()) == {"/", "/api/cron/", *INSIDE}
    assert [place for place, within in locations().items() if "_header" in within] == []


def test_events_pass_at_once_and_a_run_may_take_its_time() -> None:
    assert "proxy_buffering off;" in locations()["/"]
    (patience,) = re.findall(r"proxy_read_timeout (\d+)s;", locations()["/api/cron/"])
    asked = INGRESS["metadata"]["annotations"]["nginx.ingress.kubernetes.io/proxy-read-timeout"]
    assert int(patience) == int(asked) > BY_KEY["run.deadline"].default
    assert "encode" not in CADDY  # it would collect what it compresses


def test_what_tells_how_we_are_stays_inside() -> None:
    assert {locations()[path].strip() for path in INSIDE} == {"return 404;"}
    assert f"@inside path {' '.join(INSIDE)}\n\trespond @inside 404\n" in CADDY


@pytest.mark.parametrize("told", [NGINX, CADDY], ids=["nginx", "caddy"])
def test_both_lead_to_where_trueup_listens(told: str) -> None:
    """What browsers are told about https, Trueup tells them itself, once."""
    assert f"{BY_KEY['web.host'].default}:{BY_KEY['web.port'].default}" in told
    assert "Strict-Transport-Security" not in told


def test_compose_gives_caddy_what_it_reads() -> None:
    service = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["https"]
    assert set(service["environment"]) == set(re.findall(r"\{\$(\w+)", CADDY))
    assert "./deploy/https/Caddyfile:/etc/caddy/Caddyfile:ro" in service["volumes"]
    assert service["environment"]["TRUEUP_AT"] == "trueup:8080"


def test_the_ingress_leads_to_the_service() -> None:
    (service,) = [one for one in SERVE if one["kind"] == "Service"]
    (rule,) = INGRESS["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    backend = path["backend"]["service"]
    assert backend["name"] == service["metadata"]["name"]
    assert backend["port"]["name"] in {port["name"] for port in service["spec"]["ports"]}
    assert (path["path"], rule["host"]) == ("/", INGRESS["spec"]["tls"][0]["hosts"][0])
