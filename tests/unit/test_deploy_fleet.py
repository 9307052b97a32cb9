"""The files for a fleet agree with the program, with each other, and with what Docker and Kubernetes understand."""

import subprocess
import sys
import threading
from collections.abc import Mapping
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from linda_bot.app.run_fleet import LEAVE_WITHIN_S
from linda_bot.cli.options import make_parser
from linda_bot.database.connecting import Database
from linda_bot.kernel.errors import UsageError
from linda_bot.settings import load_settings, setting_names
from linda_bot.web.house_operations import HOUSE_PROBES
from tests.support.deployments import (
    COMPOSE,
    DEPLOY,
    KUBERNETES,
    SECRET,
    Container,
    compose,
    compose_container,
    instructions,
    kubernetes_container,
    manifest,
    manifests,
)

PORT = 8080
VERSIONS = ("1.27", "1.33", "1.37")
"""Of Kubernetes: the oldest that some still sell, and newer ones."""
ENDED_AFTER_LEAVING_S = 5
"""What a host needs for the rest of its end."""
containers = pytest.mark.parametrize("read", [compose_container, kubernetes_container], ids=["compose", "kubernetes"])


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", sorted(path.name for path in KUBERNETES.iterdir()))
def test_kubernetes_understands_the_manifests(name: str, version: str) -> None:
    """Every field, also that there is no other."""
    validator = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")

    assert validator.validate(manifest(name), version, strict=True) == version


def test_a_field_that_does_not_exist_is_found() -> None:
    """The check can fail."""
    validator = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    wrong = manifest("deployment.yaml")
    wrong["spec"]["template"]["spec"]["terminationGracePeriod"] = 30

    with pytest.raises(validator.ValidationError):
        validator.validate(wrong, VERSIONS[-1], strict=True)


@pytest.mark.parametrize(("wrong", "code"), [("", 0), ("    stop_grace: 30s\n", 1)])
def test_compose_understands_its_file(tmp_path: Path, wrong: str, code: int) -> None:
    """By the schema of the Compose Specification; a field that does not exist is found."""
    pytest.importorskip("check_jsonschema", reason="check-jsonschema is not installed")
    path = tmp_path / COMPOSE.name
    path.write_text(COMPOSE.read_text().replace("    image: linda-bot\n", f"    image: linda-bot\n{wrong}"))
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(path)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)

    assert ran.returncode == code, ran.stdout + ran.stderr


@containers
def test_what_is_run_is_the_program(read: Any) -> None:
    """As the image runs it, with options that exist."""
    command = read().command

    assert command[:3] == ("tini", "--", "linda-bot")
    assert make_parser().parse_args(command[3:]).no_qr


