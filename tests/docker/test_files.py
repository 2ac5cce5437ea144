"""The container, cluster and alert files: well-formed, hardened, and true."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
DOCKERFILES = [DOCKER / "Dockerfile", DOCKER / "Dockerfile.cuda"]
COMPOSE = [DOCKER / "compose.yaml", DOCKER / "compose.cuda.yaml"]
BIN = Path(sys.executable).parent

yaml = pytest.importorskip("yaml", reason="the extra 'dev' is not installed")


def documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


@pytest.mark.skipif(not (BIN / "hadolint").exists(), reason="hadolint is not installed")
@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: file.name)
def test_hadolint_finds_nothing(file: Path) -> None:
    done = subprocess.run([BIN / "hadolint", file], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_both_images_start_alike() -> None:
    alike = (
        "FROM",
        "USER",
        "WORKDIR",
        "EXPOSE",
        "HEALTHCHECK",
        "    CMD",
        "ENTRYPOINT",
        "CMD",
        "RUN useradd",
    )
    cpu, cuda = (
        [line for line in file.read_text().splitlines() if line.startswith(alike)] for file in DOCKERFILES
    )
    assert cpu == cuda and len(cpu) > len(alike)


def test_compose_files_are_valid() -> None:
    pytest.importorskip("check_jsonschema", reason="check-jsonschema is not installed")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", *COMPOSE]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("file", sorted((DOCKER / "kubernetes").glob("*.yaml")), ids=lambda file: file.name)
def test_kubernetes_would_take_it(file: Path) -> None:
    kubernetes = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    for document in documents(file):
        kubernetes.validate(document, kubernetes.latest_version(), strict=True)


@pytest.mark.parametrize("name", ["marklens", "tools", "postgres"])
def test_every_service_of_compose_is_locked_up(name: str) -> None:
    (compose,) = documents(DOCKER / "compose.yaml")
    service = compose["services"][name]
    assert service["read_only"] and service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"cpus", "memory", "pids"} <= set(service["deploy"]["resources"]["limits"])


def pods() -> Iterator[dict[str, Any]]:
    for file in (DOCKER / "kubernetes").glob("*.yaml"):
        for document in documents(file):
            if document["kind"] in {"Deployment", "Job"}:
                yield document["spec"]["template"]["spec"]


def test_every_pod_satisfies_the_restricted_standard() -> None:
    for pod in pods():
        assert pod["securityContext"]["runAsNonRoot"] and not pod["automountServiceAccountToken"]
        assert pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
        for container in pod["containers"]:
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"] and not context["allowPrivilegeEscalation"]
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert {"cpu", "memory"} <= set(container["resources"]["limits"])
    assert len(list(pods())) == 2


def test_alerts_watch_what_is_measured(index: Path) -> None:
    """Every meter, label and kind of problem that a rule names is one of the service's."""
    pytest.importorskip("fastapi", reason="the extra 'serve' is not installed")
    from fastapi.testclient import TestClient
    from tests.api.conftest import quick_service

    from marklens.api.app import create_app

    with TestClient(create_app(quick_service(index))) as client:
        client.get("/nowhere")
        shown = client.get("/metrics").text
    meters = set(re.findall(r"^([a-z_]+)(?:\{| )", shown, re.MULTILINE))
    labels = set(re.findall(r'[{,]([a-z_]+)="', shown))
    sources = "\n".join(path.read_text() for path in (ROOT / "src/marklens/api").glob("*.py"))
    (rules,) = documents(DOCKER / "prometheus-rules.yaml")
    alerts = [rule for group in rules["groups"] for rule in group["rules"]]
    for alert in alerts:
        named = set(re.findall(r"marklens_[a-z_]+", alert["expr"]))
        assert named <= meters and (named or "up{" in alert["expr"]), alert["alert"]
        assert set(re.findall(r"[{,]([a-z_]+)=", alert["expr"])) <= labels | {"job"}
        for kinds in re.findall(r'kind=~?"([^"]+)"', alert["expr"]):
            assert all(f'"{kind}"' in sources for kind in kinds.split("|"))
        page = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
        assert f"`{alert['alert']}`" in page, "the page says what to do"
    assert len(alerts) == len({alert["alert"] for alert in alerts})
