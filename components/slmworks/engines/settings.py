"""Settings of an engine file. Values only; `engine_file` reads the file and resolves them."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field

from slmworks.contract.costs import Costs
from slmworks.engines.pod_settings import Duration, Name, Part, Pod, SecretKey, Variable, Volume


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


class Kubeflow(Part):
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


class Reviewer(Part):
    """A person who may decide, as Airflow knows them."""

    id: str
    """Airflow's id of the user: the user name with its simple auth manager, a number with others."""
    name: str
    """The user name."""


class Airflow(Part):
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


class Target(Part):
    """Deployment of a model: the deploy plugin and its options."""

    uses: str
    """The deploy plugin, such as `kubernetes`."""
    with_: Annotated[dict[str, Any], Field(alias="with", description="The plugin's options.")] = {}


class CurateOn(Part):
    """Engine that spreads curation beyond one process; its options stand beside its name."""

    model_config = ConfigDict(extra="allow")

    engine: str
    """Name of an installed engine, such as `spark`."""


class Settings(Part):
    """All settings of an engine file."""

    store: str | None = None
    """Where results lie: a folder or `s3://bucket/prefix`."""
    tracking: str | None = None
    """MLflow's address."""
    images: Annotated[str, Field(pattern=r"^[a-z0-9][\w.-]*(:\d+)?(/[\w.-]+)*/?$")] | None = None
    """Where our own images lie, such as `registry.example/works`: `<images>/<distribution>:<version>`."""
    families: dict[str, Family] = {}
    """Distribution of a family -> where it runs."""
    digests: dict[str, Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]] = {}
    """Distribution -> digest of its image below `images`, instead of a tag; of all of them, or of none."""
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
    curate: CurateOn | None = None
    """Engine that the rows of a curation are spread by, with its options; left out: the task's own process.
    For plugins that can be spread; results are the same."""
    costs: Costs | None = None
    """What computing costs here, for the reviewer's page; never part of an identity. Left out: 15 W a core,
    no CO2 and no price."""
    kubeflow: Kubeflow = Kubeflow()
    """Settings of Kubeflow Pipelines alone."""
    airflow: Airflow = Airflow()
    """Settings of Apache Airflow alone."""
