"""The chart and `deploy` agree: what the chart renders can be rolled, and has the rights for it."""

from pathlib import Path

import pytest
from cluster_api import NAMESPACE

from releases import approve
from slmworks_kubernetes.deploy import DeployKubernetes
from slmworks_kubernetes.kserve import DeployKserve

helm = pytest.importorskip("helm_python")
yaml = pytest.importorskip("yaml")

CHART = Path(__file__).parents[2] / "helm/slmworks"


@pytest.fixture(params=["Deployment", "InferenceService"])
def kind(request):
    return request.param


@pytest.fixture
def rendered(kind, digests):
    """Kind -> the objects that the chart makes with little said."""
    values = {
        "fullnameOverride": "reviews",
        "image": {"repository": "registry.example/slmworks-serve", "tag": "0.1.0"},
        "model": {"name": "reviews", "digest": digests[0]},
        "store": {"url": "s3://works/store"},
        "serving": {"kind": kind, "replicas": 2},
        "pipelines": {"deploy": {"enabled": True}},
    }
    texts = helm.Chart.load(str(CHART)).render(values, name="reviews", namespace=NAMESPACE)
    manifests = [text for name, text in texts.items() if name.endswith(".yaml")]
    found = [one for text in manifests for one in yaml.safe_load_all(text) if one]
    return {one["kind"]: one for one in found if "mlflow" not in one["metadata"]["name"]}


def test_what_the_chart_installs_rolls(kind, rendered, cluster, store, releases, task, digests):
    cluster.add(rendered[kind])
    approve(store, 2)
    plugin = {"Deployment": DeployKubernetes, "InferenceService": DeployKserve}[kind]
    plugin(timeout=5).run(release=releases[1], task=task())
    assert digests[1] in cluster.live.values()


def test_its_role_allows_what_deploying_asks_for(kind, rendered, cluster, store, releases, task):
    cluster.add(rendered[kind])
    approve(store, 2)
    plugin = {"Deployment": DeployKubernetes, "InferenceService": DeployKserve}[kind]
    plugin(timeout=5).run(release=releases[1], task=task())
    allowed = {
        (verb, resource, name)
        for rule in rendered["Role"]["rules"]
        for verb in rule["verbs"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames", ["*"])
    }
    verbs = {"GET": "get", "PATCH": "patch"}
    asked = {(verbs[method], *path.split("/")[-2:]) for method, path in cluster.requests}
    assert asked <= allowed
