"""The chart's serving pod in a Docker Engine: its init step and its server, each locked as it is rendered."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from releases import two_versions
from slmworks.registry.log import Registry
from slmworks_serve.client import ask

pytestmark = pytest.mark.docker


class Node:
    """Folders where a kubelet would have volumes; containers get them as the pod says."""

    def __init__(self, folder: Path, docker: Any, image: str) -> None:
        self.folder, self.docker, self.image = folder, docker, image
        self.store = two_versions(folder)
        self.empty("release")

    def empty(self, name: str) -> None:
        """A fresh emptyDir."""
        (self.folder / name).mkdir()
        (self.folder / name).chmod(0o777)

    def digest(self, version: int) -> str:
        found = Registry(self.store).state("reviews").version(version).registered.model_digest
        return f"sha256:{found}"

    def pod(self, version: int) -> Any:
        from chart import objects, pods

        (pod,) = pods(objects("claim", {"model": {"digest": self.digest(version)}}))
        return pod

    def flags(self, pod: Any, container: Any, *more: str) -> list[str]:
        """The container as the pod describes it, word for word, in Docker's words."""
        locked, user = container["securityContext"], pod["securityContext"]
        assert locked == {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
        }  # fmt: skip
        words = [
            "--security-opt=no-new-privileges", "--read-only", "--cap-drop=ALL",
            f"--user={user['runAsUser']}:{user['runAsGroup']}",
        ]  # fmt: skip
        for mount in container["volumeMounts"]:
            if mount["name"] == "tmp":
                words.append(f"--tmpfs={mount['mountPath']}")
            else:
                mode = ":ro" if mount.get("readOnly") else ""
                words.append(f"--volume={self.folder}/{mount['name']}:{mount['mountPath']}{mode}")
        env = {one["name"]: one["value"] for one in container.get("env", ())}
        words += [f"--env={name}={value}" for name, value in env.items()]
        command, *args = [*container["command"], *container["args"]]
        args = [re.sub(r"\$\((\w+)\)", lambda found: env[found[1]], word) for word in args]
        return [*words, *more, f"--entrypoint={command}", self.image, *args]

    def pull(self, pod: Any, code: int = 0) -> str:
        """Run the init step to its end."""
        (init,) = pod["initContainers"]
        name = f"slmworks-pull-{time.monotonic_ns()}"
        self.docker("run", "--network=none", *self.flags(pod, init, f"--name={name}"), code=code)
        return self.logs(name)

    def logs(self, name: str) -> str:
        import os
        import subprocess

        done = subprocess.run(
            [os.environ.get("DOCKER", "docker"), "logs", name], capture_output=True, text=True, check=True
        )
        self.docker("rm", "--force", name)
        return done.stdout + done.stderr


@pytest.fixture
def node(tmp_path: Path, docker, images) -> Node:
    return Node(tmp_path, docker, images("serve").name)


@pytest.fixture
def server(node: Node, docker) -> Iterator[tuple[str, str, Any]]:
    """The pod after its init step: the server's container, its address and its description."""
    pod = node.pod(1)
    assert "reviews v1" in node.pull(pod)
    (described,) = pod["containers"]
    container = docker("run", "--detach", *node.flags(pod, described, "--publish=127.0.0.1::8000")).strip()
    try:
        yield container, f"http://{docker('port', container, '8000').strip()}", described
    finally:
        docker("rm", "--force", container)


def test_the_pod_answers_its_probes_and_a_question_and_ends_well(server, docker) -> None:
    container, address, described = server
    probes = [described[name] for name in ("startupProbe", "readinessProbe", "livenessProbe")]
    deadline = time.monotonic() + 60
    for probe in probes:
        assert probe["httpGet"]["port"] == 8000
        while not answers(f"{address}{probe['httpGet']['path']}"):
            assert time.monotonic() < deadline, docker("logs", container)
            time.sleep(0.1)
    assert ask(f"{address}/classify", {"text": "a great camera"})["label"]
    docker("stop", "--time=30", container)
    assert docker("inspect", "--format={{.State.ExitCode}}", container).strip() == "0"


def answers(address: str) -> bool:
    try:
        ask(address)
    except Exception:
        return False
    return True


def test_what_was_not_approved_is_refused_by_the_init_step(node: Node) -> None:
    said = node.pull(node.pod(2), code=2)
    assert "reviews v2" in said
    assert "not approved" in said
    assert not list((node.folder / "release").iterdir())


def test_what_was_edited_in_the_store_is_refused_by_the_init_step(node: Node) -> None:
    release = Registry(node.store).state("reviews").version(1).registered.release
    (model,) = node.store.folder(release).glob("model/*.onnx")
    model.chmod(0o644)
    model.write_bytes(model.read_bytes() + b"x")
    said = node.pull(node.pod(1), code=2)
    assert len(said.strip().splitlines()) == 1
    assert not list((node.folder / "release").iterdir())
