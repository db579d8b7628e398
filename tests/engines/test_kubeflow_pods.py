"""Pods on Kubeflow: what the engine file says, general to particular, in the words of Kubeflow's own protobuf."""

from typing import Any

import libyaml
import pytest

pytest.importorskip("kfp")

from google.protobuf.json_format import ParseDict
from local_kfp import IMAGES, compiled

from slmworks.contract.errors import BadRequest
from slmworks.engines.engine_file import EngineFile
from slmworks.engines.task_pods import needless_devices
from slmworks.recipe.lower import plan
from slmworks.recipe.recipe import Recipe

ENGINE = """\
images: example/works
env: {AWS_REGION: eu-1}
volumes: [{config_map: company-ca, path: /certs}]
defaults:
  cpu: 1
  memory: 2Gi
  labels: {team: nlp, kueue.x-k8s.io/queue-name: small}
  annotations: {sidecar.istio.io/inject: "false"}
  pull_policy: Always
families:
  slmworks-toy: {image: "toy:1", memory: 4Gi, limits: {cpu: none}, env: {OMP_PROC_BIND: "true"}, labels: {part: toy}}
stages:
  finetune:
    cpu: 4
    limits: {memory: 6Gi}
    accelerator: {type: nvidia.com/gpu, count: 2}
    tolerations: [{key: nvidia.com/gpu, operator: Exists}]
    node_affinity: [{match: [{key: zone, values: [a, b]}]}, {match: [{key: spot, operator: DoesNotExist}], weight: 5}]
    shm: 2Gi
    tmp: {size: 50Gi, storage_class: fast}
    labels: {kueue.x-k8s.io/queue-name: gpus}
    volumes: [{secret: licence, path: /licence}, {claim: cache, path: /cache}]
steps:
  teacher: {cpu: 6, env: {OMP_PROC_BIND: "false"}, annotations: {note: "big one"}, volumes: [{config_map: other-ca, path: /certs}]}
  student: {tmp: {size: 9Gi}}
"""


def pods(works: Any, engine: str = ENGINE) -> dict[str, tuple[dict[str, Any], Any]]:
    """Task -> its container, and its pod by Kubeflow's protobuf."""
    from kfp.kubernetes.kubernetes_executor_config_pb2 import KubernetesExecutorConfig

    spec, platform = libyaml.load_all(compiled(works.write(), works.store, engine).first)
    configs = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    return {
        name.removeprefix("exec-"): (one["container"], ParseDict(configs[name], KubernetesExecutorConfig()))
        for name, one in spec["deploymentSpec"]["executors"].items()
    }


def test_a_pod_has_what_its_family_its_stage_and_its_step_say(works) -> None:
    found = pods(works)
    container, pod = found["teacher"]
    resources = container["resources"]
    assert (resources["resourceCpuRequest"], resources["resourceMemoryRequest"]) == ("6", "4Gi")
    assert (resources.get("resourceCpuLimit"), resources["resourceMemoryLimit"]) == (None, "6Gi")
    assert resources["accelerator"]["resourceType"] == "nvidia.com/gpu"
    env = {one["name"]: one["value"] for one in container["env"]}
    assert (env["AWS_REGION"], env["OMP_PROC_BIND"]) == ("eu-1", "false")
    assert dict(pod.pod_metadata.labels) == {
        "team": "nlp", "part": "toy", "kueue.x-k8s.io/queue-name": "gpus",
    }  # fmt: skip
    assert dict(pod.pod_metadata.annotations) == {"sidecar.istio.io/inject": "false", "note": "big one"}
    assert pod.image_pull_policy == "Always"
    assert [(one.config_map_name, one.mount_path) for one in pod.config_map_as_volume] == [
        ("other-ca", "/certs")
    ]
    assert [(one.secret_name, one.mount_path) for one in pod.secret_as_volume] == [("licence", "/licence")]
    assert [(one.constant, one.mount_path) for one in pod.pvc_mount] == [("cache", "/cache")]
    (shm,) = pod.empty_dir_mounts
    assert (shm.mount_path, shm.medium, shm.size_limit) == ("/dev/shm", "Memory", "2Gi")
    (tmp,) = pod.generic_ephemeral_volume
    assert (tmp.mount_path, tmp.size, tmp.storage_class_name) == ("/tmp", "50Gi", "fast")
    required, preferred = pod.node_affinity
    assert (list(required.match_expressions[0].values), required.weight) == (["a", "b"], 0)
    assert (preferred.match_expressions[0].operator, preferred.weight) == ("DoesNotExist", 5)


