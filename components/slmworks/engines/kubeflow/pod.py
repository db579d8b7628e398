"""Engine file -> a task's pod on Kubeflow: resources, secrets by reference, retries."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from slmworks.engines.engine_file import EngineFile
from slmworks.engines.settings import Pod, SecretKey

if TYPE_CHECKING:
    from kfp.dsl import PipelineTask


def equip(
    task: "PipelineTask", engine: EngineFile, pod: Pod, image: str, secrets: Mapping[str, SecretKey]
) -> "PipelineTask":
    """The task with everything that the engine file gives it.

    Kubeflow's own cache is off: it would reuse a pod's outputs even if the store has lost them. The image's
    root may be read-only, so /tmp is a volume.
    """
    from kfp import kubernetes

    task.set_caching_options(False)
    _resources(task, pod)
    if pod.retries:
        task.set_retry(pod.retries, backoff_duration="10s", backoff_factor=2.0, backoff_max_duration="300s")
    if pod.seconds:
        kubernetes.set_timeout(task, pod.seconds)
    for toleration in pod.tolerations or ():
        kubernetes.add_toleration(task, **toleration.model_dump(exclude_none=True))
    for label, value in (pod.node_selector or {}).items():
        kubernetes.add_node_selector(task, label_key=label, label_value=value)
    for name, where in secrets.items():
        kubernetes.use_secret_as_env(task, secret_name=where.secret, secret_key_to_env={where.key: name})
    _everywhere(task, engine, image)
    return task


def _resources(task: "PipelineTask", pod: Pod) -> None:
    if pod.cpu:
        task.set_cpu_request(pod.cpu).set_cpu_limit(pod.cpu)
    if pod.memory:
        task.set_memory_request(pod.memory).set_memory_limit(pod.memory)
    if pod.accelerator:
        task.set_accelerator_type(pod.accelerator.type).set_accelerator_limit(pod.accelerator.count)


def _everywhere(task: "PipelineTask", engine: EngineFile, image: str) -> None:
    """Settings of every pod."""
    from kfp import kubernetes

    said = engine.settings
    variables = {"SLMWORKS_IMAGE": image, **said.env}
    if said.tracking:
        variables["SLMWORKS_TRACKING"] = said.tracking
    if task.container_spec:  # kfp's set_env_variable reads the sources of all callers at each call
        task.container_spec.env = {**(task.container_spec.env or {}), **variables}
    for volume in said.volumes:
        kubernetes.mount_pvc(task, pvc_name=volume.claim, mount_path=volume.path)
    if not any(volume.path == "/tmp" for volume in said.volumes):  # noqa: S108
        kubernetes.empty_dir_mount(task, volume_name="tmp", mount_path="/tmp")  # noqa: S108
    kubernetes.set_security_context(task, run_as_non_root=True)
    if said.kubeflow.pull_secrets:
        kubernetes.set_image_pull_secrets(task, list(said.kubeflow.pull_secrets))
