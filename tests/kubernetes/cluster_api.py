"""A fake Kubernetes API server on 127.0.0.1: one namespace, and controllers that move when they are looked at.

    with FakeCluster() as cluster:
        cluster.add(deployment(…))
        …
        assert not cluster.violations

Every object that is sent, or made by a patch, is checked against Kubernetes' own schemas, of the oldest and of the
newest version that the chart supports; a pod inside an InferenceService is checked as a Pod. What this fake
does not serve is answered 404, and is a violation.
"""

import copy
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import kubernetes_validate

VERSIONS = ("1.28", "1.37")
NAMESPACE = "models"
KSERVE = {
    "minReplicas", "maxReplicas", "scaleMetric", "scaleTarget", "timeout", "deploymentStrategy", "labels", "annotations",
}  # fmt: skip
"""Fields of a predictor, of those we write, that are not of a pod's spec."""
ROUTE = re.compile(
    r"/apis/(apps/v1|serving\.kserve\.io/v1beta1)/namespaces/([^/]+)/(deployments|inferenceservices)(?:/([^/]+))?"
)
VERBS = {"GET": "get", "PATCH": "patch", "POST": "create"}


class Refused(Exception):
    """An answer that is no object."""

    def __init__(self, status: int, message: str, *, wrong: bool = False) -> None:
        super().__init__(message)
        self.status, self.wrong = status, wrong


