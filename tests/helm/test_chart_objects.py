"""Every object is one that Kubernetes takes, fits the others, and gives nobody more than it needs."""

import re
from functools import cache
from types import SimpleNamespace

import custom_objects
import pytest
from chart import FEATURES, containers, every_pod, objects, of_kind, pods
from inference_service import schema
from jsonschema.validators import Draft202012Validator
from kubernetes_validate import ValidationError, utils
from referencing import Registry, Resource

from slmworks.contract import catalog

VERSIONS = [version for version in utils.all_versions() if int(version.split(".")[1]) >= 28]
VERSIONS = sorted({version.removesuffix("-local-strict") for version in VERSIONS}, key=utils.Version)
KINDS = custom_objects.KINDS | {
    "ConfigMap", "Deployment", "HorizontalPodAutoscaler", "Ingress", "InferenceService", "NetworkPolicy",
    "PersistentVolumeClaim", "Pod", "PodDisruptionBudget", "Role", "RoleBinding", "Service", "ServiceAccount",
}  # fmt: skip
SECRET = re.compile("SECRET|PASSWORD|TOKEN|ACCESS_KEY|BACKEND_STORE_URI")


@pytest.fixture(autouse=True)
def schemas_read_once(monkeypatch):
    """`validate` reads a megabyte of definitions for each object."""
    monkeypatch.setattr(utils, "schema_contents", _contents)


_contents = cache(utils.schema_contents)


def refused(found, version):
    """What is wrong with an object in a version of Kubernetes; empty if nothing is."""
    try:
        if found["kind"] == "InferenceService":
            definitions = _contents(
                f"kubernetes-json-schema/v{version}-local-strict/_definitions.json", version
            )
            registry = Resource.from_contents(definitions) @ Registry()
            Draft202012Validator(schema(version), registry=registry).validate(found)
        elif found["kind"] in custom_objects.KINDS:
            Draft202012Validator(custom_objects.schema(found["kind"])).validate(found)
        else:
            utils.validate(found, version, strict=True)
    except Exception as error:
        assert isinstance(error, (ValidationError, utils.jsonschema.ValidationError)), (
            error
        )  # no unknown kind
        return f"{'.'.join(map(str, error.path))}: {error.message}"
    return ""


def test_versions_of_kubernetes_that_are_looked_at():
    assert [version.rpartition(".")[0] for version in VERSIONS] == [f"1.{minor}" for minor in range(28, 38)]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("feature", FEATURES)
def test_kubernetes_takes_every_object(feature, version):
    found = objects(feature)
    assert found
    assert {one["kind"] for one in found} <= KINDS
    assert [why for one in found if (why := refused(one, version))] == []


@pytest.mark.parametrize(
    ("feature", "kind", "edit", "said"),
    [
        ("deployment", "Deployment", lambda one: one["spec"].update(replica=1), "'replica'"),
        ("deployment", "Service", lambda one: one["spec"]["ports"][0].update(port="80"), "ports.0.port"),
        ("inference-service", "InferenceService", lambda one: one["spec"]["predictor"].update(storageUry="s3://x"), "storageUry"),
        ("inference-service", "InferenceService", lambda one: one["spec"]["predictor"]["containers"][0].update(imag="x"), "'imag'"),
        ("inference-service", "InferenceService", lambda one: one["spec"]["predictor"].pop("containers"), "'containers' is a required"),
        ("ingress", "Ingress", lambda one: one["spec"]["rules"][0].update(hosts="x"), "'hosts'"),
        ("http-route", "HTTPRoute", lambda one: one["spec"].update(hosts=["x"]), "'hosts'"),
        ("monitoring", "ServiceMonitor", lambda one: one["spec"]["endpoints"][0].update(scheme_="x"), "'scheme_'"),
        ("monitoring", "PrometheusRule", lambda one: one["spec"]["groups"][0]["rules"][0].pop("expr"), "'expr' is a required"),
        ("inference-service-monitoring", "PodMonitor", lambda one: one["spec"].update(endpoints=[]), "'endpoints'"),
    ],
)  # fmt: skip
def test_an_object_that_is_wrong_is_seen(feature, kind, edit, said):
    found = of_kind(kind, objects(feature))
    edit(found)
    assert said in refused(found, VERSIONS[0])


@pytest.mark.parametrize("feature", FEATURES)
def test_no_manifest_holds_a_secret(feature):
    found = objects(feature)
    assert "Secret" not in {one["kind"] for one in found}
    for container in containers(found):
        literal = {each["name"]: each["value"] for each in container.get("env", ()) if "value" in each}
        assert {name for name in literal if SECRET.search(name)} <= {"MLFLOW_BACKEND_STORE_URI"}
        assert literal.get("MLFLOW_BACKEND_STORE_URI", "sqlite:").startswith("sqlite:")
        said = " ".join((*container["command"], *container["args"], *literal.values()))
        assert not re.search(r"://[^/\s]*@", said)


@pytest.mark.parametrize("feature", FEATURES)
def test_every_image_is_named_exactly(feature):
    for container in containers(objects(feature)):
        assert re.search(r"@sha256:[0-9a-f]{64}$|:[\w][\w.-]*$", container["image"])
        assert not container["image"].endswith(":latest")


