"""The files for Prometheus and Grafana speak of metrics that are there, and of pages that exist."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from trueup.domain.alerts import Kind
from trueup.jobs.counted import Requests
from trueup.web.families import COUNTERS, GAUGES

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "deploy/monitoring"
METRIC = re.compile(r"\b(?:trueup|process|python)_\w+")
# What the client library tells of a process on Linux.
PROCESS = frozenset(
    {"process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds"}
)


def exposed() -> dict[str, frozenset[str]]:
    """Every metric of ours with the labels that it has."""
    found = {name: frozenset(labels) for name, (_, labels) in (GAUGES | COUNTERS).items()}
    registry = CollectorRegistry()
    counted = Requests(registry)
    found["trueup_zoho_requests_total"] = frozenset(counted.sent._labelnames)
    for ending in ("_bucket", "_sum", "_count"):
        labels = frozenset({*counted.seconds._labelnames, "le"})
        found[f"trueup_zoho_request_duration_seconds{ending}"] = labels
    return found


def rules() -> list[dict[str, Any]]:
    [group] = yaml.safe_load((FOLDER / "trueup-rules.yaml").read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / "trueup-dashboard.json").read_text())
    return found


def expressions() -> Iterator[tuple[str, str]]:
    for rule in rules():
        yield rule["alert"], rule["expr"]
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]


@pytest.mark.parametrize(("place", "expr"), list(expressions()))
def test_every_expression_is_about_metrics_that_are_there(place: str, expr: str) -> None:
    known = exposed()
    named = set(METRIC.findall(expr)) - {"trueup"}
    assert named, place
    assert named - PROCESS <= known.keys(), place
    labels = {label for name in named - PROCESS for label in known[name]} | {"job", "instance"}
    used = set(re.findall(r"(\w+)\s*(?:=~|!=|!~|=(?!=))\s*\"", expr))
    for group in re.findall(r"\b(?:by|on|without)\s*\(([^)]*)\)", expr):
        used |= {word.strip() for word in group.split(",") if word.strip()}
    assert used <= labels, place
    assert expr.count("(") == expr.count(")"), place
    assert expr.count("{") == expr.count("}"), place


def test_every_metric_of_ours_has_a_panel() -> None:
    shown = {name for panel in dashboard()["panels"] for target in panel.get("targets", ())
             for name in METRIC.findall(target["expr"])}  # fmt: skip
    wanted = exposed().keys() - {
        "trueup_zoho_request_duration_seconds_sum",
        "trueup_zoho_request_duration_seconds_count",
    }
    assert wanted - shown == set()


def test_the_dashboard_is_one_that_grafana_takes() -> None:
    found = dashboard()
    assert found["schemaVersion"] >= 41
    assert [variable["name"] for variable in found["templating"]["list"]] == [
        "datasource", "workspace",
    ]  # fmt: skip
    ids = [panel["id"] for panel in found["panels"]]
    assert len(set(ids)) == len(ids)
    taken: set[tuple[int, int]] = set()
    for panel in found["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"])
                 for y in range(at["y"], at["y"] + at["h"])}  # fmt: skip
        assert at["x"] + at["w"] <= 24, panel["title"]
        assert taken.isdisjoint(cells), panel["title"]
        taken |= cells
        if panel["type"] != "row":
            assert panel["datasource"]["uid"] == "${datasource}", panel["title"]
            assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
    titles = [panel["title"] for panel in found["panels"]]
    assert len(set(titles)) == len(titles)


def test_every_rule_says_what_to_do_and_where_it_is_written() -> None:
    headings = re.findall(r"^#+ (.*)$", (ROOT / "docs/operations.md").read_text(), re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in headings}
    for rule in rules():
        name, notes = rule["alert"], rule["annotations"]
        assert re.fullmatch(r"Trueup[A-Z]\w+", name)
        assert re.fullmatch(r"\d+[mh]", rule["for"]), name
        assert rule["labels"]["severity"] in ("critical", "warning"), name
        assert len(notes["summary"]) < 120, name
        assert notes["description"].endswith((".", "?")), name
        page, _, anchor = notes["runbook_url"].partition("#")
        assert (page, anchor in anchors) == ("docs/operations.md", True), name
        for label in re.findall(r"\$labels\.(\w+)", json.dumps(notes)):
            assert re.search(rf"by \([^)]*\b{label}\b", rule["expr"]), (name, label)
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)


def test_whatever_trueup_says_by_itself_prometheus_can_say_too() -> None:
    """Each kind of alert has a rule of its own."""
    by_kind = {
        Kind.RUN_FAILED: "TrueupRunFailed",
        Kind.RUN_PARTIAL: "TrueupRunPartial",
        Kind.HELD: "TrueupHeld",
        Kind.TARGET_PAUSED: "TrueupTargetPaused",
        Kind.REFUSED: "TrueupCredentialsRefused",
        Kind.TOKEN_COOLDOWN: "TrueupTokenCooldown",
        Kind.OVERDUE: "TrueupNoSuccess",
        Kind.PRODUCTS_FAILING: "TrueupProductsFailing",
        Kind.JOB_FAILED: "TrueupJobFailed",
        Kind.DRIFT: "TrueupDrift",
        Kind.NO_WORKER: "TrueupNoWorker",
        Kind.QUEUE_STUCK: "TrueupQueueStuck",
    }
    assert set(by_kind) == set(Kind)
    assert set(by_kind.values()) <= {rule["alert"] for rule in rules()}


def test_prometheus_is_pointed_at_the_rules_and_the_endpoint() -> None:
    found = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    assert all((FOLDER / name).exists() for name in found["rule_files"])
    [job] = found["scrape_configs"]
    assert (job["job_name"], job["metrics_path"]) == ("trueup", "/metrics")


def test_the_page_lists_every_metric_and_no_other() -> None:
    page = (ROOT / "docs/monitoring.md").read_text()
    listed = set(re.findall(r"^\| `(trueup_\w+)`", page, re.MULTILINE))
    bare = {re.sub(r"_(bucket|sum|count)$", "", name) for name in exposed()
            if name.startswith("trueup_zoho_request_duration")}  # fmt: skip
    wanted = {name for name in exposed() if "duration_seconds_" not in name} | bare
    assert listed == wanted
    assert {rule["alert"] for rule in rules()} == set(
        re.findall(r"^\| `(Trueup\w+)`", page, re.MULTILINE)
    )
