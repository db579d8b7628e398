"""The commands of the serving pod, as rendered, run one after the other on a store in a folder."""

import http.client
import json
import re
import signal
import subprocess
import sys
import urllib.request

import pytest
from chart import objects, of_kind, pods
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from releases import approve, two_versions
from slmworks.contract.errors import BadRequest
from slmworks.registry.log import Registry
from slmworks.store import open_store
from slmworks_serve.client import ask

TOKEN = "correct-horse-battery"


@pytest.fixture
def node(tmp_path):
    """A store with an approved version and one that isn't, and where the pod's folders are."""
    two_versions(tmp_path)
    (tmp_path / "release").mkdir()  # an emptyDir is there before the init step, and can't be renamed
    return tmp_path


def digest(node, version):
    state = Registry(open_store(str(node / "store"))).state("reviews")
    return f"sha256:{state.version(version).registered.model_digest}"


def started(node, container):
    """A container's command as a kubelet starts it, in folders of this machine, on a free port."""
    env = {each["name"]: each["value"] for each in container.get("env", ())}
    words = [*container["command"], *container["args"]]
    words = [re.sub(r"\$\((\w+)\)", lambda found: env[found[1]], word) for word in words]
    words = [re.sub(r"(^|=)(/release|/store|/tokens)", rf"\1{node}\2", word) for word in words]
    words = [
        {
            "--port=8000": "--port=0",
            "--metrics-port=9000": "--metrics-port=0",
            "--host=0.0.0.0": "--host=127.0.0.1",
        }.get(word, word)
        for word in words
    ]
    assert words.pop(0) == "slmworks"
    command = [sys.executable, "-m", "slmworks", *words]
    env |= {"HOME": str(node / "tmp"), "SLMWORKS_CACHE": str(node / "tmp" / "slmworks"), "PATH": ""}
    return subprocess.Popen(
        command, env=env, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def asked_as(address, name):
    """The status of the server's health, asked by a name."""
    connection = http.client.HTTPConnection(address.removeprefix("http://"))
    connection.request("GET", "/health", headers={"host": name})
    return connection.getresponse().status


def helm_test(found, tokens, address):
    """Exit code and lines of what `helm test` runs, asking this machine's server."""
    (container,) = of_kind("Pod", found)["spec"]["containers"]
    script, service, file = container["args"]
    assert (container["command"], service, file) == (
        ["python3", "-c"],
        "http://demo-slmworks.team:80",
        "/tokens/tokens",
    )
    words = [sys.executable, "-c", script, address, str(tokens)]
    done = subprocess.run(words, check=False, env={}, capture_output=True, text=True, timeout=60)
    return done.returncode, [*done.stdout.splitlines(), *done.stderr.splitlines()]


def prepare(node, pod):
    """Lay the tokens of a pod's Secret and run its init step."""
    (node / "tokens").mkdir()
    (node / "tokens" / "tokens").write_text(f"{TOKEN}\n")
    with started(node, pod["initContainers"][0]) as pull:
        assert (pull.wait(60), pull.stderr.read()) == (0, "")


def test_the_init_step_fetches_and_the_server_answers_and_ends_well(node):
    found = objects(
        "claim",
        {
            "model": {"digest": digest(node, 1)},
            "serving": {
                "limits": {"maxBatch": 4, "maxConnections": 50, "maxBodies": 8388608},
                "tokens": {"secretName": "tokens"},
            },
        },
    )
    (pod,) = pods(found)
    prepare(node, pod)
    with started(node, pod["containers"][0]) as server:
        try:
            address = re.search(r"http://[\d.:]+", server.stdout.readline())[0]
            probes = {
                pod["containers"][0][name]["httpGet"]["path"] for name in ("readinessProbe", "livenessProbe")
            }
            assert {path: ask(f"{address}{path}")["status"] for path in probes} == {
                "/ready": "ready",
                "/health": "ok",
            }
            with pytest.raises(BadRequest, match="answers 401"):
                ask(f"{address}/classify", {"text": "good"})
            assert ask(f"{address}/classify", {"text": "good"}, token=TOKEN)["version"] == 1
            code, said = helm_test(found, f"{node}/tokens/tokens", address)
            assert (code, said[0]) == (0, 'health {"status": "ok"}')
            assert json.loads(said[-1].removeprefix("answer "))["label"] == "positive"
            (node / "others").write_text("# of another server\nanother-long-token\n")
            code, (*_, line) = helm_test(found, node / "others", address)
            assert code == 1
            assert " answers 401: " in line
            assert asked_as(address, "demo-slmworks.team.svc") == 200
            assert asked_as(address, "evil.example") == 421
            server.send_signal(signal.SIGTERM)
            assert server.wait(30) == 0
        finally:
            server.kill()


def test_metrics_and_digests_are_given_at_their_own_port_and_nowhere_else(node):
    more = {
        "model": {"digest": digest(node, 1)},
        "serving": {"metricsPort": 9000, "tokens": {"secretName": "t"}},
    }
    (pod,) = pods(objects("claim", more))
    prepare(node, pod)
    with started(node, pod["containers"][0]) as server:
        try:
            address, apart = re.findall(r"http://[\d.:]+", server.stdout.readline())
            ask(f"{address}/classify", {"text": "good"}, token=TOKEN)
            with urllib.request.urlopen(f"{apart}/metrics") as reply:
                assert "slmworks_requests_total{" in reply.read().decode()
            assert ask(f"{apart}/ready")["model_digest"] == digest(node, 1).removeprefix("sha256:")
            with pytest.raises(BadRequest, match="answers 404"):
                ask(f"{address}/metrics", token=TOKEN)
            assert "model_digest" not in ask(f"{address}/ready", token=TOKEN)
        finally:
            server.kill()


def test_with_trusted_keys_only_what_was_signed_gets_past_the_init_step(node, monkeypatch):
    key = ed25519.Ed25519PrivateKey.generate()
    said = {
        "trustedKeys": key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    }
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    monkeypatch.setenv("SLMWORKS_SIGNING_KEY", secret.decode())
    approve(open_store(str(node / "store")), 2)
    unsigned, signed = (
        next(pods(objects("claim", {"model": {**said, "digest": digest(node, version)}})))
        for version in (1, 2)
    )
    with started(node, unsigned["initContainers"][0]) as pull:
        assert pull.wait(60) == 2
        (line,) = pull.stderr.read().splitlines()
    assert "reviews v1: its approval (entry 000003, by ada) is not signed" in line
    with started(node, signed["initContainers"][0]) as pull:
        assert (pull.wait(60), pull.stderr.read()) == (0, "")
    # the server asks again: somebody else's words in the folder are not served
    path = node / "release" / "approval.json"
    path.write_text(path.read_text().replace('"who": "ada"', '"who": "eve"'))
    with started(node, signed["containers"][0]) as server:
        assert server.wait(60) == 2
        assert "was changed after it was signed" in server.stderr.read()


def test_a_version_that_nobody_approved_stops_at_the_init_step(node):
    (pod,) = pods(objects("claim", {"model": {"digest": digest(node, 2)}}))
    with started(node, pod["initContainers"][0]) as pull:
        assert pull.wait(60) == 2
        (line,) = pull.stderr.read().splitlines()
    assert "not approved" in line
    assert list((node / "release").iterdir()) == []
