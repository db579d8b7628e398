"""How far a roll-out is: what `kubectl rollout status` would say, and why pods don't start."""

from dataclasses import dataclass
from typing import Any, Literal

from slmworks_kubernetes.pin import CONTAINER, VARIABLE, at


@dataclass(frozen=True)
class Progress:
    """A look at something that rolls."""

    state: Literal["going", "done", "failed"]
    line: str
    """Where it is, for people."""
    replicas: int = 0
    """Pods that serve what was asked for."""


def of_deployment(found: dict[str, Any]) -> Progress:
    """How far a Deployment is with what its spec says now."""
    status = found.get("status") or {}
    wanted = int(at(found, ("spec", "replicas")) if at(found, ("spec", "replicas")) is not None else 1)
    every, new, ready = (
        int(status.get(word) or 0) for word in ("replicas", "updatedReplicas", "availableReplicas")
    )
    if int(status.get("observedGeneration") or 0) < int(found["metadata"].get("generation") or 0):
        return Progress("going", "the cluster has not looked at it yet")
    stuck = condition(found, "Progressing")
    if stuck.get("reason") == "ProgressDeadlineExceeded":
        line = f"no progress within its progressDeadlineSeconds, {new} of {wanted} pods are new"
        return Progress("failed", line, new)
    if new < wanted:
        return Progress("going", f"{new} of {wanted} pods are new", new)
    if every > new:
        return Progress("going", f"{every - new} old pods have not ended", new)
    if ready < new:
        return Progress("going", f"{ready} of {new} new pods are available", new)
    return Progress("done", f"{ready} of {wanted} pods serve it", ready)


def condition(found: dict[str, Any], kind: str) -> dict[str, Any]:
    """The condition of that type in an object's status; empty where there is none."""
    conditions = at(found, ("status", "conditions")) or []
    return next((dict(one) for one in conditions if one["type"] == kind), {})


def why(pods: list[dict[str, Any]], digest: str) -> str:
    """What the first pod that should serve `digest` says about not doing so; empty where none does."""
    for pod in pods:
        status = pod.get("status") or {}
        containers = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
        for container in containers if _is_for(pod, digest) else []:
            if said := _said(container):
                return f"pod {pod['metadata']['name']}, container {container['name']}: {said}"
    return ""


def _is_for(pod: dict[str, Any], digest: str) -> bool:
    return any(
        (container["name"], variable["name"], variable.get("value")) == (CONTAINER, VARIABLE, digest)
        for container in at(pod, ("spec", "initContainers")) or []
        for variable in container.get("env") or []
    )


def _said(container: dict[str, Any]) -> str:
    for when in ("state", "lastState"):
        ended = at(container, (when, "terminated")) or {}
        if ended.get("exitCode"):
            lines = (ended.get("message") or "").strip().splitlines()
            return lines[-1] if lines else f"ended with exit code {ended['exitCode']}"
    waiting = at(container, ("state", "waiting")) or {}
    if waiting.get("reason") in (None, "PodInitializing", "ContainerCreating"):
        return ""
    return " ".join(f"{waiting['reason']} {waiting.get('message') or ''}".split())
