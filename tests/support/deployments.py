"""What the files in deploy/ have run, read as Docker and Kubernetes read them."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

DEPLOY = Path(__file__).parents[2] / "deploy"
DOCKERFILE = DEPLOY / "Dockerfile"
COMPOSE = DEPLOY / "docker-compose.fleet.yml"
KUBERNETES = DEPLOY / "kubernetes"
SECRET = KUBERNETES / "secret.yaml.example"

_SECRETS = "/run/secrets"


class Container(NamedTuple):
    """A container of linda-bot as one of the files describes it."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    """Variables whose values the files say."""
    from_secrets: Mapping[str, str]
    """Variables, and the keys of the secret that have their values."""
    from_name: tuple[str, ...]
    """Variables that have the container's own name as their value."""
    env_file: Path | None
    """The secret that is found as `.env` in the directory where the command is run; None where there is none."""
    probes: tuple[str, ...]
    """Paths that are asked for over HTTP."""
    check: tuple[str, ...]
    """The command of the health check; empty where there is none."""
    grace_s: float
    """How long it has between SIGTERM and SIGKILL."""


def instructions() -> dict[str, list[str]]:
    """Return the Dockerfile's instructions by their name, with its continued lines joined as Docker joins them."""
    lines = "\n".join(line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#"))
    found: dict[str, list[str]] = {}
    for line in lines.replace("\\\n", "").splitlines():
        if line:
            name, _, rest = line.partition(" ")
            found.setdefault(name, []).append(rest.strip())
    return found


def manifest(name: str) -> Any:
    """Return one of Kubernetes' files."""
    return _yaml(KUBERNETES / name)


def manifests() -> dict[str, Any]:
    """Return all of Kubernetes' files by their names."""
    return {path.name: _yaml(path) for path in sorted(KUBERNETES.iterdir())}


def compose() -> Any:
    """Return the compose file."""
    return _yaml(COMPOSE)


def compose_container() -> Container:
    """Return what the compose file has run as a host."""
    service = compose()["services"]["linda-bot"]
    env_files = [each["source"] for each in service["secrets"] if _found_as(each, service["working_dir"]) == ".env"]
    sources = compose()["secrets"]
    return Container(
        command=_command(service.get("entrypoint"), service.get("command")),
        environment={**_image_environment(), **service["environment"]},
        from_secrets={},
        from_name=(),
        env_file=DEPLOY / sources[env_files[0]]["file"] if env_files else None,
        probes=tuple(re.findall(r"http://127\.0\.0\.1:8080([^\"]*)", " ".join(service["healthcheck"]["test"]))),
        check=tuple(service["healthcheck"]["test"][1:]),
        grace_s=_seconds(service["stop_grace_period"]),
    )


def kubernetes_container() -> Container:
    """Return what the Deployment has run as a host."""
    pod = manifest("deployment.yaml")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    variables = {each["name"]: each for each in container["env"]}
    given = {name: each["valueFrom"] for name, each in variables.items() if "valueFrom" in each}
    return Container(
        command=_command(container.get("command"), container.get("args")),
        environment={
            **_image_environment(),
            **{name: each["value"] for name, each in variables.items() if "value" in each},
        },
        from_secrets={name: each["secretKeyRef"]["key"] for name, each in given.items() if "secretKeyRef" in each},
        from_name=tuple(name for name, each in given.items() if each.get("fieldRef") == {"fieldPath": "metadata.name"}),
        env_file=None,
        probes=tuple(each["httpGet"]["path"] for name, each in container.items() if name.endswith("Probe")),
        check=(),
        grace_s=pod["terminationGracePeriodSeconds"],
    )


def _yaml(path: Path) -> Any:
    return msgspec.yaml.decode(path.read_text())


def _command(entrypoint: list[str] | None, command: list[str] | None) -> tuple[str, ...]:
    """Return what is run, where a file may put something in the place of what the image says."""
    image = instructions()
    first = entrypoint or msgspec.json.decode(image["ENTRYPOINT"][0], type=list[str])
    return (*first, *(command or ([] if entrypoint else msgspec.json.decode(image["CMD"][0], type=list[str]))))


def _image_environment() -> dict[str, str]:
    return dict(each.split("=", 1) for line in instructions()["ENV"] for each in line.split())


def _found_as(secret: Mapping[str, str], directory: str) -> str:
    """Return how a secret's file is called, seen from a directory."""
    place = Path(_SECRETS) / secret.get("target", secret["source"])
    return str(place.relative_to(directory)) if place.is_relative_to(directory) else str(place)


def _seconds(duration: str) -> float:
    found = re.fullmatch(r"(\d+)s", duration)
    assert found, duration
    return float(found[1])
