"""A job as a pod: the same image and command as on Kubeflow. Imported where the engine file asks for pods."""

from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from slmworks.contract.errors import BadRequest
from slmworks.deploy import Deploy
from slmworks.engines.airflow.failures import REFUSED, airflow_errors, failure, refused
from slmworks.engines.airflow.jobs import Job
from slmworks.engines.airflow.line import Line
from slmworks.engines.pod_settings import Pod, Scratch, SecretKey, Volume
from slmworks.numbers.figures import size
from slmworks.recipe.plan import PlannedTask

if find_spec("airflow.providers.cncf") is None or find_spec("airflow.providers.cncf.kubernetes") is None:
    raise BadRequest(
        "tasks in pods need a package that is not installed here: "
        "pip install 'apache-airflow-providers-cncf-kubernetes'; or set `airflow: {tasks: process}`."
    )

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.sdk.exceptions import AirflowException
from kubernetes.client import models as k8s

if TYPE_CHECKING:
    from airflow.sdk import Context

COMMAND = ["python3", "-m", "slmworks"]
LONGEST = 110_000
"""Bytes of one argument: a process takes 128 kB."""
SIGNAL = 128
"""Exit codes above it are of a process that a signal ended."""
TMP, SHM = "/tmp", "/dev/shm"  # noqa: S108 - in the pod, where the root is read-only


class PodOperator(KubernetesPodOperator):
    """A job as a pod of the cluster."""

    shallow_copy_attrs = ("job",)

    def __init__(self, *, job: Job, **kwargs: Any) -> None:
        """`job` gives the command line."""
        super().__init__(
            cmds=COMMAND,
            get_logs=True,
            deferrable=False,
            log_pod_spec_on_failure=False,
            container_name_log_prefix_enabled=False,
            termination_message_policy="FallbackToLogsOnError",  # the error is the last line
            startup_timeout_seconds=600,
            **kwargs,
        )
        self.job = job

    def execute(self, context: "Context") -> str:
        """Run it; returns the path of the record that it wrote."""
        with airflow_errors():
            command = self.job.command(context)
            if len(command.argument) > LONGEST:
                raise BadRequest(
                    f"{self.task_id} would be told {size(len(command.argument))}, and a pod takes "
                    f"{size(LONGEST)}; shorten the recipe."
                )
        self.arguments = [*command.words, *command.alone, command.option, command.argument]
        self.env_vars: list[Any] = [*variables(command.environment), *(self.env_vars or ())]
        super().execute(context)
        return command.wrote

    def cleanup(self, pod: Any, remote_pod: Any, *args: Any, **kwargs: Any) -> None:
        """Turn the exit code of a pod that ended into Airflow's state."""
        try:
            super().cleanup(pod, remote_pod, *args, **kwargs)
        except AirflowException as error:
            code, said = _ended(remote_pod, self.base_container_name)
            if code == REFUSED:
                raise refused() from None
            if code is None or not said:
                raise
            raise failure(code, said) from error


def _ended(pod: Any, container: str) -> tuple[int | None, str]:
    """Exit code and last line of a pod's container."""
    statuses = (pod.status.container_statuses if pod and pod.status else None) or []
    for status in statuses:
        ended = status.state.terminated if status.name == container and status.state else None
        if ended is not None:
            lines = [line for line in (ended.message or "").splitlines() if line.strip()]
            if ended.reason == "OOMKilled":
                return (
                    ended.exit_code,
                    "was killed for want of memory; give its stage or family more `memory`",
                )
            if ended.exit_code > SIGNAL:
                return ended.exit_code, f"was killed (signal {ended.exit_code - SIGNAL})"
            return ended.exit_code, lines[-1] if lines else ""
    return None, ""


def equipment(line: Line, task: PlannedTask | None, pod: Pod, image: str) -> dict[str, Any]:
    """Arguments of a pod's operator: settings of the engine file, and a read-only root.

    Only a pod that deploys, or whose workers are pods, talks to its cluster and gets the token of its
    account. `task` None: a step of our own.
    """
    settings = line.engine.settings
    said, stage = settings.airflow, settings.stages.get(task.stage) if task else None
    volumes = list(_volumes(pod))
    return {
        "image": image,
        "namespace": said.namespace,
        "service_account_name": (stage and stage.service_account) or said.service_account,
        "image_pull_secrets": [k8s.V1LocalObjectReference(name=name) for name in said.pull_secrets],
        "kubernetes_conn_id": said.connection,
        "in_cluster": None if said.connection else True,
        "automount_service_account_token": task is not None
        and (isinstance(task.configured, Deploy) or bool(line.engine.workers(task))),
        "env_vars": [*variables({"SLMWORKS_IMAGE": image}), *_secrets(line.engine.secrets(task))],
        "volumes": [volume for volume, _ in volumes],
        "volume_mounts": [k8s.V1VolumeMount(name=volume.name, mount_path=path) for volume, path in volumes],
        "labels": dict(pod.labels or {}),
        "annotations": dict(pod.annotations or {}),
        "affinity": _affinity(pod),
        "priority_class_name": pod.priority_class,
        "image_pull_policy": pod.pull_policy,
        "container_resources": _resources(pod),
        "node_selector": dict(pod.node_selector or {}),
        "tolerations": [
            k8s.V1Toleration(**one.model_dump(exclude_none=True)) for one in pod.tolerations or ()
        ],
        "security_context": k8s.V1PodSecurityContext(
            run_as_non_root=True, seccomp_profile=k8s.V1SeccompProfile(type="RuntimeDefault")
        ),
        "container_security_context": k8s.V1SecurityContext(
            allow_privilege_escalation=False,
            read_only_root_filesystem=True,
            capabilities=k8s.V1Capabilities(drop=["ALL"]),
        ),
    }


