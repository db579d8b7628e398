"""A promotion rolls a Deployment; whatever goes wrong, what served goes on serving, and one line says why."""

import copy
import json
import subprocess
import sys

import pytest
from cluster_api import NAMESPACE, digest

from releases import BY, approve, edit
from slmworks.contract.errors import BadRequest, SlmworksError, TaskFailed
from slmworks.deploy.direct import deploy as deploy_again
from slmworks.deploy.direct import deployer
from slmworks.registry.log import Registry
from slmworks_kubernetes import cluster as cluster_module
from slmworks_kubernetes.cluster import Cluster
from slmworks_kubernetes.deploy import DeployKubernetes, rollout


@pytest.fixture
def deploy(releases, task):
    """Deploy a version; gives its record."""

    def run(version, **options):
        made = DeployKubernetes(**{"timeout": 5, **options}).run(release=releases[version - 1], task=task())
        assert made.refs == {"release": releases[version - 1].digest}
        return json.loads((made.path / "deployment.json").read_text())

    return run


def serving(cluster, name="reviews"):
    return digest(cluster.get("deployments", name)["spec"]["template"]["spec"])


def refused(kind, run, *words):
    """The one line that a person gets."""
    with pytest.raises(kind) as error:
        run()
    line = str(error.value)
    assert "\n" not in line
    for word in words:
        assert word in line, line
    return line


def test_a_promotion_rolls_and_is_waited_for(store, cluster, deployment, deploy, digests, said):
    approve(store, 2)
    record = deploy(2)
    found = cluster.get("deployments", "reviews")
    assert serving(cluster) == cluster.live["reviews"] == digests[1]
    notes = found["spec"]["template"]["metadata"]["annotations"]
    assert notes == {"slmworks.dev/model-digest": digests[1], "mine": "kept"}
    before = copy.deepcopy(deployment["spec"]["template"]["spec"])
    before["initContainers"][1]["env"][1]["value"] = digests[1]
    assert found["spec"]["template"]["spec"] == before
    assert (record["before"], record["after"], record["changed"]) == (digests[0], digests[1], True)
    assert (record["replicas"], record["namespace"], record["deployment"]) == (2, NAMESPACE, "reviews")
    assert record["seconds"] > 0
    assert record["version"] == 2
    assert said()[0] == f"Deployment models/reviews: {digests[0][:19]} → {digests[1][:19]}"
    assert "Deployment models/reviews: the cluster has not looked at it yet" in said()
    assert "Deployment models/reviews: 1 of 2 pods are new" in said()
    assert "Deployment models/reviews: 1 old pods have not ended" in said()
    assert said()[-1] == "Deployment models/reviews: 2 of 2 pods serve it"


def test_pods_without_annotations_get_one(store, cluster, deployment, deploy, digests):
    del cluster.get("deployments", "reviews")["spec"]["template"]["metadata"]["annotations"]
    approve(store, 2)
    deploy(2)
    metadata = cluster.get("deployments", "reviews")["spec"]["template"]["metadata"]
    assert metadata["annotations"] == {"slmworks.dev/model-digest": digests[1]}


def test_the_same_digest_changes_nothing_and_says_so(cluster, deployment, deploy, said):
    record = deploy(1)
    assert record["changed"] is False
    assert (len(cluster.asked("GET")), cluster.asked("PATCH")) == (1, [])
    assert "serves sha256:" in said()[0]
    assert "already: 2 of 2 pods serve it" in said()[0]


def test_a_roll_out_that_was_begun_is_waited_for(store, cluster, deployment, deploy, digests):
    approve(store, 2)
    container = cluster.get("deployments", "reviews")["spec"]["template"]["spec"]["initContainers"][1]
    container["env"][1]["value"] = digests[1]
    cluster.get("deployments", "reviews")["metadata"]["generation"] += 1
    assert deploy(2)["changed"] is False
    assert cluster.live["reviews"] == digests[1]
    assert cluster.asked("PATCH") == []


def test_a_rollback_is_a_roll_out_of_the_version_before(store, cluster, deployment, deploy, digests):
    approve(store, 2)
    deploy(2)
    Registry(store).rollback("reviews", **BY, why="slow")
    assert deploy(1)["after"] == digests[0]
    assert cluster.live["reviews"] == digests[0]


# --- what must not be deployed: no request at all ---------------------------------------------------------