@pytest.mark.parametrize("feature", FEATURES)
def test_every_container_is_locked(feature):
    for container in containers(objects(feature)):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"cpu", "memory"} <= container["resources"]["limits"].keys() & container["resources"][
            "requests"
        ].keys()


@pytest.mark.parametrize("feature", FEATURES)
def test_every_pod_is_an_ordinary_user_without_a_token(feature):
    for pod in every_pod(objects(feature)):
        about = pod["securityContext"]
        assert about["runAsNonRoot"] is True
        # OpenShift chooses both itself, and admits no pod that names its own
        chosen = None if feature == "openshift" else 10001
        assert (about.get("runAsUser"), about.get("runAsGroup")) == (chosen, chosen)
        assert about["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        assert not pod.keys() & {"hostNetwork", "hostPID", "hostIPC", "hostUsers"}
        kinds = {kind for volume in pod.get("volumes", ()) for kind in volume if kind != "name"}
        assert kinds <= {"emptyDir", "persistentVolumeClaim", "secret"} | (
            {"configMap"} if feature == "proxy" else set()
        )


@pytest.mark.parametrize("feature", FEATURES)
def test_only_the_init_step_reaches_the_store(feature):
    for pod in pods(objects(feature)):
        if "initContainers" not in pod:
            continue  # MLflow
        (pull,), (server,) = pod["initContainers"], pod["containers"]
        assert {one["name"] for one in server.get("env", ())} <= {"SLMWORKS_TRUSTED_KEYS"}  # public
        tokens = {"tokens"} if feature in ("access", "ingress", "http-route") else set()
        authority = {"company-ca"} if feature == "proxy" else set()
        assert {mount["name"] for mount in server["volumeMounts"]} == {"release", "tmp"} | tokens | authority
        assert {mount["name"]: mount.get("readOnly", False) for mount in server["volumeMounts"]}["release"]
        assert all(mount.get("readOnly") for mount in pull["volumeMounts"] if mount["name"] == "store")


@pytest.mark.parametrize("feature", FEATURES)
def test_selectors_find_the_pods_that_are_meant(feature):
    found = objects(feature)
    labels = {}
    for one in found:
        pod = one["spec"]["template"]["metadata"] if one["kind"] == "Deployment" else None
        pod = one["spec"]["predictor"] if one["kind"] == "InferenceService" else pod
        pod = one["metadata"] if one["kind"] == "Pod" else pod
        if pod:
            labels[pod["labels"]["app.kubernetes.io/component"]] = pod["labels"]
    for one in found:
        spec = one.get("spec", {})
        for selector in (spec.get("selector"), spec.get("podSelector")):
            if selector and one["kind"] != "PersistentVolumeClaim":
                wanted = selector.get("matchLabels", selector)
                assert wanted.keys() == {
                    f"app.kubernetes.io/{one}" for one in ("name", "instance", "component")
                }
                component = one["metadata"]["labels"]["app.kubernetes.io/component"]
                assert wanted["app.kubernetes.io/component"] == component
                assert wanted.items() <= labels[component].items()


@pytest.mark.parametrize("feature", FEATURES)
def test_names_that_objects_use_of_each_other_exist(feature):
    found = objects(feature)
    accounts = {one["metadata"]["name"] for one in found if one["kind"] == "ServiceAccount"}
    assert {pod["serviceAccountName"] for pod in every_pod(found)} <= accounts
    for one in found:
        assert one["metadata"]["namespace"] == "team"
        if one["kind"] == "HorizontalPodAutoscaler":
            assert one["spec"]["scaleTargetRef"]["name"] == of_kind("Deployment", found)["metadata"]["name"]
            assert "replicas" not in of_kind("Deployment", found)["spec"]


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ({"fullnameOverride": "reviews"}, "reviews"),
        ({"nameOverride": "demo"}, "demo"),
        ({"nameOverride": "works"}, "demo-works"),
        ({"nameOverride": "w" * 50}, "demo-" + "w" * 45),
    ],
)
def test_objects_are_called_what_one_wants(more, name):
    found = {one["metadata"]["name"] for one in objects("deploy-rights", more)}
    assert found == {name, f"{name}-pipelines", f"{name}-deploy", f"{name}-test"}


def test_a_pod_has_time_to_end():
    (pod,) = pods(objects("deployment", {"serving": {"grace": 30, "drain": 7}}))
    (server,) = pod["containers"]
    assert "--grace=30" in server["args"]
    assert server["lifecycle"]["preStop"]["exec"]["command"] == ["sleep", "7"]
    assert pod["terminationGracePeriodSeconds"] > 30 + 7