def test_what_a_narrow_place_says_is_no_other_pod_s(works) -> None:
    found = pods(works)
    container, pod = found["student"]
    assert container["resources"]["resourceCpuRequest"] == "1"
    assert "accelerator" not in container["resources"]
    assert [(one.mount_path, one.size_limit) for one in pod.empty_dir_mounts] == [("/tmp", "9Gi")]
    assert [one.config_map_name for one in pod.config_map_as_volume] == ["company-ca"]
    container, pod = found["close"]
    assert container["resources"]["resourceMemoryLimit"] == "2Gi"
    assert dict(pod.pod_metadata.labels)["kueue.x-k8s.io/queue-name"] == "small"
    assert [one.config_map_name for one in pod.config_map_as_volume] == ["company-ca"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("stages: {finetune: {priority_class: high}}", "stages.finetune.priority_class: Kubeflow can't give its pods a PriorityClass; use a queue of Kueue's"),
        ("defaults: {ephemeral_storage: 9Gi}", "defaults.ephemeral_storage: Kubeflow can't request the node's disk; `tmp: {size: …}`"),
        ("defaults: {cpu: 4, limits: {cpu: 2}}", "requests cpu 4 and is limited to 2; set `limits: {cpu: …}` where its cpu is set."),
        ("defaults: {memory: 1Gi}\nsteps: {teacher: {limits: {memory: 900Mi}}}", "the pod of teacher requests memory 1Gi and is limited to 900Mi"),
        ("volumes: [{config_map: kube-root-ca.crt, path: /certs}]", "config_map kube-root-ca.crt has a name that no volume can have"),
        ("volumes: [{config_map: works, path: /a}, {claim: works, path: /b}]", "claim works is called like another volume"),
        ("volumes: [{secret: tmp, path: /a}]", "secret tmp is called like another volume"),
    ],
)  # fmt: skip
def test_what_no_pod_of_kubeflow_s_can_have_is_refused_in_one_line(works, more: str, said: str) -> None:
    with pytest.raises(BadRequest) as caught:
        compiled(works.write(), works.store, IMAGES + more)
    assert said in str(caught.value)


def test_devices_that_go_to_every_stage_of_a_family_are_said(works) -> None:
    planned = plan(Recipe.read(works.write()))
    gpu = "accelerator: {type: nvidia.com/gpu}"
    engine = EngineFile.parse(f"families: {{slmworks-toy: {{image: 'toy:1', {gpu}}}}}", file="e.yaml")
    (line,) = needless_devices(engine, planned)
    assert line.startswith(
        "e.yaml:1 families.slmworks-toy.accelerator: every pod of curate, distill, evaluate, finetune, gate, quantize"
    )
    assert "put it under `stages:`" in line
    assert not list(needless_devices(EngineFile.parse(f"stages: {{finetune: {{{gpu}}}}}"), planned))


DIGEST = f"sha256:{'a' * 64}"


def test_images_are_pinned_all_together(works) -> None:
    engine = f"images: example/works\nfamilies: {{slmworks-toy: {{image: 'toy:1'}}}}\ndigests: {{slmworks-core: '{DIGEST}'}}\n"
    found = pods(works, engine)
    assert found["close"][0]["image"] == found["raw"][0]["image"] == f"example/works/slmworks-core@{DIGEST}"
    planned = plan(Recipe.read(works.write()))
    engine = EngineFile.parse(f"images: example/works\ndigests: {{slmworks-core: '{DIGEST}'}}", file="e.yaml")
    with pytest.raises(
        BadRequest, match=r"e\.yaml:2 digests: has none for slmworks-toy; add  slmworks-toy: sha"
    ):
        engine.image(planned.tasks["teacher"])
