"""Deploy to a Deployment of a cluster: set the approved model's digest, wait until its pods answer."""

from dataclasses import asdict
from typing import Any, ClassVar

from pydantic import PositiveInt

from slmworks.contract.artifact import Deployment, Release
from slmworks.deploy import Deploy
from slmworks.registry.task import ReleaseTask
from slmworks_kubernetes.cluster import Cluster
from slmworks_kubernetes.pin import DEPLOYMENT, at
from slmworks_kubernetes.progress import of_deployment
from slmworks_kubernetes.record import approved, record
from slmworks_kubernetes.rollout import Rollout

__all__ = ["DeployKubernetes", "rollout"]


class DeployKubernetes(Deploy):
    """Set the model that a Deployment serves, and wait until its pods have rolled.

    The Deployment is the one of the chart helm/slmworks. If its pods don't come up in time, the digest before
    is set again; its pods have served all along. The same digest twice changes nothing.
    """

    light: ClassVar[bool] = True

    deployment: str | None = None
    """Name of the Deployment; left out: the name of the model."""
    namespace: str | None = None
    """Its namespace; left out: the one of the pod's account, or of the kubeconfig's context."""
    context: str | None = None
    """A context of the kubeconfig; left out: the cluster that this runs in, else the current context."""
    timeout: PositiveInt = 900
    """Seconds to wait for the roll-out. Longer than the Deployment's progressDeadlineSeconds, so that the
    cluster gets to say what is wrong."""

    def run(self, *, release: Release, task: ReleaseTask, **_: object) -> Deployment:
        """Verify both digests against the log, then roll out; writes `deployment.json`."""
        entry = approved(release, task)
        rolling = rollout(
            Cluster.connect(self.context, self.namespace),
            self.deployment or entry.name,
            timeout=self.timeout,
            say=task.say,
        )
        rolled = rolling.to(f"sha256:{entry.model_digest}")
        where = {"namespace": rolling.cluster.namespace, "deployment": rolling.name}
        return record(release, entry, task, "kubernetes", **where, **asdict(rolled))


def rollout(cluster: Cluster, name: str, *, timeout: float, say: Any) -> Rollout:
    """What rolls a Deployment of a cluster to another digest."""
    return Rollout(
        cluster,
        DEPLOYMENT,
        name,
        timeout,
        look=of_deployment,
        selector=lambda found: dict(at(found, ("spec", "selector", "matchLabels")) or {}),
        say=say,
    )
