"""The pods that Airflow would start, built by its own provider and checked against Kubernetes' schema."""

import json
import subprocess

import pytest
from homes import HERE

from slmworks.execution.spec import TaskSpec

RECIPE = """\
name: toy
steps:
  raw: {stage: fetch, from: {train: "https://example.org/train.csv"}}
  curate: {uses: toy, from: {data: raw}}
  teacher: {stage: finetune, uses: toy, from: {model: "hf://a/b@main", data: curate}}
"""
ENGINE = """\
store: s3://works/store
tracking: http://mlflow.mlflow:5000
images: registry.example/works
families:
  slmworks-toy: {image: "registry.example/toy:1.4"}
defaults: {labels: {team: nlp}, pull_policy: Always, tmp: {size: 20Gi}}
stages:
  finetune:
    cpu: "2"
    memory: 8Gi
    limits: {cpu: none, memory: 12Gi}
    ephemeral_storage: 30Gi
    accelerator: {type: nvidia.com/gpu}
    node_selector: {disk: ssd}
    node_affinity: [{match: [{key: zone, values: [a, b]}]}, {match: [{key: spot, operator: Exists}], weight: 10}]
    tolerations: [{key: nvidia.com/gpu, operator: Exists}]
    priority_class: urgent
    labels: {cost-centre: "42"}
    annotations: {sidecar.istio.io/inject: "false"}
    shm: 2Gi
    env: {NCCL_DEBUG: INFO}
    volumes: [{config_map: company-ca, path: /certs}, {secret: licence, path: /licence}]
    tmp: {size: 50Gi, storage_class: fast}
env: {AWS_REGION: eu-1}
secrets: {AWS_SECRET_ACCESS_KEY: {secret: store, key: secret-key}}
volumes: [{claim: cache, path: /cache}]
airflow: {tasks: pod, namespace: works, service_account: runner, pull_secrets: [registry]}
"""


