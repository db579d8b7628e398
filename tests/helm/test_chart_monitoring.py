"""What Prometheus and Grafana are given asks for what the server really says at /metrics."""

import json
import re
from types import SimpleNamespace

import pytest
from chart import CHART, objects, of_kind, pods
from prometheus_client.parser import text_string_to_metric_families

from slmworks_serve.generation_metrics import GenerationMetrics
from slmworks_serve.metrics import Metrics

NAME = re.compile(r"\b(?:slmworks|process)_\w+|\bup\b")
FROM_PROMETHEUS = {"namespace", "job", "pod", "instance", "le"}
"""Labels that a series gets when it is scraped, and those of a histogram's buckets."""
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}


@pytest.fixture(scope="module")
def said():
    """Series -> its labels, of a server that generates and has answered and switched once."""
    metrics = Metrics()
    GenerationMetrics(metrics, shown=True)
    release = {"name": "reviews", "version": 3, "model_digest": "0", "wrapper_digest": "1"}
    metrics.serves(SimpleNamespace(**release))
    metrics.answered(200, 0.1)
    metrics.said("good", 3)
    metrics.switched(3)
    text = metrics.text(0, 0).decode()
    series = {"up": set()}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            series.setdefault(sample.name, set()).update(sample.labels)
    return series


def dashboard():
    """The board in the rendered ConfigMap."""
    (text,) = of_kind("ConfigMap", objects("monitoring"))["data"].values()
    return json.loads(text)


def panels():
    """Every panel that asks something."""
    for panel in dashboard()["panels"]:
        yield from (panel["panels"] if panel["type"] == "row" else [panel])


def expressions():
    """Where -> PromQL, of rules and dashboard."""
    for feature in ("monitoring", "inference-service-monitoring"):
        (group,) = of_kind("PrometheusRule", objects(feature))["spec"]["groups"]
        for rule in group["rules"]:
            yield f"{feature}/{rule['alert']}", rule["expr"]
    for panel in panels():
        for target in panel["targets"]:
            yield f"dashboard/{panel['id']} {panel['title']}/{target['refId']}", target["expr"]


EXPRESSIONS = dict(expressions())


@pytest.mark.parametrize("where", EXPRESSIONS)
def test_an_expression_asks_for_series_and_labels_that_the_server_has(where, said):
    expression = EXPRESSIONS[where]
    names = set(NAME.findall(expression))
    assert names, expression
    assert names <= said.keys()
    for name, selector in re.findall(r"\b(\w+)\{([^}]*)\}", expression):
        matched = set(re.findall(r"(\w+)\s*[=!]", selector))
        assert matched - FROM_PROMETHEUS <= said[name], selector
    grouped = {label.strip() for by in re.findall(r"by \(([^)]*)\)", expression) for label in by.split(",")}
    assert grouped - FROM_PROMETHEUS <= set().union(*(said[name] for name in names))


@pytest.mark.parametrize("where", EXPRESSIONS)
def test_an_expression_is_promql(where):
    promql = pytest.importorskip("promql_parser", reason="no parser here: pip install promql-parser")
    promql.parse(EXPRESSIONS[where].replace("$__rate_interval", "5m"))


def test_the_board_shows_every_series_but_those_of_a_server_that_follows_the_log(said):
    shown = {
        name
        for where, text in EXPRESSIONS.items()
        if where.startswith("dashboard")
        for name in NAME.findall(text)
    }
    stems = {re.sub("_(bucket|count|sum|total)$", "", name) for name in shown}
    series = {re.sub("_(bucket|count|sum|total)$", "", name) for name in said if name.startswith("slmworks_")}
    assert series - stems == {"slmworks_switches"}  # in a pod the digest decides, not the log


def test_panels_have_ids_and_places_of_their_own():
    board = dashboard()
    found = [
        *board["panels"],
        *(one for row in board["panels"] if row["type"] == "row" for one in row["panels"]),
    ]
    assert len({one["id"] for one in found}) == len(found)
    cells = [
        (x, y)
        for one in found
        for x in range(one["gridPos"]["x"], one["gridPos"]["x"] + one["gridPos"]["w"])
        for y in range(one["gridPos"]["y"], one["gridPos"]["y"] + one["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) == 23
    asked = {variable["name"] for variable in board["templating"]["list"]}
    assert set(re.findall(r"\$\{?(?!__)(\w+)", json.dumps(board))) == asked
    assert json.loads((CHART / "files" / "dashboard.json").read_text()) == board


@pytest.mark.parametrize(
    ("feature", "kind", "endpoints", "port", "job"),
    [
        ("monitoring", "ServiceMonitor", "endpoints", "metrics", "demo-slmworks"),
        ("inference-service-monitoring", "PodMonitor", "podMetricsEndpoints", "http", "team/demo-slmworks"),
    ],
)
def test_what_is_scraped_is_there_and_the_alerts_are_about_it(feature, kind, endpoints, port, job):
    found = objects(feature)
    monitor = of_kind(kind, found)
    (scraped,) = monitor["spec"][endpoints]
    (server,) = next(pods(found))["containers"]
    assert (scraped["port"], scraped["path"]) == (port, "/metrics")
    assert port in {one["name"] for one in server["ports"]}
    if kind == "ServiceMonitor":
        service = of_kind("Service", found)
        assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
        assert port in {one["name"] for one in service["spec"]["ports"]}
        assert monitor["metadata"]["labels"]["release"] == "kube-prometheus-stack"
    for where, expression in EXPRESSIONS.items():
        if where.startswith(f"{feature}/"):
            assert set(re.findall(r'job="([^"]*)"', expression)) == {job}
            assert set(re.findall(r'namespace="([^"]*)"', expression)) == {"team"}


def test_thresholds_and_labels_of_alerts_are_values():
    (group,) = of_kind("PrometheusRule", objects("inference-service-monitoring"))["spec"]["groups"]
    alerts = {rule["alert"]: rule for rule in group["rules"]}
    assert {"SlmworksTruncatedTexts", "SlmworksSlow"} & alerts.keys() == set()
    said = {"model": "reviews", "namespace": "team", "severity": "page", "team": "search"}
    assert all(rule["labels"] == said for rule in group["rules"])
    more = {"monitoring": {"prometheusRule": {"errorShare": 0.01}}}
    (group,) = of_kind("PrometheusRule", objects("monitoring", more))["spec"]["groups"]
    alerts = {rule["alert"]: rule["expr"].strip() for rule in group["rules"]}
    assert alerts["SlmworksErrors"].endswith("> 0.01")
    assert alerts["SlmworksSlow"].endswith("> 0.5")
