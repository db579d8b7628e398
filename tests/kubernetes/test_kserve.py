"""KServe: the chart's InferenceService gets another digest, a missing one is created, or written for others."""

import json

import pytest
from cluster_api import NAMESPACE, FakeCluster, digest

from releases import approve
from slmworks.contract.errors import BadRequest, TaskFailed
from slmworks_kubernetes.inference_service import Wanted, inference_service
from slmworks_kubernetes.kserve import DeployKserve

IMAGE = "registry.example/slmworks-serve:0.1.0"
NEW = {"image": IMAGE, "store": "s3://works/store", "secret": "store-keys", "service_account": "models"}
GATEWAY = {"allowed_hosts": ("reviews-models.example",)}


@pytest.fixture
def deploy(releases, task):
    def run(version, **options):
        return DeployKserve(**{"timeout": 5, **options}).run(release=releases[version - 1], task=task()).path

    return run


@pytest.fixture
def service(cluster, digests):
    """One that has served version 1 for long."""
    made = Wanted(
        name="reviews",
        namespace=NAMESPACE,
        model="reviews",
        digest=digests[0],
        image=IMAGE,
        store="s3://works/store",
        replicas=2,
    )
    cluster.add(inference_service(made))
    return cluster


def record(folder):
    return json.loads((folder / "deployment.json").read_text())


def serving(cluster):
    return digest(cluster.get("inferenceservices", "reviews")["spec"]["predictor"])


def test_a_promotion_rolls_and_is_waited_for_although_it_was_ready_all_along(store, service, deploy, digests):
    approve(store, 2)
    made = record(deploy(2))
    assert (made["before"], made["after"], made["replicas"]) == (*digests, 2)
    assert serving(service) == service.live["reviews-predictor"] == digests[1]
    predictor = service.get("inferenceservices", "reviews")["spec"]["predictor"]
    assert predictor["annotations"] == {"slmworks.dev/model-digest": digests[1]}
    assert record(deploy(2))["changed"] is False
    assert len(service.asked("PATCH")) == 1


def test_one_that_does_not_come_up_is_set_back(store, service, deploy, digests):
    approve(store, 2)
    service.broken.add(digests[1])
    with pytest.raises(
        TaskFailed, match="pod 0, container pull: slmworks: .* is set again, and its pods go on serving"
    ):
        deploy(2)
    assert serving(service) == digests[0]


def test_a_missing_one_is_created_where_it_is_known_how(cluster, deploy, digests):
    with pytest.raises(BadRequest, match="InferenceService models/reviews: there is none"):
        deploy(1)
    assert record(deploy(1, **NEW))["before"] == ""
    assert cluster.live["reviews-predictor"] == digests[0]
    predictor = cluster.get("inferenceservices", "reviews")["spec"]["predictor"]
    (pull,) = predictor["initContainers"]
    assert (pull["envFrom"], predictor["serviceAccountName"]) == (
        [{"secretRef": {"name": "store-keys"}}],
        "models",
    )


def test_one_that_never_gets_ready_is_a_failure(cluster, deploy, digests):
    cluster.broken.add(digests[0])
    with pytest.raises(TaskFailed, match="container pull: .* It stays as it is.$"):
        deploy(1, **NEW)


@pytest.mark.parametrize(
    ("verb", "plural", "what"),
    [
        ("get", "inferenceservices", r"may not get it.*\[serving.kserve.io\].*\[inferenceservices\]"),
        ("patch", "inferenceservices", "may not patch it"),
        (
            "get",
            "deployments",
            r"Deployment models/reviews-predictor: .* may not get it.*\[reviews-predictor\]",
        ),
    ],
)
def test_a_missing_right_is_one_line(store, service, deploy, digests, verb, plural, what):
    approve(store, 2)
    service.forbidden.add((verb, plural))
    with pytest.raises(BadRequest, match=what):
        deploy(2)
    assert serving(service) == digests[0]


def test_it_is_written_without_a_cluster(deploy, digests, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    folder = deploy(
        1,
        how="write",
        namespace=NAMESPACE,
        replicas=3,
        env={"AWS_REGION": "x", "SLMWORKS_TRUSTED_KEYS": "PEM"},
        **GATEWAY,
        **NEW,
    )
    written = json.loads((folder / "inferenceservice.json").read_text())
    FakeCluster().check(written)
    assert written["spec"]["predictor"]["minReplicas"] == 3
    (server,) = written["spec"]["predictor"]["containers"]
    assert server["env"] == [{"name": "SLMWORKS_TRUSTED_KEYS", "value": "PEM"}]  # and nothing of the store
    assert digest(written["spec"]["predictor"]) == record(folder)["after"] == digests[0]
    text = json.dumps(written)
    hosts = server["args"][server["args"].index("--allowed-hosts") + 1].split(",")
    for name in ("reviews", "reviews-predictor"):
        assert {name, f"{name}.{NAMESPACE}", f"{name}.{NAMESPACE}.svc.cluster.local"} < set(hosts)
    assert hosts[-1] == "reviews-models.example"
    assert "privileged" not in text
    assert ":latest" not in text


def test_what_cannot_be_written_is_one_line(deploy):
    with pytest.raises(BadRequest, match="needs `image`"):
        deploy(1, how="write")
    with pytest.raises(BadRequest, match="pods don't see file://"):
        deploy(1, how="write", image=IMAGE)


def test_what_is_not_approved_is_not_even_written(deploy, cluster):
    with pytest.raises(BadRequest, match="v2 is not approved yet"):
        deploy(2, how="write", **NEW)
    with pytest.raises(BadRequest, match="v2 is not approved yet"):
        deploy(2, **NEW)
    assert cluster.requests == []


@pytest.mark.parametrize(
    ("size", "requested", "limit"),
    [(0, "512Mi", "2Gi"), (98 << 20, "512Mi", "2Gi"), (1 << 30, "1327Mi", "2351Mi")],
)
def test_a_large_release_gets_memory_for_it_once_and_twice_while_it_is_loaded(size, requested, limit):
    names = {"name": "a", "namespace": "b", "model": "c", "digest": "d", "image": "e", "store": "s3://f"}
    pod = inference_service(Wanted(**names, size=size))["spec"]["predictor"]
    resources = pod["containers"][0]["resources"]
    assert resources["requests"]["memory"] == requested
    assert resources["limits"]["memory"] == limit
