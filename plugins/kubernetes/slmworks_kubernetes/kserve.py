"""Deploy to KServe: an InferenceService whose predictor is our server with the approved model."""

import json
import time
from dataclasses import asdict
from typing import Any, ClassVar, Literal

from pydantic import PositiveInt

from slmworks.contract.artifact import Deployment, Release
from slmworks.contract.errors import BadRequest
from slmworks.contract.manifest import scan
from slmworks.deploy import Deploy
from slmworks.registry.state import Entry
from slmworks.registry.task import ReleaseTask
from slmworks_kubernetes.cluster import Absent, Cluster
from slmworks_kubernetes.inference_service import Wanted, inference_service
from slmworks_kubernetes.pin import DEPLOYMENT, INFERENCE_SERVICE, pinned
from slmworks_kubernetes.progress import Progress, condition, of_deployment
from slmworks_kubernetes.record import approved, record
from slmworks_kubernetes.rollout import Rolled, Rollout

__all__ = ["DeployKserve", "rollout"]


class DeployKserve(Deploy):
    """Set the model that an InferenceService of KServe serves (Standard mode), or write a new one.

    One that is there (the chart's) gets another digest and keeps the rest; one that isn't is created. If it
    doesn't become ready in time, the digest before is set again.
    """

    light: ClassVar[bool] = True

    how: Literal["apply", "write"] = "apply"
    """`write`: write `inferenceservice.json` for somebody else (GitOps) to apply, and call no cluster."""
    service: str | None = None
    """Name of the InferenceService; left out: the name of the model."""
    namespace: str | None = None
    """Its namespace; left out: the one of the pod's account, or of the kubeconfig's context."""
    context: str | None = None
    """A context of the kubeconfig; left out: the cluster that this runs in, else the current context."""
    timeout: PositiveInt = 900
    """Seconds to wait until it is ready with the new model."""
    image: str | None = None
    """Our serving image, with a tag or a digest. Needed to write or to create one."""
    store: str | None = None
    """The store as pods see it (`s3://bucket/prefix`); left out: the one that this runs on."""
    replicas: PositiveInt = 1
    """Pods of one that is written or created."""
    service_account: str | None = None
    """The account of its pods; left out: the namespace's default."""
    secret: str | None = None
    """Name of a Secret whose entries (AWS_ACCESS_KEY_ID, …) become variables of the init step."""
    env: dict[str, str] = {}  # noqa: RUF012 - pydantic copies it
    """Variables of the init step, such as AWS_ENDPOINT_URL; nothing secret. SLMWORKS_TRUSTED_KEYS is also
    the server's."""
    allowed_hosts: tuple[str, ...] = ()
    """Host names that it is asked by, beside its Services': KServe's gateway's, such as
    reviews-models.example.com; "*" for any. Others are answered 421."""

    def run(self, *, release: Release, task: ReleaseTask, **_: object) -> Deployment:
        """Verify both digests against the log, then write or apply; writes `deployment.json`."""
        entry = approved(release, task)
        digest = f"sha256:{entry.model_digest}"
        name = self.service or entry.name
        if self.how == "write":
            body = inference_service(self._wanted(entry, release, task, self.namespace or "default"))
            text = json.dumps(body, indent=2)
            (task.output / "inferenceservice.json").write_text(text + "\n", encoding="utf-8")
            task.say(f"InferenceService {name} is written: kubectl apply -f inferenceservice.json")
            return record(release, entry, task, "kserve", file="inferenceservice.json", after=digest)
        cluster = Cluster.connect(self.context, self.namespace)
        rolling = rollout(cluster, name, timeout=self.timeout, say=task.say)
        rolled = self._apply(rolling, entry, release, task, digest)
        where = {"namespace": cluster.namespace, "service": name}
        return record(release, entry, task, "kserve", **where, **asdict(rolled))

    def _apply(
        self, rolling: Rollout, entry: Entry, release: Release, task: ReleaseTask, digest: str
    ) -> Rolled:
        began = time.monotonic()
        try:
            rolling.cluster.read(INFERENCE_SERVICE, rolling.name)
        except Absent:
            if self.image is None:
                raise
            wanted = self._wanted(entry, release, task, rolling.cluster.namespace)
            rolling.cluster.create(INFERENCE_SERVICE, inference_service(wanted))
            task.say(f"{rolling.label} is created")
            progress = rolling.wait(digest, began)
            return Rolled("", digest, time.monotonic() - began, progress.replicas, changed=True)
        return rolling.to(digest)

    def _wanted(self, entry: Entry, release: Release, task: ReleaseTask, namespace: str) -> Wanted:
        store = self.store or task.registry.store.url
        if self.image is None:
            raise BadRequest("kserve: needs `image`, our serving image with a tag, to write a service.")
        if store.startswith("file:"):
            raise BadRequest(f"kserve: pods don't see {store}; name a bucket they reach:  store: s3://…")
        return Wanted(
            name=self.service or entry.name,
            namespace=namespace,
            model=entry.name,
            digest=f"sha256:{entry.model_digest}",
            image=self.image,
            store=store,
            replicas=self.replicas,
            service_account=self.service_account,
            secret=self.secret,
            env=self.env,
            hosts=self.allowed_hosts,
            size=sum(file.size for file in scan(release.path)),
        )


def rollout(cluster: Cluster, name: str, *, timeout: float, say: Any) -> Rollout:
    """What rolls an InferenceService of a cluster to another digest.

    Its Ready condition stays true while old pods answer, and its observedGeneration is another object's. So
    the Deployment that KServe makes of it (`<name>-predictor`) is looked at too.
    """

    def look(found: dict[str, Any]) -> Progress:
        try:
            made = cluster.read(DEPLOYMENT, f"{name}-predictor")
        except Absent:
            return Progress("going", f"KServe has made no Deployment {name}-predictor yet")
        if pinned(DEPLOYMENT, made) != pinned(INFERENCE_SERVICE, found):
            return Progress("going", "KServe has not passed it on yet")
        progress = of_deployment(made)
        ready = condition(found, "Ready")
        if progress.state == "done" and ready.get("status") != "True":
            return Progress("going", f"not ready: {ready.get('message') or 'KServe says nothing yet'}")
        return progress

    return Rollout(
        cluster,
        INFERENCE_SERVICE,
        name,
        timeout,
        look=look,
        selector=lambda _: {"serving.kserve.io/inferenceservice": name},
        say=say,
    )