def test_what_is_not_approved_is_refused_before_the_cluster_is_asked(store, cluster, deployment, deploy):
    refused(BadRequest, lambda: deploy(2), "v2 is not approved yet")
    Registry(store).reject("reviews", 2, **BY, why="rude")
    refused(BadRequest, lambda: deploy(2), "v2 was rejected by ada")
    assert cluster.requests == []


@pytest.mark.parametrize("name", ["model/labels.json", "runtime.py", "slmworks.json"])
def test_an_edited_release_is_refused_before_the_cluster_is_asked(
    cluster, deployment, releases, deploy, name
):
    edit(releases[0].path / name, "mine")
    refused(BadRequest, lambda: deploy(1), "reviews v1")
    assert cluster.requests == []


# --- pods that don't come up: the old digest is set again --------------------------------------------------


def test_a_stuck_roll_out_is_set_back_and_the_pod_says_why(store, cluster, deployment, deploy, digests):
    approve(store, 2)
    cluster.broken.add(digests[1])
    refused(
        TaskFailed,
        lambda: deploy(2),
        f"Deployment models/reviews: the roll-out of {digests[1][:19]} failed: no progress within its "
        "progressDeadlineSeconds, 1 of 2 pods are new",
        "pod 0, container pull: slmworks: reviews v2 was rolled back by ada.",
        f"{digests[0][:19]} is set again, and its pods go on serving.",
    )
    assert serving(cluster) == cluster.live["reviews"] == digests[0]
    cluster.broken.clear()
    assert deploy(2)["changed"] is True


def test_a_slow_roll_out_is_set_back_in_time(store, cluster, deployment, deploy, digests):
    approve(store, 2)
    cluster.broken.add(digests[1])
    cluster.deadline = False
    cluster.forbidden.add(("list", "pods"))
    line = refused(TaskFailed, lambda: deploy(2, timeout=1), "not done within 1 s (1 of 2 pods are new)")
    assert "container pull" not in line  # who may not look at pods does without
    assert serving(cluster) == digests[0]


def test_where_it_cannot_be_set_back_that_is_said(store, cluster, deployment, deploy, digests):
    approve(store, 2)
    cluster.broken.add(digests[1])
    cluster.before_patch = lambda: cluster.forbidden.add(("patch", "deployments"))
    refused(
        TaskFailed, lambda: deploy(2), "could not be set back: Deployment models/reviews", "may not patch it"
    )


def test_what_somebody_else_set_meanwhile_is_left_alone(store, cluster, deployment, deploy, digests):
    approve(store, 2)
    cluster.broken.add(digests[1])
    other = f"sha256:{'9' * 64}"
    looks = []

    class Loud(set):
        def __contains__(self, found):
            looks.append(found)
            if len(looks) == 2:
                pull = cluster.get("deployments", "reviews")["spec"]["template"]["spec"]["initContainers"][1]
                pull["env"][1]["value"] = other
            return super().__contains__(found)

    cluster.broken = Loud(cluster.broken)
    refused(TaskFailed, lambda: deploy(2), f"somebody set {other[:19]}", "nothing was set back")
    assert serving(cluster) == other


def test_of_two_who_deploy_at_once_the_second_is_told(store, cluster, deployment, deploy, digests):
    approve(store, 2)
    pull = cluster.get("deployments", "reviews")["spec"]["template"]["spec"]["initContainers"][1]
    other = f"sha256:{'9' * 64}"
    cluster.before_patch = lambda: pull["env"][1].update(value=other)
    refused(TaskFailed, lambda: deploy(2), "somebody else changed it just now")
    assert serving(cluster) == other


# --- a cluster that doesn't do as it is told ---------------------------------------------------------------


@pytest.mark.parametrize("verb", ["get", "patch"])
def test_a_missing_right_is_one_line_that_names_the_role(store, cluster, deployment, deploy, digests, verb):
    approve(store, 2)
    cluster.forbidden.add((verb, "deployments"))
    refused(
        BadRequest,
        lambda: deploy(2),
        f"Deployment models/reviews: system:serviceaccount:models:runner may not {verb} it.",
        "Role with apiGroups [apps], resources [deployments], resourceNames [reviews], verbs [get, patch]",
    )
    assert serving(cluster) == digests[0]