def test_the_server_is_asked_where_it_answers():
    from slmworks_serve.app import Service, create_app

    service = Service.__new__(Service)
    model = SimpleNamespace(task=catalog.model_task("text-classification"), streaming=None)
    service.model, service.prefix = model, ""
    there = {route.path for route in create_app(service).routes}
    (pod,) = pods(objects("deployment"))
    (server,) = pod["containers"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert server[probe]["httpGet"]["path"] in there
        assert server[probe]["httpGet"]["port"] == server["ports"][0]["containerPort"] == 8000


@pytest.mark.parametrize(
    ("feature", "group", "resource"),
    [
        ("deploy-rights", "apps", "deployments"),
        ("inference-service", "serving.kserve.io", "inferenceservices"),
    ],
)
def test_who_deploys_may_change_one_object_and_no_other(feature, group, resource):
    found = objects(feature)
    rule, *others = of_kind("Role", found)["rules"]
    assert rule == {
        "apiGroups": [group],
        "resources": [resource],
        "resourceNames": ["demo-slmworks"],
        "verbs": ["get", "patch"],
    }
    pods_too = [one for one in others if one == {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]
    looks = {
        "apiGroups": ["apps"],
        "resources": ["deployments"],
        "resourceNames": ["demo-slmworks-predictor"],
    }
    assert [one for one in others if one not in pods_too] == (
        [{**looks, "verbs": ["get"]}] if group == "serving.kserve.io" else []
    )
    binding = of_kind("RoleBinding", found)
    assert binding["roleRef"]["name"] == of_kind("Role", found)["metadata"]["name"]
    assert binding["subjects"][0] == {
        "kind": "ServiceAccount",
        "name": "demo-slmworks-pipelines",
        "namespace": "team",
    }


@pytest.mark.parametrize("kind", ["Deployment", "InferenceService"])
def test_metrics_have_a_port_of_their_own_and_those_who_may_come_there(kind):
    found = objects("metrics", {"serving": {"kind": kind}})
    (pod,) = pods(found)
    (server,) = pod["containers"]
    assert "--metrics-port=9000" in server["args"]
    # KServe makes its Service of these: the first is what it asks, the others are added as they are
    assert [(port["name"], port["containerPort"]) for port in server["ports"]] == [
        ("http", 8000),
        ("metrics", 9000),
    ]
    asked, scraped = of_kind("NetworkPolicy", found)["spec"]["ingress"]
    assert [port["port"] for one in (asked, scraped) for port in one["ports"]] == [8000, 9000]
    named = "kubernetes.io/metadata.name"
    assert [one["from"][0]["namespaceSelector"]["matchLabels"][named] for one in (asked, scraped)] == [
        "web",
        "monitoring",
    ]
    if kind == "Deployment":
        ports = {port["name"]: port["targetPort"] for port in of_kind("Service", found)["spec"]["ports"]}
        assert ports == {"http": "http", "metrics": "metrics"}


def test_without_a_port_for_metrics_there_is_none():
    found = objects("deployment")
    (server,) = next(pods(found))["containers"]
    assert not [word for word in server["args"] if "metrics" in word]
    assert [len(ports) for ports in (server["ports"], of_kind("Service", found)["spec"]["ports"])] == [1, 1]
    assert len(of_kind("NetworkPolicy", found)["spec"]["ingress"]) == 1


@pytest.mark.parametrize(
    ("feature", "services"),
    [("access", ["demo-slmworks"]), ("inference-service", ["demo-slmworks", "demo-slmworks-predictor"])],
)
def test_the_server_answers_to_its_services_and_the_names_it_is_given(feature, services):
    found = objects(feature)
    (pod,) = pods(found)
    (said,) = (word for word in pod["containers"][0]["args"] if word.startswith("--allowed-hosts="))
    rest = ("", ".team", ".team.svc", ".team.svc.cluster.local")
    given = ["reviews.example", "*.models.example"] if feature == "access" else []
    assert said.partition("=")[2].split(",") == [*(name + one for name in services for one in rest), *given]
    if feature == "access":
        assert of_kind("Service", found)["metadata"]["name"] in services


def test_tokens_come_from_a_secret_and_reach_the_server_alone():
    (pod,) = pods(objects("access"))
    (volume,) = (one for one in pod["volumes"] if one["name"] == "tokens")
    assert volume["secret"] == {"secretName": "reviews-tokens", "items": [{"key": "shops", "path": "tokens"}]}
    (server,) = pod["containers"]
    # The whole folder, no subPath: only then a change of the Secret reaches the pod.
    assert {"name": "tokens", "mountPath": "/tokens", "readOnly": True} in server["volumeMounts"]
    assert "--token-file=/tokens/tokens" in server["args"]
    assert "tokens" not in {mount["name"] for mount in pod["initContainers"][0]["volumeMounts"]}


def test_mlflow_answers_to_its_service_and_the_names_it_is_given():
    found = objects("mlflow-postgres")
    (container,) = containers(found)
    (said,) = (word for word in container["args"] if word.startswith("--allowed-hosts="))
    hosts = said.partition("=")[2].split(",")
    name, port = (
        of_kind("Service", found)["metadata"]["name"],
        of_kind("Service", found)["spec"]["ports"][0]["port"],
    )
    assert {name, f"{name}:{port}", f"{name}.team.svc.cluster.local:{port}", "mlflow.example"} <= set(hosts)
    assert "*" not in said
