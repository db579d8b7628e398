"""A namespace of a cluster, as the account of this process may see it; its refusals become sentences.

In a pod it is the pod's service account, elsewhere the kubeconfig's user. Objects are plain dicts: what a
newer cluster adds to them is kept. Nothing here knows a model.
"""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from slmworks.contract.errors import BadRequest, SlmworksError, TaskFailed
from slmworks_kubernetes.pin import Resource

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
PATIENCE = (5, 30)
"""Seconds to connect, and to wait for an answer."""


class Unreachable(TaskFailed):
    """The cluster doesn't answer, or not now: trying again may help."""


class Absent(BadRequest):
    """There is no such object."""


class Forbidden(BadRequest):
    """The account may not do that."""


class Changed(TaskFailed):
    """Somebody else changed (or created) it in between."""


@dataclass(frozen=True)
class Cluster:
    """What the deploy plugins ask of a cluster."""

    client: Any
    """A `kubernetes.client.ApiClient`."""
    namespace: str

    @classmethod
    def connect(cls, context: str | None = None, namespace: str | None = None) -> Self:
        """Find the cluster; nobody is called yet. BadRequest when there is no way to it."""
        try:
            from kubernetes import client, config
        except ModuleNotFoundError as error:
            raise BadRequest(
                f"deploying to a cluster needs {error.name}: pip install 'slmworks-kubernetes[run]'"
            ) from None
        settings = client.Configuration()
        settings.retries = False  # it would warn on stderr; whoever waits tries again anyway
        try:
            if _in_a_pod(context):
                config.load_incluster_config(client_configuration=settings)
                own = (ACCOUNT / "namespace").read_text(encoding="utf-8").strip()
            else:
                file = os.environ.get("KUBECONFIG")  # the client's default is what it was when imported
                config.load_kube_config(file, context, settings)
                own = _namespace_of(config.list_kube_config_contexts(file), context)
        except config.ConfigException as error:
            raise BadRequest(
                f"no way to a cluster: {_line(error)} Set KUBECONFIG, or the option `context`."
            ) from None
        return cls(client.ApiClient(settings), namespace or own)

    def read(self, resource: Resource, name: str) -> dict[str, Any]:
        """An object; Absent, Forbidden or Unreachable."""
        return self._ask("get", resource, name, name)

    def patch(self, resource: Resource, name: str, patch: list[dict[str, Any]]) -> dict[str, Any]:
        """Apply a JSON patch; Changed when one of its tests fails."""
        return self._ask("patch", resource, name, name, patch, field_manager="slmworks")

    def create(self, resource: Resource, body: dict[str, Any]) -> dict[str, Any]:
        """Create an object; Changed when there is one already."""
        name = body["metadata"]["name"]
        return self._ask("create", resource, name, body, field_manager="slmworks")

    def pods(self, selector: dict[str, str]) -> list[dict[str, Any]]:
        """The pods with these labels; none where the account may not see them."""
        from kubernetes.client import ApiException, CoreV1Api
        from urllib3.exceptions import HTTPError

        words = ",".join(f"{key}={value}" for key, value in selector.items())
        try:
            said = CoreV1Api(self.client).list_namespaced_pod(
                self.namespace, label_selector=words, _preload_content=False, _request_timeout=PATIENCE
            )
            return list(json.loads(said.data)["items"])
        except (ApiException, HTTPError):
            return []

    def _ask(self, verb: str, resource: Resource, name: str, *given: Any, **more: Any) -> dict[str, Any]:
        from kubernetes.client import ApiClient, ApiException, CustomObjectsApi
        from urllib3.exceptions import HTTPError

        client = self.client
        if verb == "patch":  # which kind of patch the client sends otherwise differs by its version
            client = ApiClient(client.configuration, "Content-Type", "application/json-patch+json")
        call = getattr(CustomObjectsApi(client), f"{verb}_namespaced_custom_object")
        place = (resource.group, resource.version, self.namespace, resource.plural)
        try:
            return dict(call(*place, *given, **more, _request_timeout=PATIENCE))
        except ApiException as error:
            raise self._refusal(verb, resource, name, int(error.status or 0), _message(error)) from None
        except HTTPError as error:
            raise Unreachable(
                f"the cluster at {client.configuration.host} does not answer "
                f"({_line(getattr(error, 'reason', None) or error)}); try again when it does."
            ) from None

    def _refusal(self, verb: str, resource: Resource, name: str, status: int, said: str) -> SlmworksError:
        what = f"{resource.kind} {self.namespace}/{name}"
        if status == 401:
            return BadRequest(
                f"the cluster at {self.client.configuration.host} knows no such account (401); log in again, "
                "or see that the pod's service account still exists."
            )
        if status == 403:
            named = re.search(r'User "([^"]+)"', said)
            who = named.group(1) if named else "this account"
            return Forbidden(
                f"{what}: {who} may not {verb} it. Bind it to a Role with "
                f"apiGroups [{resource.group}], resources [{resource.plural}], resourceNames [{name}], verbs "
                "[get, patch] (the chart's pipelines.deploy does)."
            )
        if status == 404:
            return Absent(f"{what}: there is none. Install the chart helm/slmworks, or name another one.")
        if status in (409, 422) and verb in ("patch", "create"):
            return Changed(
                f"{what}: refused ({said}), most likely because somebody else changed it just now; look, and "
                "try again."
            )
        if status == 429 or status >= 500:
            return Unreachable(f"{what}: the cluster answers {status} ({said}); try again later.")
        return TaskFailed(f"{what}: the cluster refuses to {verb} it: {status} ({said}).")


def _in_a_pod(context: str | None) -> bool:
    asked = context or os.environ.get("KUBECONFIG")
    return not asked and "KUBERNETES_SERVICE_HOST" in os.environ and (ACCOUNT / "token").exists()


def _namespace_of(contexts: tuple[list[Any], Any], context: str | None) -> str:
    known, active = contexts
    chosen = next((one for one in known if one["name"] == context), active)
    return str(chosen["context"].get("namespace") or "default")


def _message(error: Any) -> str:
    """The server's own words; a proxy in between may answer anything."""
    try:
        return _line(json.loads(error.body)["message"])
    except (ValueError, TypeError, KeyError):
        return _line(error.reason)


def _line(said: object) -> str:
    text = " ".join(str(said).split())
    return text if len(text) <= 300 else f"{text[:300]}…"
