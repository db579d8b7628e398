"""Settings of a task's pod: resources, nodes, volumes and marks. Values only.

Each may be said for every task, a family, a stage and a step; `Pod.over` lets the narrower place count.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, PositiveInt, model_validator

from slmworks.contract.documented import Documented

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

Name = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")]
"""A name of Kubernetes."""
Duration = Annotated[str, Field(pattern=r"^[1-9]\d*[smhd]$", examples=["90s", "4h"])]
_NUMBER = BeforeValidator(
    lambda given: str(given) if type(given) in (int, float) else given, json_schema_input_type=str | float
)
_CPU, _MEMORY = r"[1-9]\d*m|[1-9]\d*(\.\d+)?|0\.\d*[1-9]\d*", r"[1-9]\d*(Ki|Mi|Gi|Ti|M|G|T)?"
Cpu = Annotated[str, _NUMBER, Field(pattern=f"^({_CPU})$", examples=["2", "500m"])]
CpuLimit = Annotated[str, _NUMBER, Field(pattern=f"^({_CPU}|none)$", examples=["4", "none"])]
Memory = Annotated[str, Field(pattern=f"^{_MEMORY}$", examples=["16Gi"])]
MemoryLimit = Annotated[str, Field(pattern=f"^({_MEMORY}|none)$", examples=["32Gi", "none"])]
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Folder = Annotated[str, Field(pattern=r"^/[^:]*$")]
"""An absolute path in a container."""
Key = Annotated[
    str,
    Field(
        pattern=r"^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$",
        examples=["kueue.x-k8s.io/queue-name"],
    ),
]
"""Key of a label or an annotation."""
LabelValue = Annotated[str, Field(pattern=r"^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$")]

UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "M": 1e6, "G": 1e9, "T": 1e12}
ADDED = ("limits", "labels", "annotations", "env")
"""Settings whose entries are added to those of wider places; the narrower one of each counts."""


def seconds(duration: str | None) -> int | None:
    """A duration such as `90s` or `4h` in seconds."""
    return int(duration[:-1]) * SECONDS[duration[-1]] if duration else None


def amount(quantity: str) -> float:
    """A quantity of cores or bytes as a number.

    >>> amount("500m"), amount("2"), amount("1Ki")
    (0.5, 2.0, 1024.0)
    """
    if quantity.endswith("m"):
        return float(quantity[:-1]) / 1000
    unit = next((unit for unit in UNITS if quantity.endswith(unit)), "")
    return float(quantity.removesuffix(unit)) * UNITS.get(unit, 1)


class Part(Documented):
    """A part of an engine file."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), strict=True)


class Toleration(Part):
    """A taint that a pod tolerates, as in Kubernetes."""

    key: str | None = None
    """The taint's key; left out: every taint (with `operator: Exists`)."""
    operator: Literal["Equal", "Exists"] = "Equal"
    """How `value` is compared."""
    value: str | None = None
    """The taint's value."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """The effect that is tolerated; left out: all."""


class NodeLabel(Part):
    """A label that a node must have, or must not."""

    key: Key
    """The label's key."""
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"] = "In"
    """How `values` are compared."""
    values: tuple[str, ...] = ()
    """The label's values; none with Exists and DoesNotExist."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if bool(self.values) == (self.operator in ("Exists", "DoesNotExist")):
            raise ValueError(
                f"`operator: {self.operator}` takes {'no' if self.values else 'a list of'} values"
            )
        return self


class NodeAffinity(Part):
    """Nodes that a pod must run on, or would rather."""

    match: Annotated[tuple[NodeLabel, ...], Field(min_length=1)]
    """Labels of the node, all of them."""
    weight: Annotated[int, Field(ge=1, le=100)] | None = None
    """How much such a node is preferred; left out: it must be one of those."""


class Accelerator(Part):
    """Devices that a pod gets."""

    type: str
    """The resource's name, such as `nvidia.com/gpu`."""
    count: PositiveInt = 1
    """How many."""


class Limits(Part):
    """Limits that differ from what is requested."""

    cpu: CpuLimit | None = None
    """Cores; `none`: no limit."""
    memory: MemoryLimit | None = None
    """Memory; `none`: no limit."""


class Scratch(Part):
    """The volume at /tmp, which is all that a task writes to beside the store."""

    size: Memory
    """Its size; a pod that writes more on the node's disk is evicted."""
    storage_class: Name | None = None
    """Class of a volume that lives as long as the pod; left out: the node's own disk."""