@containers
def test_what_is_set_is_a_setting(read: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name, and with a value that the program takes."""
    for name, value in environment_of(read()).items():
        monkeypatch.setenv(name, value)
    settings = load_settings({})

    assert settings.store is not None
    assert settings.http_token is not None
    assert settings.http is not None
    assert settings.http.port == PORT


@containers
def test_hosts_have_names_of_their_own(read: Any) -> None:
    """Nothing gives several replicas the same: a fleet has no two hosts of one name."""
    container: Container = read()

    assert "LINDA_FLEET__HOST" not in container.environment
    assert "hostname" not in compose()["services"]["linda-bot"]
    assert kubernetes_container().from_name == ("LINDA_FLEET__HOST",)


@containers
def test_there_is_time_to_hand_over(read: Any) -> None:
    """Who is killed in the middle of it leaves accounts without a host for as long as a lease lasts."""
    assert read().grace_s >= LEAVE_WITHIN_S + ENDED_AFTER_LEAVING_S


def test_a_service_of_systemd_has_that_time_too() -> None:
    """The unit is the same for one host and for one of many."""
    (line,) = [line for line in (DEPLOY / "linda-bot.service").read_text().splitlines() if "TimeoutStopSec=" in line]

    assert float(line.partition("=")[2]) >= LEAVE_WITHIN_S + ENDED_AFTER_LEAVING_S


@containers
def test_what_is_asked_is_answered(read: Any) -> None:
    """The probes' paths are those of a process with several accounts, which need no token."""
    probes = read().probes

    assert probes
    assert set(probes) <= {operation.path for operation in HOUSE_PROBES}
    assert "/metrics" not in probes


@pytest.mark.parametrize(("status", "is_well"), [(200, True), (503, False)])
def test_the_health_check_of_compose(status: int, *, is_well: bool) -> None:
    """It goes by what the process says of itself."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # its own protocol
            self.send_response(status if self.path == "/readyz" else 404)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its own signature)
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=partial(server.serve_forever, 0.05), daemon=True).start()
        python, *check = compose_container().check
        asked = [part.replace(f":{PORT}/", f":{server.server_port}/") for part in check]
        ran = subprocess.run([sys.executable, *asked], capture_output=True, check=False)
        server.shutdown()

    assert python == "python"
    assert (ran.returncode == 0) is is_well


def test_the_image_can_use_postgresql() -> None:
    """It has the extra that a shared database needs."""
    assert any("'.[encryption,postgres]'" in line for line in instructions()["RUN"])


def test_kubernetes_adds_no_settings_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names of services become variables, and this service's begins as settings do."""
    name = manifest("service.yaml")["metadata"]["name"].upper().replace("-", "_")
    monkeypatch.setenv(f"{name}_SERVICE_HOST", "10.0.0.1")

    assert pod()["enableServiceLinks"] is False
    with pytest.raises(UsageError, match="is not a setting"):
        load_settings({})


def test_all_files_mean_the_same_pods() -> None:
    """A label that is misspelt selects nothing, without a word."""
    found = manifests()
    labels = found["deployment.yaml"]["spec"]["template"]["metadata"]["labels"]
    selectors = [
        found["deployment.yaml"]["spec"]["selector"]["matchLabels"],
        *(each["labelSelector"]["matchLabels"] for each in pod()["topologySpreadConstraints"]),
        found["disruption-budget.yaml"]["spec"]["selector"]["matchLabels"],
        found["service.yaml"]["spec"]["selector"],
        found["network-policy.yaml"]["spec"]["podSelector"]["matchLabels"],
    ]

    assert all(selector == labels for selector in selectors)


def test_all_files_mean_the_same_port() -> None:
    """The one on which the process listens."""
    found = manifests()
    (port,) = container()["ports"]
    probes = [each["httpGet"]["port"] for name, each in container().items() if name.endswith("Probe")]
    annotations = found["deployment.yaml"]["spec"]["template"]["metadata"]["annotations"]

    assert port["containerPort"] == PORT
    assert {*probes, *(each["targetPort"] for each in found["service.yaml"]["spec"]["ports"])} == {port["name"]}
    assert found["network-policy.yaml"]["spec"]["ingress"][0]["ports"] == [{"protocol": "TCP", "port": PORT}]
    assert int(annotations["prometheus.io/port"]) == PORT
    assert all(each.endswith(f":{PORT}") for each in compose()["services"]["linda-bot"]["ports"])


def test_pods_may_do_as_little_as_they_can() -> None:
    """What the profile "restricted" of the Pod Security Standards asks for, and a root that cannot be written."""
    whole, own = pod()["securityContext"], container()["securityContext"]

    assert whole["runAsNonRoot"] is True
    assert f"--uid {whole['runAsUser']} " in " ".join(instructions()["RUN"])
    assert whole["seccompProfile"] == {"type": "RuntimeDefault"}
    assert own == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod()["automountServiceAccountToken"] is False


def test_what_is_written_has_a_place() -> None:
    """The root is read-only in both: the data directory and the one for temporary files are not."""
    data = instructions()["WORKDIR"][-1]
    volumes = {each["name"]: each for each in pod()["volumes"]}
    mounts = {each["mountPath"]: volumes[each["name"]] for each in container()["volumeMounts"]}
    service = compose()["services"]["linda-bot"]

    assert set(mounts) == {data, "/tmp"}
    assert all("emptyDir" in volume for volume in mounts.values())
    assert service["read_only"] is True
    assert (service["volumes"], service["tmpfs"]) == ([data], ["/tmp"])


def test_no_secret_is_in_a_file() -> None:
    """Compose takes them from files that git does not see, Kubernetes from one that is not applied with the rest."""
    sources = compose()["secrets"].values()

    assert all(each["file"].startswith("./secrets/") for each in sources)
    assert "/secrets/" in (DEPLOY / ".gitignore").read_text().splitlines()
    assert SECRET.suffix not in {".yaml", ".yml", ".json"}
    assert set(kubernetes_container().from_secrets.values()) == set(manifest(SECRET.name)["stringData"])
    assert compose_container().env_file is not None


def test_the_guide_names_every_file() -> None:
    """Each has its place in docs/fleet.md, and so do the secrets that somebody has to write."""
    guide = (DEPLOY.parent / "docs" / "fleet.md").read_text()
    names = [COMPOSE.name, *manifests(), *(Path(each["file"]).name for each in compose()["secrets"].values())]

    assert [name for name in names if name not in guide] == []


def test_the_database_has_connections_for_all_hosts() -> None:
    """With as many hosts as the file begins with, each full, and some to spare; see docs/postgres.md."""
    service = compose()["services"]
    (most,) = [each.partition("=")[2] for each in service["postgres"]["command"] if "max_connections" in each]
    hosts, capacity = service["linda-bot"]["deploy"]["replicas"], environment_of(compose_container())

    assert int(most) >= int(hosts) * (4 + 8 * int(capacity["LINDA_FLEET__CAPACITY"]))


def pod() -> Any:
    """Return what the Deployment says of its pods."""
    return manifest("deployment.yaml")["spec"]["template"]["spec"]


def container() -> Any:
    """Return what the Deployment says of the one container."""
    (found,) = pod()["containers"]
    return found


def environment_of(host: Container) -> Mapping[str, str]:
    """Return the settings that a host has, with secrets and names as they may be."""
    example = manifest(SECRET.name)["stringData"]
    Database(example["store"])
    secrets = {name: example[key] for name, key in host.from_secrets.items()}
    if host.env_file is not None:
        secrets = {"LINDA_STORE": example["store"], "LINDA_HTTP_TOKEN": example["http-token"]}
    found = {**host.environment, **secrets, **dict.fromkeys(host.from_name, "linda-bot-6d8f7c9b5-x2k4p")}
    ours = {name: value for name, value in found.items() if name.startswith("LINDA_")}
    assert set(ours) <= set(setting_names())
    return ours
