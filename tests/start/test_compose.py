"""Dockerfile, docker-compose.yml, Procfile and settings say the same; no Docker engine is needed to see it."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest
import yaml
from django.conf import settings

from deploy_site import procfile
from tests.support.servers import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
OURS = {name: service for name, service in SERVICES.items() if service.get("image") == "modeldesk"}
PROCESSES = {name: service for name, service in OURS.items() if "deploy_site.procfile" in service["command"]}


def _queues(service: dict[str, Any]) -> set[str]:
    command = _filled_in(procfile.commands()[service["command"][-1]], service["environment"])
    words = shlex.split(command)
    return set(words[words.index("--queues") + 1].split(",")) if "--queues" in words else set()


def _filled_in(command: str, environment: dict[str, str]) -> str:
    return re.sub(r"\$\{([A-Z_]+):-([^}]*)\}", lambda m: environment.get(m[1], m[2]), command)


def test_every_process_of_the_procfile_runs_and_nothing_else() -> None:
    started = {service["command"][-1] for service in PROCESSES.values()}
    assert started == set(procfile.commands())
    assert set(OURS) - set(PROCESSES) == {"migrate"}
    for service in PROCESSES.values():
        assert service["command"][:-1] == ["python", "-m", "deploy_site.procfile"]


def test_the_image_starts_the_web_process() -> None:
    assert re.search(
        r'^CMD \["python", "-m", "deploy_site.procfile", "web"\]$', DOCKERFILE, flags=re.MULTILINE
    )


def test_every_queue_is_taken_by_one_worker_service() -> None:
    taken = [queue for service in PROCESSES.values() for queue in _queues(service)]
    assert sorted(taken) == sorted(queue.name for queue in settings.CELERY_TASK_QUEUES)


def test_the_procfile_alone_takes_every_queue_as_well() -> None:
    taken = [
        queue for name in procfile.commands() for queue in _queues({"command": [name], "environment": {}})
    ]
    assert sorted(taken) == sorted(queue.name for queue in settings.CELERY_TASK_QUEUES)


def test_workers_neither_gossip_nor_mingle() -> None:
    for name, command in procfile.commands().items():
        if "celery" in command and name != "beat":
            assert {"--without-gossip", "--without-mingle"} <= set(command.split())


def test_every_route_leads_to_a_known_queue() -> None:
    known = {queue.name for queue in settings.CELERY_TASK_QUEUES}
    routed = {route["queue"] for route in settings.CELERY_TASK_ROUTES.values()}
    # The gateway chooses among the interactive ones by itself.
    assert routed | set(settings.DIRECT_QUEUES) == known
    assert {queue.routing_key for queue in settings.CELERY_TASK_QUEUES} == known


def test_processes_wait_for_servers_and_migrations() -> None:
    for service in PROCESSES.values():
        conditions = {name: wait["condition"] for name, wait in service["depends_on"].items()}
        assert conditions == {
            "postgres": "service_healthy",
            "redis": "service_healthy",
            "migrate": "service_completed_successfully",
        }


def test_health_checks() -> None:
    assert "HEALTHCHECK" in DOCKERFILE
    assert "/health/live" in DOCKERFILE
    without = {name for name, service in SERVICES.items() if service.get("healthcheck", {}).get("disable")}
    assert without == {"migrate", "beat"}
    for name, service in SERVICES.items():
        if name not in without | {"web"}:
            assert service["healthcheck"]["test"], name
    assert "healthcheck" not in SERVICES["web"]


def test_a_worker_is_asked_by_the_name_it_has() -> None:
    for service in PROCESSES.values():
        command = _filled_in(procfile.commands()[service["command"][-1]], service["environment"])
        if asked := re.search(r"--destination (\w+)@", str(service.get("healthcheck", {}).get("test"))):
            assert f"--hostname {asked[1]}@%h" in command


def test_nothing_of_ours_runs_as_root() -> None:
    users = re.findall(r"^USER (\S+)$", DOCKERFILE, flags=re.MULTILINE)
    assert users == ["modeldesk"]
    for service in OURS.values():
        assert "user" not in service
        assert "privileged" not in service
        assert service["cap_drop"] == ["ALL"]


def test_redis_keeps_a_log_and_evicts_nothing() -> None:
    command = " ".join(SERVICES["redis"]["command"])
    assert "--appendonly yes" in command
    assert "--maxmemory-policy noeviction" in command


@pytest.mark.parametrize("name", ["SECRET_KEY", "ALLOWED_HOSTS", "POSTGRES_PASSWORD", "REDIS_PASSWORD"])
def test_what_must_be_set_has_no_default(name: str) -> None:
    used = re.findall(rf"\$\{{{name}([^}}]*)\}}", (ROOT / "docker-compose.yml").read_text())
    assert used
    assert all(rest.startswith(":?") for rest in used)


def test_no_password_is_written_down() -> None:
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|AUTH", name):
                assert re.fullmatch(r"\$\{[A-Z_]+:\?[^}]*\}", value), name
            if re.search("_URL$", name):
                assert re.search(r":\$\{[A-Z_]+:\?[^}]*\}@", value), name
    assert not re.search(r"(PASSWORD|SECRET_KEY)\s*=\s*\S", DOCKERFILE)


def test_data_is_kept_in_volumes() -> None:
    mounted = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert mounted == set(COMPOSE["volumes"])
    assert "ARTIFACTS_DIR=/data/artifacts" in DOCKERFILE
    assert "artifacts:/data/artifacts" in SERVICES["build"]["volumes"]
