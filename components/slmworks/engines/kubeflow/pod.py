"""Engine file -> a task's pod on Kubeflow: what `kfp.kubernetes` offers of its settings; the rest is refused.

Its driver makes pods of these words. It has none for a PriorityClass and for ephemeral storage, and ignores
affinities between pods.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from slmworks.contract.errors import BadRequest
from slmworks.engines.engine_checks import refuse
from slmworks.engines.engine_file import EngineFile
from slmworks.engines.pod_settings import Pod, Scratch, SecretKey

if TYPE_CHECKING:
    from kfp.dsl import PipelineTask

TMP, SHM = "/tmp", "/dev/shm"  # noqa: S108 - in the pod, where the root may be read-only
OWN = ("tmp", "shm")
"""Names of volumes that are ours."""


def check_pods(engine: EngineFile) -> None:
    """BadRequest for settings that no pod of Kubeflow's can have, with the way out."""
    for stage, said in engine.settings.stages.items():
        if said.service_account:
            raise BadRequest(
                f"{engine.at('stages', stage, 'service_account')}: Kubeflow starts all pods of a run as one "
                "account (kubeflow.service_account); give the stage `secrets` of its own instead."
            )
    refuse(
        engine,
        "priority_class",
        "Kubeflow can't give its pods a PriorityClass; use a queue of Kueue's, by the labels "
        "kueue.x-k8s.io/queue-name and kueue.x-k8s.io/priority-class.",
    )
    refuse(
        engine,
        "ephemeral_storage",
        "Kubeflow can't request the node's disk; `tmp: {size: …}` limits what is written there, and "
        "`tmp: {size: …, storage_class: …}` takes a volume of its own.",
    )


def equip(
    task: "PipelineTask", engine: EngineFile, pod: Pod, image: str, secrets: Mapping[str, SecretKey]
) -> "PipelineTask":
    """The task with everything that the engine file gives it.

    Kubeflow's own cache is off: it would reuse a pod's outputs even if the store has lost them.
    """
    from kfp import kubernetes

    task.set_caching_options(False)
    _resources(task, pod)
    if pod.retries:
        task.set_retry(pod.retries, backoff_duration="10s", backoff_factor=2.0, backoff_max_duration="300s")
    if pod.seconds:
        kubernetes.set_timeout(task, pod.seconds)
    _nodes(task, pod)
    _marks(task, pod)
    _variables(task, engine, pod, image, secrets)
    _volumes(task, engine, pod)
    kubernetes.set_security_context(task, run_as_non_root=True)
    if pod.pull_policy:
        kubernetes.set_image_pull_policy(task, pod.pull_policy)
    if engine.settings.kubeflow.pull_secrets:
        kubernetes.set_image_pull_secrets(task, list(engine.settings.kubeflow.pull_secrets))
    return task


def _resources(task: "PipelineTask", pod: Pod) -> None:
    """Set what kfp's own setters would, which read the sources of all callers at each call."""
    from kfp.dsl.structures import ResourceSpec

    accelerator = pod.accelerator
    found = ResourceSpec(
        cpu_request=pod.requests.get("cpu"),
        cpu_limit=pod.bounds.get("cpu"),
        memory_request=pod.requests.get("memory"),
        memory_limit=pod.bounds.get("memory"),
        accelerator_type=accelerator.type if accelerator else None,
        accelerator_count=str(accelerator.count) if accelerator else None,
    )
    if task.container_spec and found != ResourceSpec():
        task.container_spec.resources = found


def _nodes(task: "PipelineTask", pod: Pod) -> None:
    from kfp import kubernetes

    for toleration in pod.tolerations or ():
        kubernetes.add_toleration(task, **toleration.model_dump(exclude_none=True))
    for label, value in (pod.node_selector or {}).items():
        kubernetes.add_node_selector(task, label_key=label, label_value=value)
    for affinity in pod.node_affinity or ():
        wanted = [{**one.model_dump(), "values": list(one.values)} for one in affinity.match]
        kubernetes.add_node_affinity(task, match_expressions=wanted, weight=affinity.weight)


def _marks(task: "PipelineTask", pod: Pod) -> None:
    from kfp import kubernetes

    for key, value in (pod.labels or {}).items():
        kubernetes.add_pod_label(task, key, value)
    for key, value in (pod.annotations or {}).items():
        kubernetes.add_pod_annotation(task, key, value)


def _variables(
    task: "PipelineTask", engine: EngineFile, pod: Pod, image: str, secrets: Mapping[str, SecretKey]
) -> None:
    from kfp import kubernetes

    variables = {"SLMWORKS_IMAGE": image, **(pod.env or {})}
    if engine.settings.tracking:
        variables["SLMWORKS_TRACKING"] = engine.settings.tracking
    if task.container_spec:  # kfp's set_env_variable reads the sources of all callers at each call
        task.container_spec.env = {**(task.container_spec.env or {}), **variables}
    for name, where in secrets.items():
        kubernetes.use_secret_as_env(task, secret_name=where.secret, secret_key_to_env={where.key: name})


def _volumes(task: "PipelineTask", engine: EngineFile, pod: Pod) -> None:
    """Volumes of the engine file, and /tmp, which is one since the image's root may be read-only."""
    from kfp import kubernetes

    _require_names(engine, pod)
    for volume in pod.volumes or ():
        if volume.kind == "claim":
            kubernetes.mount_pvc(task, pvc_name=volume.source, mount_path=volume.path)
        elif volume.kind == "config_map":
            kubernetes.use_config_map_as_volume(task, volume.source, mount_path=volume.path)
        else:
            kubernetes.use_secret_as_volume(task, volume.source, mount_path=volume.path)
    if not any(volume.path == TMP for volume in pod.volumes or ()):
        _scratch(task, pod.tmp)
    if pod.shm and not any(volume.path == SHM for volume in pod.volumes or ()):
        kubernetes.empty_dir_mount(
            task, volume_name="shm", mount_path=SHM, medium="Memory", size_limit=pod.shm
        )


def _scratch(task: "PipelineTask", tmp: Scratch | None) -> None:
    from kfp import kubernetes

    if tmp is None or tmp.storage_class is None:
        kubernetes.empty_dir_mount(
            task, volume_name="tmp", mount_path=TMP, size_limit=tmp.size if tmp else None
        )
        return
    kubernetes.add_ephemeral_volume(
        task,
        volume_name="tmp",
        mount_path=TMP,
        access_modes=["ReadWriteOnce"],
        size=tmp.size,
        storage_class_name=tmp.storage_class,
    )


def _require_names(engine: EngineFile, pod: Pod) -> None:
    """Kubeflow calls a volume like its source, so two can't be called alike, and none has a dot."""
    seen = set(OWN)
    for volume in pod.volumes or ():
        name = volume.source
        if name in seen or not re.fullmatch(r"[a-z0-9-]{1,63}", name):
            what = (
                "has a name that no volume can have" if name not in seen else "is called like another volume"
            )
            raise BadRequest(
                f"{engine.file}: {volume.kind} {name} {what}, and Kubeflow calls volumes like their source; "
                "make one with another name (letters, digits, dashes)."
            )
        seen.add(name)
