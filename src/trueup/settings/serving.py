"""The settings of what runs by itself: the web application, workers, alerts, retention, logs."""

from __future__ import annotations

from trueup.settings import values
from trueup.settings.option import Option


def address_at(host: str, port: int) -> str:
    """Where a browser on the same machine finds who listens there."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host)  # noqa: S104 (read, not bound)
    return f"http://{shown or (f'[{host}]' if ':' in host else host)}:{port}"


SERVING: tuple[Option, ...] = (
    Option(
        "host",
        "web.host",
        "TRUEUP_HOST",
        values.text,
        "127.0.0.1",
        "address on which `trueup serve` listens",
    ),
    Option(
        "port",
        "web.port",
        "TRUEUP_PORT",
        values.whole(0, 65_535),
        8080,
        "its port; 0 takes a free one",
    ),
    Option(
        "proxies",
        "web.proxies",
        "TRUEUP_PROXIES",
        values.text,
        "",
        "addresses or networks of proxies whose X-Forwarded-For is believed; empty: none",
    ),
    Option(
        "oidc_issuer",
        "oidc.issuer",
        "TRUEUP_OIDC_ISSUER",
        values.host,
        "",
        "OpenID Connect issuer that people may sign in with (needs the extra `oidc`); empty: none",
    ),
    Option(
        "oidc_client_id",
        "oidc.client_id",
        "TRUEUP_OIDC_CLIENT_ID",
        values.text,
        "",
        "what Trueup is called there",
    ),
    Option(
        "oidc_client_secret",
        "oidc.client_secret",
        "TRUEUP_OIDC_CLIENT_SECRET",
        values.text,
        "",
        "its secret there; empty: a public client",
        secret=True,
    ),
    Option(
        "oidc_name",
        "oidc.name",
        "TRUEUP_OIDC_NAME",
        values.text,
        "single sign-on",
        "what the button says: Sign in with …",
    ),
    Option(
        "oidc_role_claim",
        "oidc.role_claim",
        "TRUEUP_OIDC_ROLE_CLAIM",
        values.text,
        "groups",
        "claim of the ID token that roles come from; dots lead into it, as in realm_access.roles",
    ),
    Option(
        "oidc_roles",
        "oidc.roles",
        "TRUEUP_OIDC_ROLES",
        values.roles,
        (),
        "who gets in, as what: VALUE=ROLE, VALUE=ROLE; `*=viewer` for everybody it knows",
    ),
    Option(
        "worker_jobs",
        "worker.jobs",
        "TRUEUP_WORKER_JOBS",
        values.whole(1, 100),
        4,
        "most jobs that one worker has at once, each of another workspace",
    ),
    Option(
        "worker_grace",
        "worker.grace",
        "TRUEUP_WORKER_GRACE",
        values.duration,
        30.0,
        "a worker that is stopped waits this long for its requests in flight",
    ),
    Option(
        "watch_delay",
        "watch.delay",
        "",
        values.duration,
        2.0,
        "changes in the catalogue within this time are one job (`trueup db upgrade --watch`)",
    ),
    Option(
        "history_kept",
        "retention.history",
        "TRUEUP_KEEP_HISTORY",
        values.duration,
        7_776_000.0,
        "how long the history of changes is kept",
    ),
    Option(
        "runs_kept",
        "retention.runs",
        "TRUEUP_KEEP_RUNS",
        values.duration,
        34_560_000.0,
        "how long runs, jobs and reports are kept",
    ),
    Option(
        "alerts",
        "alerts.to",
        "TRUEUP_ALERTS",
        values.addresses,
        (),
        "where alerts go: https://… for a webhook, or any address that Apprise knows",
        secret=True,
    ),
    Option(
        "ping_url",
        "alerts.ping",
        "TRUEUP_PING_URL",
        values.host,
        "",
        "called after every night that went well: a dead-man's switch that rings when it is not",
        secret=True,
    ),
    Option(
        "overdue_after",
        "alerts.overdue_after",
        "TRUEUP_OVERDUE_AFTER",
        values.duration,
        93_600.0,
        "no run went well for this long: alert",
    ),
    Option(
        "failures_allowed",
        "alerts.failures",
        "",
        values.whole(1, 1000),
        3,
        "a product that fails more often than this within 24 hours: alert",
    ),
    Option(
        "log_format",
        "log.format",
        "TRUEUP_LOG_FORMAT",
        values.choice("auto", "json", "text"),
        "auto",
        "logs on stderr; auto: text on a terminal, JSON elsewhere",
    ),
    Option(
        "otel_endpoint",
        "telemetry.otlp",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        values.host,
        "",
        "collector for traces, over OTLP and HTTP (needs the extra `otel`)",
    ),
    Option(
        "simulated_clock",
        "clock.simulated",
        "TRUEUP_CLOCK",
        values.text,
        "",
        "for trials with the emulator: SPEED@INSTANT@SINCE, see docs/emulator.md",
    ),
)
