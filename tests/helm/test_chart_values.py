"""Values that are wrong are refused, with their place and what to do."""

import json

import pytest
from chart import CHART, HELM, helm, templates

WRONG = [
    ({"modle": {}}, "at '': additional properties 'modle' not allowed"),
    ({"model": {"version": 3}}, "at '/model': additional properties 'version' not allowed"),
    ({"model": {"name": "two words"}}, "at '/model/name'"),
    (
        {
            "model": {
                "trustedKeys": "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQ==\n-----END PRIVATE KEY-----\n"
            }
        },
        "at '/model/trustedKeys'",
    ),
    ({"image": {"repository": "slmworks-serve:latest"}}, "at '/image/repository'"),
    ({"image": {"repository": "https://registry.example/x"}}, "at '/image/repository'"),
    ({"image": {"pullPolicy": "always"}}, "at '/image/pullPolicy'"),
    ({"image": {"pullSecrets": [{"name": "registry"}]}}, "at '/image/pullSecrets/0'"),
    ({"store": {"url": "s3://key:secret@models/team"}}, "at '/store/url'"),
    ({"store": {"url": "models/team"}}, "at '/store/url'"),
    ({"store": {"endpoint": "minio.example:9000"}}, "at '/store/endpoint'"),
    ({"store": {"credentials": {"accessKey": "AKIA0"}}}, "at '/store/credentials'"),
    ({"store": {"credentials": {"secretName": "Store"}}}, "at '/store/credentials/secretName'"),
    ({"store": {"claim": {"path": "/release"}}}, "at '/store/claim/path'"),
    ({"serving": {"kind": "StatefulSet"}}, "at '/serving/kind'"),
    ({"serving": {"replicas": 0}}, "at '/serving/replicas': minimum: got 0, want 1"),
    ({"serving": {"replicas": "2"}}, "at '/serving/replicas': got string, want integer"),
    ({"serving": {"threads": 0}}, "at '/serving/threads'"),
    ({"serving": {"limits": {"maxWords": 5}}}, "at '/serving/limits': additional properties 'maxWords'"),
    ({"serving": {"limits": {"slots": 0}}}, "at '/serving/limits/slots'"),
    ({"serving": {"limits": {"maxConnections": 0}}}, "at '/serving/limits/maxConnections'"),
    ({"serving": {"allowedHosts": ["reviews.example:80"]}}, "at '/serving/allowedHosts/0'"),
    ({"serving": {"allowedHosts": ["a,b"]}}, "at '/serving/allowedHosts/0'"),
    ({"serving": {"tokens": {"secretName": "Tokens"}}}, "at '/serving/tokens/secretName'"),
    ({"serving": {"tokens": {"value": "hunter2"}}}, "at '/serving/tokens': additional properties 'value'"),
    ({"serving": {"metricsPort": 80}}, "at '/serving/metricsPort': minimum: got 80, want 1,024"),
    ({"networkPolicy": {"ingress": {"metricsFrom": []}}}, "at '/networkPolicy/ingress/metricsFrom': minItems"),
    ({"serving": {"grace": -1}}, "at '/serving/grace'"),
    ({"serving": {"resources": {"limits": {"memory": "1 GB"}}}}, "at '/serving/resources/limits/memory'"),
    ({"serving": {"resources": {"limits": {"memory": "1gi"}}}}, "at '/serving/resources/limits/memory'"),
    ({"serving": {"resources": {"limits": {"cpu": "two"}}}}, "at '/serving/resources/limits/cpu'"),
    ({"serving": {"securityContext": {"privileged": True}}}, "at '/serving': additional properties 'securityContext'"),
    ({"serving": {"probes": {"readiness": {"path": "/"}}}}, "at '/serving/probes/readiness'"),
    ({"serving": {"tolerations": [{"effect": "Never"}]}}, "at '/serving/tolerations/0/effect'"),
    ({"serving": {"podAnnotations": {"scrape": True}}}, "at '/serving/podAnnotations/scrape': got boolean, want string"),
    ({"service": {"port": 70000}}, "at '/service/port': maximum"),
    ({"service": {"type": "Ingress"}}, "at '/service/type'"),
    ({"autoscaling": {"targetCPU": 0}}, "at '/autoscaling/targetCPU'"),
    ({"autoscaling": {"enabled": "yes"}}, "at '/autoscaling/enabled': got string, want boolean"),
    ({"disruption": {"maxUnavailable": 0}}, "at '/disruption/maxUnavailable'"),
    ({"networkPolicy": {"ingress": {"from": []}}}, "at '/networkPolicy/ingress/from': minItems"),
    ({"networkPolicy": {"egress": {"store": {"to": [{"ipBlock": {"cidr": "10.0.0.1"}}]}}}}, "to/0/ipBlock/cidr'"),
    ({"pipelines": {"deploy": {"subjects": [{"name": "worker"}]}}}, "at '/pipelines/deploy/subjects/0'"),
    ({"podSecurityContext": {"runAsUser": 0}}, "at '/podSecurityContext/runAsUser'"),
    ({"podSecurityContext": {"runAsNonRoot": False}}, "at '/podSecurityContext/runAsNonRoot'"),
    ({"podSecurityContext": {"sysctls": []}}, "at '/podSecurityContext': additional properties 'sysctls'"),
    ({"containerSecurityContext": {"privileged": True}}, "at '/containerSecurityContext': additional properties 'privileged'"),
    ({"containerSecurityContext": {"allowPrivilegeEscalation": True}}, "at '/containerSecurityContext/allowPrivilegeEscalation'"),
    ({"containerSecurityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}, "at '/containerSecurityContext/capabilities': additional properties 'add'"),
    ({"serving": {"extraVolumes": [{"name": "root", "hostPath": {"path": "/"}}]}}, "at '/serving/extraVolumes/0': additional properties 'hostPath'"),
    ({"serving": {"extraEnv": [{"name": "A", "valueFrom": {}}]}}, "at '/serving/extraEnv/0/valueFrom'"),
    ({"serving": {"extraVolumeMounts": [{"name": "ca", "mountPath": "ca"}]}}, "at '/serving/extraVolumeMounts/0/mountPath'"),
    ({"networkPolicy": {"egress": {"dnsPorts": []}}}, "at '/networkPolicy/egress/dnsPorts': minItems"),
    ({"ingress": {"hosts": ["a.example"]}}, "at '/ingress': additional properties 'hosts'"),
    ({"ingress": {"host": "https://a.example"}}, "at '/ingress/host'"),
    ({"httpRoute": {"parentRefs": [{"namespace": "gateways"}]}}, "at '/httpRoute/parentRefs/0': missing property 'name'"),
    ({"monitoring": {"serviceMonitor": {"interval": "30"}}}, "at '/monitoring/serviceMonitor/interval'"),
    ({"monitoring": {"prometheusRule": {"errorShare": 5}}}, "at '/monitoring/prometheusRule/errorShare'"),
    ({"mlflow": {"allowedHosts": ["*"]}}, "at '/mlflow/allowedHosts/0'"),
    ({"mlflow": {"database": {"uri": "postgresql://me:secret@db/mlflow"}}}, "at '/mlflow/database'"),
    ({"mlflow": {"port": 80}}, "at '/mlflow/port'"),
    ({"mlflow": {"persistence": {"size": "10"}}}, "at '/mlflow/persistence/size'"),
]  # fmt: skip


@pytest.mark.parametrize(("more", "said"), WRONG, ids=[said for _, said in WRONG])
def test_a_wrong_value_is_refused_with_its_place(more, said):
    with pytest.raises(helm.HelmValuesError) as refused:
        templates("deployment", more)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("feature", "more", "said"),
    [
        ("deployment", {"model": {"name": ""}}, "model.name: needed for serving"),
        ("deployment", {"model": {"digest": ""}}, "model.digest: needed for serving. `slmworks models NAME` says"),
        (
            "deployment",
            {"model": {"digest": "0123456789ab"}},
            "model.digest: '0123456789ab' is a short digest. `slmworks models reviews` prints the long one, sha256: and 64 digits.",
        ),
        ("deployment", {"model": {"digest": "sha256:0123456789ab"}}, "is a short digest"),
        ("deployment", {"model": {"digest": "0" * 64}}, f"lacks what it was made with. Write sha256:{'0' * 64}."),
        ("deployment", {"model": {"digest": "v1"}}, "model.digest: 'v1' is no digest. `slmworks models reviews` prints"),
        (
            "deployment",
            {"image": {"tag": "latest"}},
            "image.tag: 'latest' is another image tomorrow, and no rollback would bring today's back. Name a version, such as 0.1.0, or image.digest.",
        ),
        ("deployment", {"image": {"digest": "sha512:abc"}}, "image.digest: 'sha512:abc' is no digest"),
        ("deployment", {"image": {"tag": "a b"}}, "image.tag: 'a b' is no tag"),
        ("mlflow-volume", {"mlflow": {"image": {"tag": "latest"}}}, "mlflow.image.tag: 'latest' is another image tomorrow"),
        ("deployment", {"commonLabels": {"app.kubernetes.io/name": "x"}}, "commonLabels: app.kubernetes.io/name is the chart's own"),
        ("deployment", {"serving": {"extraEnv": [{"name": "MODEL_DIGEST", "value": "x"}]}}, "serving.extraEnv: MODEL_DIGEST is set by model.digest. Leave it out here."),
        ("deployment", {"serving": {"pullExtraEnv": [{"name": "AWS_CA_BUNDLE", "value": "/ca/ca.crt"}]}}, "AWS_CA_BUNDLE is not read by the store's client. Write SSL_CERT_FILE"),
        ("deployment", {"serving": {"extraEnv": [{"name": "A"}]}}, "serving.extraEnv: A needs either value or valueFrom."),
        (
            "deployment",
            {"serving": {"extraEnv": [{"name": "A", "value": "b"}], "pullExtraEnv": [{"name": "A", "value": "c"}]}},
            "serving.pullExtraEnv: A stands there twice. Keep one.",
        ),
        (
            "deployment",
            {"serving": {"pullExtraEnv": [{"name": "HTTPS_PROXY", "value": "http://me:secret@proxy.example:3128"}]}},
            "HTTPS_PROXY would stand in the cluster for all to read. Put it into a Secret, and name that: {name: HTTPS_PROXY, valueFrom:",
        ),
        ("deployment", {"serving": {"extraEnv": [{"name": "API_TOKEN", "value": "x"}]}}, "API_TOKEN would stand in the cluster"),
        ("deployment", {"serving": {"extraEnv": [{"name": "OPENAI_API_KEY", "value": "x"}]}}, "OPENAI_API_KEY would stand in the cluster"),
        ("deployment", {"serving": {"extraEnv": [{"name": "DB_PASSWD", "value": "x"}]}}, "DB_PASSWD would stand in the cluster"),
        ("mlflow-volume", {"mlflow": {"extraEnv": [{"name": "HOME", "value": "/x"}]}}, "mlflow.extraEnv: HOME is set by the chart"),
        (
            "deployment",
            {"serving": {"extraVolumeMounts": [{"name": "ca", "mountPath": "/ca"}]}},
            "serving.extraVolumeMounts: no volume 'ca' in serving.extraVolumes. Add it there.",
        ),
        ("deployment", {"serving": {"extraVolumes": [{"name": "tmp", "emptyDir": {}}]}}, "serving.extraVolumes: 'tmp' is the name of a volume of the chart's"),
        (
            "deployment",
            {"serving": {"extraVolumes": [{"name": "x", "emptyDir": {}}], "extraVolumeMounts": [{"name": "x", "mountPath": "/release/"}]}},
            "serving.extraVolumeMounts: at /release/ the chart mounts a volume of its own",
        ),
        (
            "deployment",
            {"serving": {"pullExtraEnv": [{"name": "HTTPS_PROXY", "valueFrom": {"secretKeyRef": {"name": "proxy", "key": "url"}}}]}},
            "networkPolicy.egress.store.ports: empty, and HTTPS_PROXY doesn't say its port. Name all ports",
        ),
        ("ingress", {"serving": {"metricsPort": None}}, "ingress.enabled: /metrics and the digests would be public. Set serving.metricsPort"),
        ("ingress", {"serving": {"kind": "InferenceService"}}, "ingress.enabled: KServe makes the way in"),
        ("ingress", {"ingress": {"host": ""}}, "ingress.host: needed for an Ingress"),
        ("http-route", {"ingress": {"enabled": True, "host": "a.example"}}, "httpRoute.path: the server is shown below one path, and ingress.path is /."),
        ("http-route", {"httpRoute": {"parentRefs": []}}, "httpRoute.parentRefs: needed for a route"),
        ("http-route", {"httpRoute": {"hostnames": []}}, "httpRoute.hostnames: needed for a route"),
        (
            "monitoring",
            {"serving": {"metricsPort": None, "tokens": {"secretName": "tokens"}}},
            "monitoring.serviceMonitor.enabled: the server asks Prometheus for a token. Set serving.metricsPort",
        ),
        ("monitoring", {"monitoring": {"serviceMonitor": {"enabled": False}}}, "monitoring.prometheusRule.enabled: the alerts are about"),
        ("deployment", {"store": {"url": ""}}, "store.url: needed for serving"),
        ("claim", {"store": {"claim": {"name": ""}}}, "store.claim.name: needed for a store in a folder"),
        ("claim", {"store": {"url": "/models"}}, "store.url: outside of store.claim.path. Give a folder below /store"),
        ("metrics", {"serving": {"metricsPort": 8000}}, "serving.metricsPort: 8000 is the server's own port, or its Service's. Take"),
        ("metrics", {"service": {"port": 9000}}, "serving.metricsPort: 9000 is the server's own port, or its Service's. Take"),
        ("autoscaling", {"autoscaling": {"minReplicas": 20}}, "autoscaling.minReplicas: more than maxReplicas"),
        ("mlflow-volume", {"mlflow": {"image": {"repository": ""}}}, "mlflow.image.repository: needed"),
        ("mlflow-volume", {"mlflow": {"image": {"tag": ""}}}, "mlflow.image.tag: needed"),
        ("mlflow-volume", {"mlflow": {"persistence": {"enabled": False}}}, "mlflow.persistence.enabled: needed"),
    ],
)  # fmt: skip
def test_a_value_that_something_needs_is_asked_for(feature, more, said):
    with pytest.raises(helm.HelmRenderError) as refused:
        templates(feature, more)
    assert said in str(refused.value)


def properties(place, at):
    """Every key that a schema knows, with what it says of it."""
    for name, about in place.get("properties", {}).items():
        yield f"{at}.{name}", about
        yield from properties(about, f"{at}.{name}")
    if isinstance(place.get("items"), dict):
        yield from properties(place["items"], f"{at}[]")


def test_every_key_of_the_schema_is_described_and_no_other_is_let_in():
    schema = json.loads((CHART / "values.schema.json").read_text())
    places = {"": schema, **schema["$defs"]}
    found = {at: about for where, place in places.items() for at, about in properties(place, where)}
    assert len(found) > 100
    assert [at for at, about in found.items() if not about.get("description")] == []
    loose = [
        at
        for at, about in found.items()
        if "properties" in about and about.get("additionalProperties") is not False
    ]
    assert loose == []


def test_every_value_is_in_the_schema_and_the_other_way_round():
    schema = json.loads((CHART / "values.schema.json").read_text())
    there = {at.removeprefix(".") for at, _ in properties(schema, "") if "[]" not in at}
    given = set(flat(helm.values_from_yaml((CHART / "values.yaml").read_text())))
    limits = {at for at in there if at.startswith("serving.limits.")}
    affinity = {at for at in there if at.startswith("serving.affinity.")}
    assert there - limits - affinity - {"global"} == {at for at in given if not parts_of_a_kind(at)}


def flat(values, at=""):
    for name, value in values.items():
        yield f"{at}{name}"
        if isinstance(value, dict):
            yield from flat(value, f"{at}{name}.")


def parts_of_a_kind(at):
    """Below a key whose shape several share (`$ref`)."""
    return any(
        f".{name}." in f".{at}"
        for name in (
            "resources",
            "pullResources",
            "startup",
            "readiness",
            "liveness",
            "labels",
            "podSecurityContext",
            "containerSecurityContext",
        )
    )


def test_every_value_has_a_comment():
    import runpy

    text = (CHART / "values.yaml").read_text()
    said = {".".join(key.path) for key in runpy.run_path(str(HELM / "readme.py"))["keys"](text)}
    given = {
        at
        for at in flat(helm.values_from_yaml(text))
        if not any(
            f".{name}." in at
            for name in ("resources", "pullResources", "seccompProfile", "capabilities", "labels")
        )
    }
    assert said == given