@pytest.fixture(scope="module")
def pods(airflow_python, new_home, tmp_path_factory):
    """Task -> the pod that its operator would create."""
    folder = tmp_path_factory.mktemp("pods")
    (folder / "toy.yaml").write_text(RECIPE)
    home = new_home(folder / "home", ENGINE)
    home.dag("toy", f'from slmworks.engines.airflow import render\ndag = render("{folder}/toy.yaml")\n')
    home.env = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    done = subprocess.run(
        [str(airflow_python), str(HERE / "drive_pods.py")], env=home.variables(), capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


def test_every_pod_is_valid_for_kubernetes(pods) -> None:
    import kubernetes_validate

    assert list(pods["pods"]) == ["raw", "curate", "teacher.model", "teacher", "close"]
    for pod in pods["pods"].values():
        kubernetes_validate.validate({"apiVersion": "v1", "kind": "Pod", **pod}, "1.33", strict=True)


def test_the_command_is_the_one_of_every_engine(pods) -> None:
    (container,) = pods["pods"]["teacher"]["spec"]["containers"]
    assert container["command"] == ["python3", "-m", "slmworks"]
    words = container["args"]
    assert words[:-1] == [
        "task", "--orchestrator", "airflow", "--in", "data=@curate", "--in", "model=@teacher.model", "--alone", "--spec",
    ]  # fmt: skip
    told = TaskSpec.decode(words[-1]).model_dump(mode="json")
    assert (told["id"], told["threads"], told["store"]) == ("teacher", 2, "s3://works/store")
    (close,) = pods["pods"]["close"]["spec"]["containers"]
    assert close["args"][:4] == ["close", "--orchestrator", "airflow", "--what"]


def test_what_the_engine_file_says_is_what_a_pod_gets(pods) -> None:
    pod = pods["pods"]["teacher"]
    (container,) = pod["spec"]["containers"]
    assert container["image"] == "registry.example/toy:1.4"
    assert container["resources"] == {
        "requests": {"cpu": "2", "memory": "8Gi", "ephemeral-storage": "30Gi"},
        "limits": {"memory": "12Gi", "ephemeral-storage": "30Gi", "nvidia.com/gpu": "1"},
    }
    env = {one["name"]: one.get("value") or one["valueFrom"] for one in container["env"]}
    assert env["SLMWORKS_TRACKING"] == "http://mlflow.mlflow:5000"
    assert env["SLMWORKS_IMAGE"] == container["image"]
    assert env["AWS_SECRET_ACCESS_KEY"] == {"secretKeyRef": {"name": "store", "key": "secret-key"}}
    assert env["NCCL_DEBUG"] == "INFO"
    mounted = {one["mountPath"]: one["name"] for one in container["volumeMounts"]}
    assert mounted.keys() == {"/cache", "/tmp", "/dev/shm", "/certs", "/licence"}
    volumes = {one["name"]: one for one in pod["spec"]["volumes"]}
    assert volumes[mounted["/certs"]]["configMap"]["name"] == "company-ca"
    assert volumes[mounted["/licence"]]["secret"]["secretName"] == "licence"
    assert volumes["shm"]["emptyDir"] == {"medium": "Memory", "sizeLimit": "2Gi"}
    assert volumes["tmp"]["ephemeral"]["volumeClaimTemplate"]["spec"]["storageClassName"] == "fast"
    assert {"team": "nlp", "cost-centre": "42"}.items() <= pod["metadata"]["labels"].items()
    assert pod["metadata"]["annotations"]["sidecar.istio.io/inject"] == "false"
    assert (pod["spec"]["priorityClassName"], container["imagePullPolicy"]) == ("urgent", "Always")
    affinity = pod["spec"]["affinity"]["nodeAffinity"]
    assert len(affinity["preferredDuringSchedulingIgnoredDuringExecution"]) == 1
    other = pods["pods"]["curate"]["spec"]
    assert {one["name"]: one.get("emptyDir") for one in other["volumes"]}["tmp"] == {"sizeLimit": "20Gi"}
    assert "priorityClassName" not in other
    assert pod["metadata"]["namespace"] == "works"
    assert pod["spec"]["serviceAccountName"] == "runner"
    assert pod["spec"]["nodeSelector"] == {"disk": "ssd"}


def test_no_pod_is_privileged_or_root_or_talks_to_the_cluster(pods) -> None:
    for pod in pods["pods"].values():
        (container,) = pod["spec"]["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
        }  # fmt: skip
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
        assert pod["spec"]["automountServiceAccountToken"] is False


@pytest.mark.parametrize(
    ("code", "error", "line"),
    [
        ("2", "FailedForGood", "steps.teacher: bad"),
        (
            "99",
            "AirflowSkipException",
            "refused by the gate, which is a normal end: what follows is left out",
        ),
        ("1", "Failed", "teacher: exploded"),
        ("137", "Failed", "was killed for want of memory; give its stage or family more `memory`"),
        ("143", "Failed", "was killed (signal 15)"),
    ],
)
def test_an_exit_code_is_airflow_s_state(pods, code, error, line) -> None:
    assert pods["ends"][code] == [error, line]


def test_a_local_file_is_refused_since_no_pod_sees_it(new_home, tmp_path) -> None:
    (tmp_path / "train.csv").write_text("x")
    (tmp_path / "toy.yaml").write_text(RECIPE.replace("https://example.org/train.csv", "train.csv"))
    home = new_home(tmp_path / "home", ENGINE)
    home.dag("toy", f'from slmworks.engines.airflow import render\ndag = render("{tmp_path}/toy.yaml")\n')
    (error,) = home.drive().said["import_errors"].values()
    assert "toy.yaml:3 steps.raw.from: a pod doesn't see this machine's files" in error


WHOLE = (
    RECIPE
    + """\
  evaluate: {uses: toy, from: {model: teacher, data: curate}}
  gate: {uses: toy, from: {reports: evaluate}}
  register: {from: {verdict: gate}, with: {name: toy}}
  approve: {from: {release: register}}
  live: {stage: deploy, uses: kubernetes, from: {release: approve}}
"""
)
PENS = """\
stages:
  finetune: {cpu: "2"}
  register:
    secrets: {AWS_SECRET_ACCESS_KEY: {secret: registrar, key: secret-key}, SLMWORKS_SIGNING_KEY: {secret: signing, key: pem}}
    service_account: registrar
  deploy: {service_account: deployer}
"""
BUILT = """\
import json
from kubernetes.client import ApiClient
from slmworks.engines.airflow import deploy, render
from slmworks.engines.airflow.pods import PodOperator
made = {}
for dag in (render("RECIPE"), deploy("RECIPE")):
    for task in dag.tasks:
        if isinstance(task, PodOperator):
            pod = task.build_pod_request_obj(dry_run=True)
            made[f"{dag.dag_id}/{task.task_id}"] = ApiClient().sanitize_for_serialization(pod)["spec"]
print(json.dumps(made))
"""


@pytest.fixture(scope="module")
def whole(new_home, tmp_path_factory):
    """`dag/task` -> the pod of every task of a recipe that ends in a deployment."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "toy.yaml").write_text(WHOLE)
    before, _, rest = ENGINE.partition("stages:\n")
    engine = before + rest[rest.index("env: {AWS") :] + PENS
    return new_home(folder / "home", engine).says(BUILT.replace("RECIPE", str(folder / "toy.yaml")))


def test_only_the_pod_that_deploys_gets_the_token_of_its_account(whole) -> None:
    given = {name for name, pod in whole.items() if pod["automountServiceAccountToken"]}
    assert given == {"deploy-toy/live"}
    assert len(whole) == 12
    accounts = {name: pod["serviceAccountName"] for name, pod in whole.items()}
    assert accounts.pop("deploy-toy/live") == "deployer"
    assert accounts.pop("toy/register") == "registrar"
    assert set(accounts.values()) == {"runner"}


def test_only_the_stage_that_is_named_gets_its_secrets(whole) -> None:
    def secrets(pod):
        (container,) = pod["containers"]
        return {
            one["name"]: one["valueFrom"]["secretKeyRef"]["name"]
            for one in container["env"]
            if "valueFrom" in one
        }

    held = {name: secrets(pod) for name, pod in whole.items()}
    assert held.pop("toy/register") == {
        "AWS_SECRET_ACCESS_KEY": "registrar",
        "SLMWORKS_SIGNING_KEY": "signing",
    }
    assert all(one == {"AWS_SECRET_ACCESS_KEY": "store"} for one in held.values())
