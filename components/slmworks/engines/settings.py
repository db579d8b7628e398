"""Settings of an engine file. Values only; `engine_file` reads the file and resolves them."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, PositiveInt

from slmworks.contract.costs import Costs
from slmworks.contract.documented import Documented

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

Name = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")]
"""A name of Kubernetes."""
Duration = Annotated[str, Field(pattern=r"^[1-9]\d*[smhd]$", examples=["90s", "4h"])]
Cpu = Annotated[
    str,
    BeforeValidator(
        lambda given: str(given) if type(given) in (int, float) else given,
        json_schema_input_type=str | float,
    ),
    Field(pattern=r"^([1-9]\d*m|[1-9]\d*(\.\d+)?|0\.\d*[1-9]\d*)$", examples=["2", "500m"]),
]
Memory = Annotated[str, Field(pattern=r"^[1-9]\d*(Ki|Mi|Gi|Ti|M|G|T)?$", examples=["16Gi"])]
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Folder = Annotated[str, Field(pattern=r"^/[^:]*$")]
"""An absolute path in a container."""


def _exact(image: str) -> str:
    name, _, digest = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    sound = not digest or re.fullmatch(r"sha256:[0-9a-f]{64}", digest)
    if not re.fullmatch(r"[a-z0-9][\w.:/-]*", name) or not sound:
        raise ValueError("not the name of an image; it looks like registry.example/name:1.0")
    if not digest and tag in ("", "latest"):
        raise ValueError("name a tag (not `latest`) or a digest, so that every run means the same image")
    return image


Image = Annotated[str, AfterValidator(_exact)]


def seconds(duration: str | None) -> int | None:
    """A duration such as `90s` or `4h` in seconds."""
    return int(duration[:-1]) * SECONDS[duration[-1]] if duration else None


class _Part(Documented):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), strict=True)


class Toleration(_Part):
    """A taint that a pod tolerates, as in Kubernetes."""

    key: str | None = None
    """The taint's key; left out: every taint (with `operator: Exists`)."""
    operator: Literal["Equal", "Exists"] = "Equal"
    """How `value` is compared."""
    value: str | None = None
    """The taint's value."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """The effect that is tolerated; left out: all."""


class Accelerator(_Part):
    """Devices that a pod gets."""

    type: str
    """The resource's name, such as `nvidia.com/gpu`."""
    count: PositiveInt = 1
    """How many."""


class SecretKey(_Part):
    """Reference to a key of a cluster's Secret. Its value is never written anywhere."""

    secret: Name
    """Name of the Kubernetes Secret."""
    key: str
    """The key in it."""


class Volume(_Part):
    """A volume that every pod sees, such as the one that holds the store."""

    claim: Name
    """Name of the PersistentVolumeClaim."""
    path: Folder
    """Folder at which it is mounted."""