def variables(values: Any) -> list[Any]:
    """Variables of a container."""
    return [k8s.V1EnvVar(name=name, value=value) for name, value in values.items()]


def _secrets(secrets: Mapping[str, SecretKey]) -> list[Any]:
    return [
        k8s.V1EnvVar(
            name=name,
            value_from=k8s.V1EnvVarSource(
                secret_key_ref=k8s.V1SecretKeySelector(name=where.secret, key=where.key)
            ),
        )
        for name, where in secrets.items()
    ]


def _resources(pod: Pod) -> Any:
    requests, limits = pod.requests, pod.bounds
    if pod.ephemeral_storage:
        requests["ephemeral-storage"] = limits["ephemeral-storage"] = pod.ephemeral_storage
    if pod.accelerator:
        limits[pod.accelerator.type] = str(pod.accelerator.count)
    return k8s.V1ResourceRequirements(requests=requests, limits=limits)


def _volumes(pod: Pod) -> Iterator[tuple[Any, str]]:
    """Each volume and where it is mounted; /tmp is one, since the image's root is read-only."""
    for number, volume in enumerate(pod.volumes or ()):
        yield k8s.V1Volume(name=f"volume-{number}", **_source(volume)), volume.path
    taken = {volume.path for volume in pod.volumes or ()}
    if TMP not in taken:
        yield _scratch(pod.tmp), TMP
    if pod.shm and SHM not in taken:
        memory = k8s.V1EmptyDirVolumeSource(medium="Memory", size_limit=pod.shm)
        yield k8s.V1Volume(name="shm", empty_dir=memory), SHM


def _source(volume: Volume) -> dict[str, Any]:
    if volume.kind == "claim":
        claim = k8s.V1PersistentVolumeClaimVolumeSource(claim_name=volume.source)
        return {"persistent_volume_claim": claim}
    if volume.kind == "config_map":
        return {"config_map": k8s.V1ConfigMapVolumeSource(name=volume.source)}
    return {"secret": k8s.V1SecretVolumeSource(secret_name=volume.source)}


def _scratch(tmp: Scratch | None) -> Any:
    if tmp is None or tmp.storage_class is None:
        size = tmp.size if tmp else None
        return k8s.V1Volume(name="tmp", empty_dir=k8s.V1EmptyDirVolumeSource(size_limit=size))
    claim = k8s.V1PersistentVolumeClaimSpec(
        access_modes=["ReadWriteOnce"],
        storage_class_name=tmp.storage_class,
        resources=k8s.V1VolumeResourceRequirements(requests={"storage": tmp.size}),
    )
    template = k8s.V1PersistentVolumeClaimTemplate(spec=claim)
    return k8s.V1Volume(name="tmp", ephemeral=k8s.V1EphemeralVolumeSource(volume_claim_template=template))


def _affinity(pod: Pod) -> Any:
    terms = [
        (
            one.weight,
            k8s.V1NodeSelectorTerm(
                match_expressions=[
                    k8s.V1NodeSelectorRequirement(
                        key=label.key, operator=label.operator, values=list(label.values) or None
                    )
                    for label in one.match
                ]
            ),
        )
        for one in pod.node_affinity or ()
    ]
    if not terms:
        return None
    required = [term for weight, term in terms if weight is None]
    preferred = [
        k8s.V1PreferredSchedulingTerm(weight=weight, preference=term) for weight, term in terms if weight
    ]
    nodes = k8s.V1NodeAffinity(
        required_during_scheduling_ignored_during_execution=(
            k8s.V1NodeSelector(node_selector_terms=required) if required else None
        ),
        preferred_during_scheduling_ignored_during_execution=preferred or None,
    )
    return k8s.V1Affinity(node_affinity=nodes)