class SecretKey(Part):
    """Reference to a key of a cluster's Secret. Its value is never written anywhere."""

    secret: Name
    """Name of the Kubernetes Secret."""
    key: str
    """The key in it."""


class Volume(Part):
    """A folder of a pod: a claim, such as the one of the store, or the keys of a ConfigMap or a Secret."""

    claim: Name | None = None
    """Name of a PersistentVolumeClaim."""
    config_map: Name | None = None
    """Name of a ConfigMap, such as one with a company's certificates: a file a key."""
    secret: Name | None = None
    """Name of a Secret: a file a key."""
    path: Folder
    """Folder at which it is mounted."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(one is not None for one in (self.claim, self.config_map, self.secret)) != 1:
            raise ValueError("name one of `claim`, `config_map` and `secret`")
        return self

    @property
    def kind(self) -> Literal["claim", "config_map", "secret"]:
        """What is mounted."""
        return "claim" if self.claim else "config_map" if self.config_map else "secret"

    @property
    def source(self) -> str:
        """Name of the claim, ConfigMap or Secret."""
        return self.claim or self.config_map or self.secret or ""

    def collides(self, other: "Volume") -> bool:
        """True if a pod can't have both: they are one, or at one path."""
        return self.path == other.path or (self.kind, self.source) == (other.kind, other.source)


class Pod(Part):
    """A task's pod. An unset setting is taken from the next wider place."""

    cpu: Cpu | None = None
    """Cores that are requested, and the limit where `limits` says no other; a task uses as many threads."""
    memory: Memory | None = None
    """Memory that is requested, and the limit where `limits` says no other."""
    limits: Limits | None = None
    """Limits that differ from what is requested."""
    accelerator: Accelerator | None = None
    """Devices."""
    tmp: Scratch | None = None
    """Size and kind of /tmp; left out: as much of the node's disk as there is."""
    shm: Memory | None = None
    """Size of /dev/shm, which is memory; left out: the container runtime's, mostly 64 MB."""
    ephemeral_storage: Memory | None = None
    """The node's disk, requested and as the limit. Airflow; Kubeflow can't say it, `tmp` limits it there."""
    node_selector: dict[str, str] | None = None
    """Labels that the node must have."""
    node_affinity: tuple[NodeAffinity, ...] | None = None
    """Nodes that it must run on (one of those without a weight) or would rather."""
    tolerations: tuple[Toleration, ...] | None = None
    """Taints that are tolerated."""
    priority_class: Name | None = None
    """The pods' PriorityClass. Airflow; Kubeflow can't say it (a queue of Kueue's can, by a label)."""
    labels: dict[Key, LabelValue] | None = None
    """Labels of the pod, such as `kueue.x-k8s.io/queue-name` or a cost centre; added to those of wider
    places."""
    annotations: dict[Key, str] | None = None
    """Annotations of the pod, such as `sidecar.istio.io/inject: "false"`; added to those of wider
    places."""
    env: dict[Variable, str] | None = None
    """Variables, nothing secret; added to those of wider places."""
    volumes: tuple[Volume, ...] | None = None
    """Claims, ConfigMaps and Secrets as folders; added to those of wider places."""
    pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None
    """When the image is pulled; left out: Kubernetes' own rule, IfNotPresent for an image with a tag."""
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
        for name in ADDED:
            if name in mine and (known := getattr(wider, name)) is not None:
                mine[name] = _added(known, mine[name])
        if self.volumes is not None:
            kept = [one for one in wider.volumes or () if not any(map(one.collides, self.volumes))]
            mine["volumes"] = (*kept, *self.volumes)
        return Pod.model_construct(**{**dict(wider), **mine})

    @property
    def threads(self) -> int:
        """Threads for a task; 0: as many as it finds cores."""
        return 0 if self.cpu is None else max(1, int(amount(self.cpu)))

    @property
    def seconds(self) -> int | None:
        """The time-out in seconds."""
        return seconds(self.timeout)

    @property
    def requests(self) -> dict[str, str]:
        """Cores and memory that are requested."""
        return {name: value for name, value in (("cpu", self.cpu), ("memory", self.memory)) if value}

    @property
    def bounds(self) -> dict[str, str]:
        """Cores and memory that it may use at most."""
        said = self.limits or Limits()
        found = {"cpu": said.cpu or self.cpu, "memory": said.memory or self.memory}
        return {name: value for name, value in found.items() if value and value != "none"}


def _added(wider: Any, narrower: Any) -> Any:
    if isinstance(narrower, Limits):
        return Limits.model_construct(**{**dict(wider), **{k: v for k, v in narrower if v is not None}})
    return {**wider, **narrower}
