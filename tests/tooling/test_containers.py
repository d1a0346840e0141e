"""The container files hold together: checked without an engine, as `docker compose config` would, and further."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "docker-compose.yml"
DOCKERFILE = (ROOT / "Dockerfile").read_text()
VARIABLE = re.compile(r"(?<!\$)\$\{([A-Z0-9_]+)(?:(:?[-?])([^}]*))?\}")

TOP_LEVEL = {"name", "services", "volumes", "configs", "networks", "secrets"}
SERVICE_KEYS = {
    "build", "cap_drop", "command", "configs", "depends_on", "environment", "healthcheck", "image", "init", "ports",
    "profiles",    "read_only", "restart", "security_opt", "shm_size", "stop_grace_period", "tmpfs", "ulimits", "volumes",
}  # fmt: skip
HEALTH_KEYS = {"test", "interval", "timeout", "retries", "start_period", "disable"}
CONDITIONS = {"service_started", "service_healthy", "service_completed_successfully"}
OURS = {"prepare", "web", "live", "worker", "events", "beat", "stream"}


def example_environment() -> dict[str, str]:
    pairs = {}
    for line in (ROOT / ".env.example").read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            pairs[name] = value
    return pairs


def interpolate(text: str, environ: dict[str, str]) -> str:
    """Fill variables in as compose does: `:-` a default for unset or empty, `:?` an error then."""

    def fill(match: re.Match[str]) -> str:
        name, operator, word = match[1], match[2], match[3]
        value = environ.get(name, "")
        if value:
            return value
        assert operator != ":?", f"{name} is required: {word}"
        return word or ""

    return VARIABLE.sub(fill, text)


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    environ = {name: value or "a-secret" for name, value in example_environment().items()}
    loaded: dict[str, Any] = yaml.safe_load(interpolate(COMPOSE.read_text(), environ))
    return loaded


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = compose["services"]
    return found


class TestCompose:
    def test_only_known_keys(self, compose, services):
        assert {key for key in compose if not key.startswith("x-")} <= TOP_LEVEL
        for name, service in services.items():
            assert set(service) <= SERVICE_KEYS, name
            assert set(service.get("healthcheck", {})) <= HEALTH_KEYS, name

    def test_every_service_that_stays_has_a_health_check(self, services):
        for name, service in services.items():
            if name != "prepare":
                assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}, name

    def test_dependencies_exist_and_can_be_met(self, services):
        for name, service in services.items():
            for other, how in service.get("depends_on", {}).items():
                assert other in services, f"{name} waits for {other}"
                assert how["condition"] in CONDITIONS
                if how["condition"] == "service_healthy":
                    assert "test" in services[other]["healthcheck"], f"{other} can never be healthy"
                if how["condition"] == "service_completed_successfully":
                    assert services[other]["restart"] == "no", f"{other} would be started for ever"

    def test_volumes_and_configs_are_declared_and_used(self, compose, services):
        named = set()
        for service in services.values():
            for volume in service.get("volumes", []):
                source = volume.split(":")[0]
                if source.startswith("./"):
                    assert (ROOT / source).exists(), source
                else:
                    named.add(source)
        assert named == set(compose["volumes"])
        sources = {entry["source"] for service in services.values() for entry in service.get("configs", [])}
        assert sources == set(compose["configs"])

    def test_images_are_pinned_to_a_version(self, services):
        for name, service in services.items():
            _, colon, tag = service["image"].partition(":")
            assert colon, name
            assert tag != "latest", name

    def test_our_containers_can_do_little(self, services):
        for name in OURS:
            assert services[name]["read_only"] is True
            assert services[name]["cap_drop"] == ["ALL"]
            assert "no-new-privileges:true" in services[name]["security_opt"]

    def test_only_the_proxy_is_reachable_from_outside(self, services):
        published = {name for name, service in services.items() if service.get("ports")}
        assert published == {"proxy", "mail"}
        assert all(port.startswith("127.0.0.1:") for port in services["mail"]["ports"])

    def test_without_secrets_it_does_not_start(self):
        with pytest.raises(AssertionError, match="is required"):
            interpolate(COMPOSE.read_text(), example_environment())

    def test_every_variable_is_in_the_example(self):
        used = {match[1] for match in VARIABLE.finditer(COMPOSE.read_text())}
        example = set(re.findall(r"^#? ?([A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
        assert used == example

    def test_the_site_gets_every_variable_that_production_requires(self, services):
        for name in ("SECRET_KEY", "DATABASE_URL", "REDIS_URL", "ALLOWED_HOSTS"):
            for service in OURS:
                assert services[service]["environment"][name]

    def test_the_variables_of_the_site_are_read_by_its_settings(self, services):
        known = (ROOT / "portfolio_site" / "settings" / "environment.py").read_text()
        for name in services["web"]["environment"]:
            assert name == "WEB_CONCURRENCY" or f'"{name}"' in known, name

    def test_health_checks_are_ones_that_exist(self, services):
        script = (ROOT / "docker" / "healthcheck.py").read_text()
        for name in OURS - {"prepare"}:
            assert f'"{services[name]["healthcheck"]["test"][-1]}":' in script


class TestDockerfile:
    def test_runs_as_an_ordinary_user(self):
        assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE) == ["holdfast"]
        assert "--uid 10001" in DOCKERFILE

    def test_copies_every_app_and_nothing_that_is_ignored(self):
        copied = set(re.findall(r"^COPY (?!--from)(\S+?)/? ", DOCKERFILE, re.MULTILINE))
        for name in copied:
            assert (ROOT / name).exists(), name
        apps = {folder.parent.name for folder in ROOT.glob("[a-z]*/apps.py")}
        assert apps <= copied
        sent = set(re.findall(r"^!(\S+?)/?$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
        assert copied == sent

    def test_installs_by_hash(self):
        assert "--require-hashes -r requirements.txt" in DOCKERFILE

    def test_commands_name_modules_that_exist(self, services):
        commands = DOCKERFILE + str([service.get("command") for service in services.values()])
        for module in re.findall(r"(portfolio_site\.\w+):application", commands):
            assert (ROOT / f"{module.replace('.', '/')}.py").exists()


def test_workflow_runs_what_everybody_runs():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == ["3.11", "3.13"]
    assert any(step.get("run") == ".ci/run" for step in workflow["jobs"]["test"]["steps"])
    assert "script/test" in (ROOT / ".ci" / "run").read_text()