class FakeCluster:
    """The server: what it holds, what it was asked, and how its pods behave."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], dict[str, Any]] = {}
        self.requests: list[tuple[str, str]] = []
        self.violations: list[str] = []
        self.forbidden: set[tuple[str, str]] = set()
        """Pairs of verb and resource that the account may not."""
        self.faults: list[list[Any]] = []
        """Method, status, how often: answered instead."""
        self.broken: set[str] = set()
        """Digests whose pods never become available."""
        self.deadline = True
        """Whether a roll-out that is stuck is called so by the cluster."""
        self.before_patch = lambda: None
        """What somebody else does just before a patch arrives."""
        self.live: dict[str, str] = {}
        """Deployment -> digest whose pods answer."""
        self.notes: dict[str, dict[str, Any]] = {}
        """What the controllers remember of an object."""
        self.said = "slmworks: reviews v2 was rolled back by ada"
        """What the init step of a pod that doesn't start writes."""
        self.port = 0
        self._one_at_a_time = threading.RLock()
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Self:
        """Begin to answer; after `stop` on the same port, with all that it held."""
        door = type("Door", (Door,), {"cluster": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), door)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def stop(self) -> None:
        """From now on connections are refused."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def add(self, found: dict[str, Any]) -> None:
        """Put an object there as if it had been there for long."""
        self.check(found)
        plural = f"{found['kind'].lower()}s"
        found = copy.deepcopy(found)
        found["metadata"].setdefault("generation", 1)
        self.objects[plural, found["metadata"]["name"]] = found
        if plural == "deployments":
            self._settle(found, digest(found["spec"]["template"]["spec"]))
        else:
            self._pass_on(found)
            made = self.objects["deployments", f"{found['metadata']['name']}-predictor"]
            self._settle(made, digest(found["spec"]["predictor"]))
            self._tell_ready(found, made)

    def get(self, plural: str, name: str) -> dict[str, Any]:
        """An object, without a controller noticing."""
        return self.objects[plural, name]

    def asked(self, method: str) -> list[str]:
        """The paths that were asked for with this method."""
        return [path for verb, path in self.requests if verb == method]

    def check(self, found: dict[str, Any]) -> None:
        """Fail with a violation where Kubernetes' schema does."""
        subject = found
        if found["kind"] == "InferenceService":
            pod = {key: value for key, value in found["spec"]["predictor"].items() if key not in KSERVE}
            subject = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": pod}
        for version in VERSIONS:
            try:
                kubernetes_validate.validate(subject, version, strict=True)
            except Exception as error:
                raise Refused(422, f"{version}: {str(error).splitlines()[0]}", wrong=True) from None

    # --- HTTP ------------------------------------------------------------------------------------------

    def answer(self, method: str, target: str, content_type: str, raw: bytes) -> tuple[int, dict[str, Any]]:
        """Status and JSON for one request."""
        parts = urlsplit(target)
        with self._one_at_a_time:
            self.requests.append((method, parts.path))
            try:
                status = 201 if method == "POST" else 200
                return status, self._serve(method, parts.path, parse_qs(parts.query), content_type, raw)
            except Refused as refused:
                if refused.wrong:
                    self.violations.append(f"{method} {parts.path}: {refused}")
                failure = {"kind": "Status", "apiVersion": "v1", "status": "Failure"}
                return refused.status, {**failure, "message": str(refused), "code": refused.status}

    def _serve(
        self, method: str, path: str, query: dict[str, list[str]], content_type: str, raw: bytes
    ) -> dict[str, Any]:
        for fault in self.faults:
            if fault[0] == method and fault[2] != 0:
                fault[2] -= 1
                raise Refused(fault[1], "the test has it so")
        if path == f"/api/v1/namespaces/{NAMESPACE}/pods" and method == "GET":
            self._allow("list", "pods", "")
            return {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": self._pods(query)}
        route = ROUTE.fullmatch(path)
        if route is None or method not in VERBS:
            raise Refused(404, "the server could not find the requested resource", wrong=True)
        _, namespace, plural, name = route.groups()
        self._allow(VERBS[method], plural, name or "")
        if method == "POST":
            return self._create(plural, json.loads(raw))
        if namespace != NAMESPACE or (plural, name) not in self.objects:
            raise Refused(404, f'{plural} "{name}" not found')
        if method == "GET":
            self._look(plural, name)
            return self.objects[plural, name]
        if content_type != "application/json-patch+json":
            raise Refused(415, f"the body is {content_type}", wrong=True)
        self.before_patch()
        return self._patch(plural, name, json.loads(raw))

    def _allow(self, verb: str, plural: str, name: str) -> None:
        if (verb, plural) in self.forbidden:
            raise Refused(
                403,
                f'{plural} "{name}" is forbidden: User "system:serviceaccount:{NAMESPACE}:runner" cannot {verb} '
                f'resource "{plural}" in the namespace "{NAMESPACE}"',
            )

    def _create(self, plural: str, found: dict[str, Any]) -> dict[str, Any]:
        self.check(found)
        name = found["metadata"]["name"]
        if (plural, name) in self.objects:
            raise Refused(409, f'{plural} "{name}" already exists')
        found["metadata"]["generation"] = 1
        self.objects[plural, name] = found
        return found

    def _patch(self, plural: str, name: str, patch: list[dict[str, Any]]) -> dict[str, Any]:
        changed = copy.deepcopy(self.objects[plural, name])
        for one in patch:
            _apply(changed, one)
        self.check(changed)
        if changed["spec"] != self.objects[plural, name]["spec"]:
            changed["metadata"]["generation"] += 1
        self.objects[plural, name] = changed
        return changed

    # --- controllers: one step whenever somebody looks ------------------------------------------------

    def _look(self, plural: str, name: str) -> None:
        found = self.objects[plural, name]
        if plural == "deployments":
            self._roll(found)
            return
        made = self.objects.get(("deployments", f"{name}-predictor"))
        notes, now = self.notes.setdefault(f"{plural}/{name}", {}), found["metadata"]["generation"]
        if notes.get("seen") != now:
            notes["seen"] = now  # KServe passes it on the next time
        else:
            self._pass_on(found)
            made = self.objects["deployments", f"{name}-predictor"]
        if made:
            self._tell_ready(found, made)

    def _roll(self, found: dict[str, Any]) -> None:
        name, status = found["metadata"]["name"], found.setdefault("status", {})
        notes = self.notes.setdefault(name, {})
        wanted, now = found["spec"].get("replicas", 1), digest(found["spec"]["template"]["spec"])
        if found["spec"].get("paused"):
            return
        if status.get("observedGeneration", 0) < found["metadata"]["generation"]:
            if not notes.pop("late", False):
                notes["late"] = True  # the controller has not got to it
                return
            if self.live.get(name) == now:
                self._settle(found, now)
                return
            status.update(observedGeneration=found["metadata"]["generation"], updatedReplicas=0)
            notes["stuck"] = 0
            status["conditions"] = [{"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated"}]
        elif now in self.broken:
            status.update(updatedReplicas=1, replicas=wanted + 1)
            notes["stuck"] += 1
            if self.deadline and notes["stuck"] > 2:
                status["conditions"] = [
                    {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
                ]
        elif status.get("updatedReplicas", 0) < wanted:
            status.update(updatedReplicas=status.get("updatedReplicas", 0) + 1, replicas=wanted + 1)
            status["availableReplicas"] = status["updatedReplicas"]
        else:
            self._settle(found, now)

    def _settle(self, found: dict[str, Any], now: str) -> None:
        wanted = found["spec"].get("replicas", 1)
        self.live[found["metadata"]["name"]] = now
        found["status"] = {
            "observedGeneration": found["metadata"]["generation"],
            **dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), wanted),
            "conditions": [
                {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"},
                {"type": "Available", "status": "True"},
            ],
        }

    def _pass_on(self, found: dict[str, Any]) -> None:
        """What KServe does in its Standard mode."""
        name = f"{found['metadata']['name']}-predictor"
        predictor = found["spec"]["predictor"]
        template = {
            "metadata": {"annotations": dict(predictor.get("annotations", {}))},
            "spec": {key: value for key, value in predictor.items() if key not in KSERVE},
        }
        made = self.objects.setdefault(
            ("deployments", name),
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": name, "generation": 0},
                "spec": {
                    "replicas": predictor.get("minReplicas", 1),
                    "selector": {"matchLabels": {"app": name}},
                },
            },
        )
        if made["spec"].get("template") != template:
            made["spec"]["template"] = template
            made["metadata"]["generation"] += 1

    def _tell_ready(self, found: dict[str, Any], made: dict[str, Any]) -> None:
        """Ready as long as any pod answers; the generation is the Deployment's: both as in KServe."""
        up = made["metadata"]["name"] in self.live
        found["status"] = {
            "observedGeneration": made.get("status", {}).get("observedGeneration", 0),
            "conditions": [{"type": "Ready", "status": "True" if up else "False"}],
        }

    def _pods(self, query: dict[str, list[str]]) -> list[dict[str, Any]]:
        assert query["labelSelector"]
        ended = {"terminated": {"exitCode": 2, "reason": "Error", "message": f"{self.said}\n"}}
        waiting = {"waiting": {"reason": "CrashLoopBackOff"}}
        return [
            {
                "metadata": {"name": f"{number}"},
                "spec": {
                    "initContainers": [{"name": "pull", "env": [{"name": "MODEL_DIGEST", "value": bad}]}],
                },
                "status": {"initContainerStatuses": [{"name": "pull", "state": waiting, "lastState": ended}]},
            }
            for number, bad in enumerate(sorted(self.broken))
        ]


