"""Which model an upgrade serves: Helm looks at a live object that `slmworks deploy` has changed meanwhile."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from chart import RELEASE, given, helm, loaded, objects, parsed, values

INSTALLED, DEPLOYED, ASKED = (f"sha256:{letter * 64}" for letter in "abc")
APIS = {
    "apps/v1": ("deployments", "Deployment"),
    "serving.kserve.io/v1beta1": ("inferenceservices", "InferenceService"),
}


@contextmanager
def cluster(*live) -> Iterator[str]:
    """An API server that knows two kinds and has these objects; gives its address."""
    answers = {"/version": {"major": "1", "minor": "30"}, "/api": {"kind": "APIVersions", "versions": ["v1"]}}
    for version, (plural, kind) in APIS.items():
        resource = {"name": plural, "kind": kind, "namespaced": True, "verbs": ["get"]}
        answers[f"/apis/{version}"] = {
            "kind": "APIResourceList",
            "groupVersion": version,
            "resources": [resource],
        }
    for one in live:
        plural, about = APIS[one["apiVersion"]][0], one["metadata"]
        answers[f"/apis/{one['apiVersion']}/namespaces/{about['namespace']}/{plural}/{about['name']}"] = one

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self):
            found = answers.get(self.path.partition("?")[0])
            missing = {
                "kind": "Status",
                "apiVersion": "v1",
                "status": "Failure",
                "reason": "NotFound",
                "code": 404,
            }
            self.send_response(200 if found else 404)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(found or missing).encode())

        def log_message(self, *_):
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def upgraded(address, feature, digest):
    """The objects of an upgrade of what is in a cluster."""
    empty = "apiVersion: v1\nkind: Config\n"
    with helm.Config(kube_apiserver=address, kubeconfig_content=empty, namespace="team") as config:
        asked = values(feature, {"model": {"digest": digest}})
        return parsed(given(config.render(loaded(), asked, is_upgrade=True, **RELEASE)))


def served(found):
    """What a workload says of its model: to the init step, to people, and to the next upgrade."""
    (one,) = (each for each in found if each["kind"] in ("Deployment", "InferenceService"))
    template = one["spec"]["predictor"] if one["kind"] == "InferenceService" else one["spec"]["template"]
    (pull,) = template.get("spec", template)["initContainers"]
    (variable,) = (each for each in pull["env"] if each["name"] == "MODEL_DIGEST")
    annotations = template.get("metadata", template)["annotations"]
    return (
        variable["value"],
        annotations["slmworks.dev/model-digest"],
        one["metadata"]["annotations"]["slmworks.dev/values-digest"],
    )


def deployed(feature):
    """A feature's workload, installed with one digest and then deployed to another."""
    found = objects(feature, {"model": {"digest": INSTALLED}})
    (one,) = (each for each in found if each["kind"] in ("Deployment", "InferenceService"))
    spec = one["spec"]["predictor"] if one["kind"] == "InferenceService" else one["spec"]["template"]["spec"]
    spec["initContainers"][0]["env"][0]["value"] = DEPLOYED
    return one


FEATURE = pytest.mark.parametrize("feature", ["deployment", "inference-service"])


@FEATURE
def test_an_install_serves_what_the_values_say(feature):
    with cluster() as address:
        assert served(upgraded(address, feature, INSTALLED)) == (INSTALLED, INSTALLED, INSTALLED)


@FEATURE
def test_an_upgrade_keeps_what_was_deployed_meanwhile(feature):
    with cluster(deployed(feature)) as address:
        assert served(upgraded(address, feature, INSTALLED)) == (DEPLOYED, DEPLOYED, INSTALLED)


@FEATURE
def test_an_upgrade_with_another_digest_means_it(feature):
    with cluster(deployed(feature)) as address:
        assert served(upgraded(address, feature, ASKED)) == (ASKED, ASKED, ASKED)


def test_another_release_is_not_asked():
    other = deployed("deployment")
    other["metadata"]["name"] = "other-slmworks"
    with cluster(other) as address:
        assert served(upgraded(address, "deployment", INSTALLED)) == (INSTALLED, INSTALLED, INSTALLED)


def test_a_deployment_that_was_made_by_other_means_does_not_decide():
    strange = {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "demo-slmworks", "namespace": "team"}, "spec": {},
    }  # fmt: skip
    with cluster(strange) as address:
        assert served(upgraded(address, "deployment", INSTALLED)) == (INSTALLED, INSTALLED, INSTALLED)


def test_the_init_step_reads_the_digest_from_that_place():
    (one,) = (each for each in objects("deployment") if each["kind"] == "Deployment")
    (pull,) = one["spec"]["template"]["spec"]["initContainers"]
    assert pull["args"][pull["args"].index("--digest") + 1] == "$(MODEL_DIGEST)"
    assert "sha256:" not in " ".join(pull["args"])
