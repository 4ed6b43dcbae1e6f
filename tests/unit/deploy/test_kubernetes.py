"""The Kubernetes manifests: valid by the published schemas, and closed where they can be."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from trueup.settings.options import BY_KEY, OPTIONS

FOLDER = Path(__file__).parents[3] / "deploy/kubernetes"
VERSION = "1.37"  # of the schemas that kubernetes-validate brings
FILES = sorted(path for path in FOLDER.rglob("*.yaml"))
MANIFESTS = [path for path in FILES if path.name != "kustomization.yaml"]


def documents(path: Path) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def everything() -> Iterator[dict[str, Any]]:
    for path in MANIFESTS:
        yield from documents(path)


def kind(name: str) -> list[dict[str, Any]]:
    return [document for document in everything() if document["kind"] == name]


def pods() -> dict[str, dict[str, Any]]:
    """The pod of everything that starts one, as `Deployment/trueup`."""
    found = {}
    for document in everything():
        spec = document.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if "template" in spec:
            name = f"{document['kind']}/{document['metadata']['name']}"
            found[name] = spec["template"]["spec"]
    return found


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [*pod["containers"], *pod.get("initContainers", [])]


PODS = pods()


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_a_manifest_is_valid_and_has_no_unknown_key(path: Path) -> None:
    for document in documents(path):
        kubernetes_validate.validate(document, VERSION, strict=True)
        assert "namespace" not in document["metadata"]


def test_the_validation_can_fail() -> None:
    (service,) = kind("Service")
    broken = service | {"spec": service["spec"] | {"prots": []}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, VERSION, strict=True)


def test_all_that_start_something_are_known() -> None:
    assert set(PODS) == {
        "CronJob/trueup",
        "Deployment/trueup",
        "Deployment/trueup-worker",
        "Job/trueup-upgrade",
    }


@pytest.mark.parametrize("name", PODS)
def test_a_pod_has_no_rights(name: str) -> None:
    pod = PODS[name]
    security = pod["securityContext"]
    assert security["runAsNonRoot"] is True
    assert security["runAsUser"] == 10001
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    for container in containers(pod):
        closed = container["securityContext"]
        assert closed["readOnlyRootFilesystem"] is True
        assert closed["allowPrivilegeEscalation"] is False
        assert closed["capabilities"] == {"drop": ["ALL"]}
        assert {"requests", "limits"} == set(container["resources"])
        mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        assert mounted["state"] == "/var/lib/trueup"
        assert set(mounted) == {volume["name"] for volume in pod["volumes"]} == {"state", "tmp"}


def test_a_pod_may_finish_its_request() -> None:
    grace = BY_KEY["worker.grace"].default
    for name in ("CronJob/trueup", "Deployment/trueup", "Deployment/trueup-worker"):
        assert PODS[name]["terminationGracePeriodSeconds"] >= grace + 10


def test_a_new_version_begins_when_the_old_one_has_ended_and_the_schema_is_there() -> None:
    for deployment in kind("Deployment"):
        assert deployment["spec"]["strategy"] == {"type": "Recreate"}
        (first,) = deployment["spec"]["template"]["spec"]["initContainers"]
        assert "trueup db status" in first["command"][-1]
    assert PODS["Job/trueup-upgrade"]["containers"][0]["args"] == ["db", "upgrade"]


def test_the_service_is_asked_whether_it_lives_and_is_ready() -> None:
    (container,) = PODS["Deployment/trueup"]["containers"]
    asked = {probe: container[probe]["httpGet"]["path"] for probe in container if "Probe" in probe}
    assert asked == {
        "startupProbe": "/healthz",
        "livenessProbe": "/healthz",
        "readinessProbe": "/readyz",
    }
    ports = {port["name"] for port in container["ports"]}
    assert {container[probe]["httpGet"]["port"] for probe in asked} <= ports


def test_whoever_selects_pods_selects_those_of_the_service() -> None:
    (deployment,) = [d for d in kind("Deployment") if d["metadata"]["name"] == "trueup"]
    labels = deployment["spec"]["template"]["metadata"]["labels"].items()
    (service,), (budget,) = kind("Service"), kind("PodDisruptionBudget")
    (policy,) = kind("NetworkPolicy")
    for chosen in (
        deployment["spec"]["selector"]["matchLabels"],
        service["spec"]["selector"],
        budget["spec"]["selector"]["matchLabels"],
        policy["spec"]["podSelector"]["matchLabels"],
    ):
        assert chosen.items() <= labels
    assert budget["spec"]["minAvailable"] < deployment["spec"]["replicas"]


def test_the_cron_job_is_the_nightly_run() -> None:
    (job,) = kind("CronJob")
    spec = job["spec"]
    assert spec["schedule"] == BY_KEY["schedule.cron"].default
    assert spec["timeZone"] == BY_KEY["schedule.timezone"].default
    assert spec["concurrencyPolicy"] == "Forbid"
    assert spec["jobTemplate"]["spec"]["backoffLimit"] == 0
    assert spec["jobTemplate"]["spec"]["activeDeadlineSeconds"] > BY_KEY["run.deadline"].default


def test_no_manifest_but_the_example_holds_a_secret() -> None:
    secrets = {option.env for option in OPTIONS if option.secret}
    for settings in kind("ConfigMap"):
        assert secrets & set(settings["data"]) == set()
        known = {option.env for option in OPTIONS}
        assert sorted(set(settings["data"]) - known) == []
    (example,) = kind("Secret")
    for name, value in example["stringData"].items():
        assert name in secrets | {"ZOHO_CLIENT_ID"}
        assert re.search("replace-?me", value, re.IGNORECASE)
    kustomized = [path.read_text() for path in FILES if path.name == "kustomization.yaml"]
    assert not any("secret" in text for text in kustomized)


def test_kustomize_puts_them_together(tmp_path: Path) -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    for way, parts in (("serve", 8), ("cron", 5)):
        done = subprocess.run(
            ["kubectl", "kustomize", FOLDER / way], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        made = list(yaml.safe_load_all(done.stdout))
        assert len(made) == parts
        images = re.findall(r"image: (.*)", done.stdout)
        assert set(images) == {"registry.example/trueup:0.1.0"}


@pytest.mark.parametrize(("code", "seen"), [(0, 0), (1, 1), (3, 0), (4, 4), (75, 0)])
def test_the_cron_job_fails_only_when_the_run_did(tmp_path: Path, code: int, seen: int) -> None:
    with night(tmp_path, f"exit {code}") as shell:
        assert shell.wait(30) == seen


def test_a_stopped_cron_job_lets_the_run_end(tmp_path: Path) -> None:
    """The shell hands the signal on, and its exit code is the run's."""
    program = (
        "trap 'echo stopped; exit 4' TERM; echo begun; for _ in $(seq 500); do sleep 0.01; done"
    )
    with night(tmp_path, program) as shell:
        assert shell.stdout is not None
        assert shell.stdout.readline() == "begun\n"
        shell.terminate()
        assert shell.stdout.readline() == "stopped\n"
        assert shell.wait(30) == 4


@contextmanager
def night(folder: Path, program: str) -> Iterator[subprocess.Popen[str]]:
    """The cron job's script with a program of ours in place of `trueup`."""
    (container,) = PODS["CronJob/trueup"]["containers"]
    stand_in = folder / "trueup"
    stand_in.write_text(f'#!/bin/sh\n[ "$1" = run ] || exit 99\n{program}\n')
    stand_in.chmod(0o755)
    path = os.pathsep.join([str(folder), os.defpath])
    with subprocess.Popen(
        container["command"], env={"PATH": path}, stdout=subprocess.PIPE, text=True
    ) as shell:
        yield shell
