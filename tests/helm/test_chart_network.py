"""Where the pod may go, and by which ways it is reached."""

import pytest
from chart import objects, of_kind, pods, templates


def let_out(feature, more=None):
    """Ports at which the policy lets the pod out to the store."""
    rules = of_kind(
        "NetworkPolicy", [one for one in objects(feature, more) if "mlflow" not in one["metadata"]["name"]]
    )
    return [port["port"] for port in rules["spec"]["egress"][1]["ports"]]


def test_a_policy_lets_out_to_names_and_the_store_alone():
    spec = of_kind("NetworkPolicy", objects("claim"))["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert [port["port"] for rule in spec["egress"] for port in rule["ports"]] == [53, 53]
    spec = of_kind("NetworkPolicy", objects("network-policy"))["spec"]
    assert [port["port"] for port in spec["egress"][1]["ports"]] == [443, 9000]
    assert [port["port"] for rule in spec["ingress"] for port in rule["ports"]] == [8000]


PROXY = {"name": "HTTPS_PROXY", "value": "http://proxy.example:3128"}


@pytest.mark.parametrize(
    ("more", "ports"),
    [
        ({}, [443]),
        ({"store": {"endpoint": "http://minio.store:9000"}}, [9000]),
        ({"store": {"endpoint": "https://minio.example:9443/below"}}, [9443]),
        ({"store": {"endpoint": "https://minio.example"}}, [443]),
        ({"store": {"endpoint": "http://minio.store"}}, [80]),
        ({"serving": {"pullExtraEnv": [PROXY]}}, [3128, 443]),
        ({"serving": {"extraEnv": [{"name": "https_proxy", "value": "proxy.example:8080/"}]}}, [443, 8080]),
        ({"serving": {"pullExtraEnv": [{"name": "AWS_ENDPOINT_URL_STS", "value": "http://sts.store:7480"}]}}, [443, 7480]),
        ({"serving": {"pullExtraEnv": [{"name": "NO_PROXY", "value": ".svc:1"}]}}, [443]),
        # what is said is meant: behind a Service pods may listen elsewhere
        (
            {
                "store": {"endpoint": "https://minio.store"},
                "networkPolicy": {"egress": {"store": {"ports": [9000]}}},
            },
            [9000],
        ),
    ],
)  # fmt: skip
def test_the_ports_of_the_store_are_those_of_its_addresses(more, ports):
    assert let_out("deployment", more) == ports


def test_ports_that_leave_the_endpoint_out_are_spoken_of():
    store = {
        "store": {"endpoint": "http://minio.store:9000"},
        "networkPolicy": {"egress": {"store": {"ports": [443]}}},
    }
    notes = templates("deployment", store)["templates/NOTES.txt"]
    assert "networkPolicy.egress.store.ports has 443 and not the port of http://minio.store:9000" in notes
    assert "networkPolicy.egress.store.ports" not in templates("minio")["templates/NOTES.txt"]


def test_openshift_s_name_servers_listen_elsewhere_and_further_rules_are_taken():
    rule = {"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}], "ports": [{"port": 8125, "protocol": "UDP"}]}
    found = objects("openshift", {"networkPolicy": {"egress": {"extra": [rule]}}})
    (policy,) = (
        one for one in found if one["kind"] == "NetworkPolicy" and one["metadata"]["name"] == "demo-slmworks"
    )
    names, *_, last = policy["spec"]["egress"]
    assert [(port["port"], port["protocol"]) for port in names["ports"]] == [(5353, "UDP"), (5353, "TCP")]
    assert last == rule


@pytest.mark.parametrize(("feature", "kind"), [("ingress", "Ingress"), ("http-route", "HTTPRoute")])
def test_a_way_in_leads_to_the_service_and_the_server_answers_to_its_hosts(feature, kind):
    found = objects(feature)
    service, spec = of_kind("Service", found), of_kind(kind, found)["spec"]
    if kind == "Ingress":
        (rule,) = spec["rules"]
        (path,) = rule["http"]["paths"]
        hosts, (backend,) = [rule["host"]], [path["backend"]["service"]]
        assert spec["tls"] == [{"hosts": hosts, "secretName": "reviews-tls"}]
        assert backend["port"]["name"] in {port["name"] for port in service["spec"]["ports"]}
    else:
        (rule,) = spec["rules"]
        hosts, (backend,) = spec["hostnames"], rule["backendRefs"]
        assert rule["matches"] == [{"path": {"type": "PathPrefix", "value": "/reviews"}}]
        assert backend["port"] == service["spec"]["ports"][0]["port"]
    assert backend["name"] == service["metadata"]["name"]
    (server,) = next(pods(found))["containers"]
    (said,) = (word for word in server["args"] if word.startswith("--allowed-hosts="))
    assert set(hosts) <= set(said.partition("=")[2].split(","))
    assert of_kind("Ingress", objects("openshift"))["spec"]["tls"] == [{}]  # the router's own certificate
    assert "--metrics-port=9000" in server["args"]  # never through that way
    assert [word for word in server["args"] if "--prefix" in word] == (
        ["--prefix=/reviews"] if kind == "HTTPRoute" else []
    )


@pytest.mark.parametrize("feature", ["ingress", "inference-service"])
def test_the_pod_of_helm_test_is_let_in_while_it_runs(feature):
    found = objects(feature)
    (policy,) = (
        one for one in found if one["metadata"]["name"] == "demo-slmworks-test" and one["kind"] != "Pod"
    )
    assert policy["metadata"]["annotations"]["helm.sh/hook"] == "test"
    assert int(policy["metadata"]["annotations"]["helm.sh/hook-weight"]) < 0  # before the pod
    (peer,) = policy["spec"]["ingress"][0]["from"]
    (pod,) = (one for one in found if one["kind"] == "Pod")
    assert peer["podSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    served = of_kind("NetworkPolicy", found)["spec"]["podSelector"]
    assert policy["spec"]["podSelector"] == served