class Pod(_Part):
    """Resources of a task. An unset one is taken from the next wider place."""

    cpu: Cpu | None = None
    """Cores, requested and as the limit; a task uses as many threads."""
    memory: Memory | None = None
    """Memory, requested and as the limit."""
    accelerator: Accelerator | None = None
    """Devices."""
    node_selector: dict[str, str] | None = None
    """Labels that the node must have."""
    tolerations: tuple[Toleration, ...] | None = None
    """Taints that are tolerated."""
    retries: Annotated[int, Field(ge=0, le=10)] | None = None
    """How often a failed task is started again, with growing pauses. Finished tasks stay finished."""
    timeout: Duration | None = None
    """After which a task is ended."""
    pool: str | None = None
    """Airflow: the pool whose slots it takes; it must exist there."""
    queue: str | None = None
    """Airflow: the queue of workers that it is for, where the executor has several."""

    def over(self, wider: "Pod") -> "Pod":
        """These settings, with unset ones from `wider`."""
        mine = {name: value for name, value in self if name in Pod.model_fields and value is not None}
        return Pod.model_construct(**{**dict(wider), **mine})

    @property
    def threads(self) -> int:
        """Threads for a task; 0: as many as it finds cores."""
        if self.cpu is None:
            return 0
        return max(1, int(self.cpu[:-1]) // 1000 if self.cpu.endswith("m") else int(float(self.cpu)))

    @property
    def seconds(self) -> int | None:
        """The time-out in seconds."""
        return seconds(self.timeout)


class StagePod(Pod):
    """Resources of a stage's tasks, and what only their pods may do."""

    secrets: dict[Variable, SecretKey] = {}
    """Variables of these pods alone whose value a cluster's Secret holds; outweigh those of every pod. A key
    that may write the store's `registry/` belongs to `register`."""
    service_account: Name | None = None
    """Airflow, pods: the account that these pods run as; outweighs `airflow.service_account`."""


class Family(Pod):
    """Image, interpreter and resources of a family of plugins (a distribution)."""

    image: Image | None = None
    """Its image, with a tag or a digest."""
    python: str | None = None
    """Locally: the interpreter of an environment of its own, relative to this file. For families whose
    packages can't be installed beside the others'."""


class Kubeflow(_Part):
    """Kubeflow Pipelines."""

    host: str | None = None
    """Address of the API, such as `https://kubeflow.example/pipeline`. The token comes from KUBEFLOW_TOKEN,
    or inside a cluster from the pod's account."""
    namespace: Name | None = None
    """The profile's namespace, where there are several."""
    experiment: str = "slmworks"
    """The experiment that runs are listed under."""
    service_account: Name | None = None
    """The account that pods run as."""
    pull_secrets: tuple[Name, ...] = ()
    """Names of the Secrets that images are pulled with."""
    on_approval: Literal["nothing", "submit"] = "nothing"
    """`submit`: `slmworks approve` submits the steps behind the approval."""


class Reviewer(_Part):
    """A person who may decide, as Airflow knows them."""

    id: str
    """Airflow's id of the user: the user name with its simple auth manager, a number with others."""
    name: str
    """The user name."""


class Airflow(_Part):
    """Apache Airflow."""

    tasks: Literal["process", "pod"] = "process"
    """`process`: a task is a process of the worker's machine; `pod`: a pod of a Kubernetes cluster."""
    python: str | None = None
    """Processes: the interpreter of the environment that they run in, relative to this file; left out: the
    worker's own. A family's `python` outweighs it."""
    namespace: Name | None = None
    """Pods: their namespace; left out: the worker's."""
    service_account: Name | None = None
    """Pods: the account that they run as."""
    pull_secrets: tuple[Name, ...] = ()
    """Pods: names of the Secrets that images are pulled with."""
    connection: str | None = None
    """Pods: Airflow's connection to the cluster; left out: the cluster that the worker is in."""
    owner: str = "slmworks"
    """Owner of the DAGs."""
    tags: tuple[str, ...] = ()
    """Tags of the DAGs, beside our own."""
    answer_within: Duration | None = None
    """How long a request for approval stays open; left out: until it is answered."""
    unanswered: Literal["fail", "reject"] = "fail"
    """`fail`: the run fails and the version stays a candidate; `reject`: the version is rejected for good."""


class Target(_Part):
    """Deployment of a model: the deploy plugin and its options."""

    uses: str
    """The deploy plugin, such as `kubernetes`."""
    with_: Annotated[dict[str, Any], Field(alias="with", description="The plugin's options.")] = {}


class Settings(_Part):
    """All settings of an engine file."""

    store: str | None = None
    """Where results lie: a folder or `s3://bucket/prefix`."""
    tracking: str | None = None
    """MLflow's address."""
    images: Annotated[str, Field(pattern=r"^[a-z0-9][\w.-]*(:\d+)?(/[\w.-]+)*/?$")] | None = None
    """Where our own images lie, such as `registry.example/works`: `<images>/<distribution>:<version>`."""
    families: dict[str, Family] = {}
    """Distribution of a family -> where it runs."""
    defaults: Pod = Pod()
    """For every task."""
    stages: dict[str, StagePod] = {}
    """Stage -> resources, secrets and account of its tasks; resources outweigh the family's."""
    steps: dict[str, Pod] = {}
    """A recipe's step -> resources of its tasks; outweighs the stage's."""
    env: dict[Variable, str] = {}
    """Variables of every pod; nothing secret."""
    secrets: dict[Variable, SecretKey] = {}
    """Variables of every pod whose value a cluster's Secret holds."""
    volumes: tuple[Volume, ...] = ()
    """Volumes of every pod."""
    reviewers: dict[str, Annotated[tuple[str | Reviewer, ...], Field(min_length=1)]] = {}
    """Group that recipes ask for approval -> its users."""
    deploy: dict[str, Target] = {}
    """Registered name of a model -> where `slmworks deploy` and `slmworks rollback` put it."""
    costs: Costs | None = None
    """What computing costs here, for the reviewer's page; never part of an identity. Left out: 15 W a core,
    no CO2 and no price."""
    kubeflow: Kubeflow = Kubeflow()
    """Settings of Kubeflow Pipelines alone."""
    airflow: Airflow = Airflow()
    """Settings of Apache Airflow alone."""