def digest(pod: dict[str, Any]) -> str:
    """What a pod's spec pins."""
    (pull,) = [one for one in pod["initContainers"] if one["name"] == "pull"]
    return next((one["value"] for one in pull.get("env", []) if one["name"] == "MODEL_DIGEST"), "")


def _apply(found: Any, one: dict[str, Any]) -> None:
    """One operation of a JSON patch (RFC 6902), of those that are used."""
    *way, last = [part.replace("~1", "/").replace("~0", "~") for part in one["path"].split("/")[1:]]
    try:
        for word in way:
            found = found[int(word)] if isinstance(found, list) else found[word]
        key: Any = int(last) if isinstance(found, list) else last
        if one["op"] == "test":
            if found[key] != one["value"]:
                raise Refused(422, f"testing {one['path']} value failed")
        elif one["op"] == "add" and isinstance(found, dict):
            found[key] = one["value"]
        elif one["op"] == "replace":
            found[key]
            found[key] = one["value"]
        else:
            raise Refused(400, f"this fake has no {one['op']} there", wrong=True)
    except (KeyError, IndexError):
        raise Refused(422, f"{one['path']}: missing", wrong=True) from None


class Door(BaseHTTPRequestHandler):
    """HTTP in and out; every answer closes its connection."""

    cluster: FakeCluster

    def _answer(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, made = self.cluster.answer(
            self.command, self.path, self.headers.get("Content-Type") or "", raw
        )
        said = json.dumps(made).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing: `requests` has it."""