def test_a_deployment_that_is_not_there_or_not_ours_is_one_line(store, cluster, deployment, deploy):
    refused(BadRequest, lambda: deploy(1, deployment="rewiews"), "Deployment models/rewiews: there is none.")
    refused(BadRequest, lambda: deploy(1, context="bare"), "Deployment default/reviews: there is none.")
    refused(BadRequest, lambda: deploy(1, namespace="other"), "Deployment other/reviews: there is none.")
    approve(store, 2)
    cluster.get("deployments", "reviews")["spec"]["paused"] = True
    refused(BadRequest, lambda: deploy(2), "is paused", "rollout resume deployment/reviews")
    del cluster.get("deployments", "reviews")["spec"]["template"]["spec"]["initContainers"][1]["env"]
    refused(BadRequest, lambda: deploy(2), "has no init container 'pull' with a variable MODEL_DIGEST")
    assert cluster.asked("PATCH") == []


@pytest.mark.parametrize(
    ("status", "kind", "why"),
    [
        (401, BadRequest, "knows no such account (401)"),
        (409, TaskFailed, "somebody else changed it just now"),
        (429, TaskFailed, "answers 429"),
        (500, TaskFailed, "answers 500"),
        (400, TaskFailed, "refuses to patch it: 400"),
    ],
)
def test_other_refusals_are_one_line_and_change_nothing(
    store, cluster, deployment, deploy, digests, status, kind, why
):
    approve(store, 2)
    cluster.faults.append(["PATCH", status, -1])
    refused(kind, lambda: deploy(2), why)
    assert serving(cluster) == digests[0]


def test_a_server_that_is_away_while_one_waits_is_waited_for(store, cluster, deployment, deploy, digests):
    approve(store, 2)
    cluster.before_patch = lambda: cluster.faults.append(["GET", 503, 3])
    assert deploy(2)["after"] == digests[1]
    assert cluster.live["reviews"] == digests[1]


def test_a_server_that_is_down_is_one_line(cluster, deployment, deploy):
    cluster.stop()
    refused(TaskFailed, lambda: deploy(1), f"the cluster at {cluster.url} does not answer", "refused")


def test_no_way_to_a_cluster_is_one_line(deployment, deploy, monkeypatch, tmp_path):
    refused(BadRequest, lambda: deploy(1, context="there"), "no way to a cluster:", "there", "Set KUBECONFIG")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "nowhere"))
    refused(BadRequest, lambda: deploy(1), "no way to a cluster:")


def test_in_a_pod_the_service_account_is_used(cluster, monkeypatch, tmp_path):
    from kubernetes.config import incluster_config as incluster

    for name, text in {"token": "hush", "namespace": f"{NAMESPACE}\n", "ca.crt": "x"}.items():
        (tmp_path / name).write_text(text)
    monkeypatch.delenv("KUBECONFIG")
    monkeypatch.setattr(cluster_module, "ACCOUNT", tmp_path)
    monkeypatch.setattr(incluster, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(incluster, "SERVICE_CERT_FILENAME", str(tmp_path / "ca.crt"))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "6443")
    monkeypatch.setattr("kubernetes.client.ApiClient", lambda settings: settings)
    found = Cluster.connect()
    assert (found.namespace, found.client.host) == (NAMESPACE, "https://127.0.0.1:6443")


def test_a_digest_is_rolled_out_without_a_recipe(cluster, deployment, digests):
    lines = []
    rolling = rollout(Cluster.connect(), "reviews", timeout=5, say=lines.append)
    assert rolling.to(digests[1]).before == digests[0]
    assert cluster.live["reviews"] == digests[1]


def test_it_is_listed_and_described_without_the_client():
    code = (
        "import sys; sys.modules['kubernetes'] = None\n"
        "from slmworks.cli.main import main; main(['plugins', 'show', 'kubernetes'])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "progressDeadlineSeconds" in " ".join(ended.stdout.split())


def test_without_the_client_the_install_line_is_given(deploy, deployment, monkeypatch):
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    refused(SlmworksError, lambda: deploy(1), "pip install 'slmworks-kubernetes[run]'")


def test_a_version_is_deployed_without_a_recipe(store, cluster, deployment, digests):
    approve(store, 2)
    lines = []
    by = deployer("kubernetes", {"deployment": "reviews", "timeout": 5})
    deploy_again(store, "reviews", None, by, lines.append)
    assert cluster.live["reviews"] == digests[1]
    Registry(store).rollback("reviews", **BY, why="slow")
    assert deploy_again(store, "reviews", None, by, lines.append)["replicas"] == 2
    assert cluster.live["reviews"] == digests[0]
    refused(BadRequest, lambda: deploy_again(store, "reviews", 2, by, lines.append), "v2 was rolled back")
    refused(BadRequest, lambda: deployer("kubernets", {}), "Did you mean 'kubernetes'?")
    refused(BadRequest, lambda: deployer("kubernetes", {"name": "x"}), "no such option of kubernetes")
