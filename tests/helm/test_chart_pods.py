"""What values add to pods: variables, volumes, labels, another security context."""

import pytest
from chart import every_pod, objects, of_kind, pods


def named(container):
    """Variable -> what it is."""
    return {each["name"]: each for each in container.get("env", ())}


def test_a_proxy_and_a_ca_reach_the_init_step_and_only_the_ca_s_volume_the_server():
    (pod,) = pods(objects("proxy"))
    (pull,), (server,) = pod["initContainers"], pod["containers"]
    assert named(pull)["HTTPS_PROXY"]["value"] == "http://proxy.example:3128"
    assert "HTTPS_PROXY" not in named(server)
    mount = {"name": "company-ca", "mountPath": "/company", "readOnly": True}
    assert mount in pull["volumeMounts"]
    assert mount in server["volumeMounts"]
    assert named(pull)["SSL_CERT_FILE"]["value"].startswith(f"{mount['mountPath']}/")
    assert {"name": "company-ca", "configMap": {"name": "company-ca"}} in pod["volumes"]


def test_a_variable_may_come_from_a_secret_and_reach_both_containers():
    variable = {"name": "OTEL_HEADERS", "valueFrom": {"secretKeyRef": {"name": "otel", "key": "headers"}}}
    (pod,) = pods(objects("deployment", {"serving": {"extraEnv": [variable]}}))
    assert [named(one)["OTEL_HEADERS"] for one in (*pod["initContainers"], *pod["containers"])] == [
        variable
    ] * 2


def test_a_variable_whose_name_only_begins_like_a_secret_s_is_none():
    variables = [
        {"name": name, "value": "1"} for name in ("TOKENIZERS_PARALLELISM", "MAX_TOKENS", "PATH_ALIAS")
    ]
    (pod,) = pods(objects("deployment", {"serving": {"extraEnv": variables}}))
    assert named(pod["containers"][0])["TOKENIZERS_PARALLELISM"]["value"] == "1"


def test_mlflow_gets_its_own():
    more = {"mlflow": {"extraEnv": [{"name": "AWS_CA_BUNDLE", "value": "/ca/ca.crt"}],
                       "extraVolumes": [{"name": "ca", "secret": {"secretName": "ca"}}],
                       "extraVolumeMounts": [{"name": "ca", "mountPath": "/ca"}]}}  # fmt: skip
    (pod,) = pods(objects("mlflow-postgres", more))
    (container,) = pod["containers"]
    assert named(container)["AWS_CA_BUNDLE"]["value"] == "/ca/ca.crt"
    assert {"name": "ca", "mountPath": "/ca"} in container["volumeMounts"]
    assert {"name": "ca", "secret": {"secretName": "ca"}} in pod["volumes"]


@pytest.mark.parametrize("feature", ["proxy", "inference-service-monitoring", "mlflow-volume"])
def test_common_labels_are_on_every_object_and_pod_and_in_no_selector(feature):
    found = objects(feature, {"commonLabels": {"cost-centre": "4711"}})
    made = [one["metadata"]["labels"] for one in found]
    made += [one["spec"]["template"]["metadata"]["labels"] for one in found if one["kind"] == "Deployment"]
    made += [one["spec"]["predictor"]["labels"] for one in found if one["kind"] == "InferenceService"]
    assert {labels.get("cost-centre") for labels in made} == {"4711"}
    assert "cost-centre" not in str([one["spec"].get("selector") for one in found if "spec" in one])


def test_a_pod_s_own_label_outweighs_the_common_one():
    found = of_kind("InferenceService", objects("inference-service-monitoring"))
    assert found["spec"]["predictor"]["labels"]["team"] == "ranking"
    assert found["metadata"]["labels"]["team"] == "search"


def test_users_and_groups_are_left_to_openshift_and_the_rest_stays_locked():
    for pod in every_pod(objects("openshift")):
        assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}


def test_another_user_and_more_of_a_context_are_taken():
    more = {"podSecurityContext": {"runAsUser": 1000680000, "supplementalGroups": [5]},
            "containerSecurityContext": {"seLinuxOptions": {"level": "s0:c1,c2"}}}  # fmt: skip
    for pod in every_pod(objects("mlflow-volume", more)):
        assert pod["securityContext"]["runAsUser"] == 1000680000
        assert (pod["securityContext"]["fsGroup"], pod["securityContext"]["supplementalGroups"]) == (
            10001,
            [5],
        )
        for container in pod["containers"]:
            assert container["securityContext"]["seLinuxOptions"] == {"level": "s0:c1,c2"}
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
