"""What Prometheus reads at `/metrics`. Each server has its own registry: two in one process don't mix."""

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from slmworks_serve.model import Served

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
TEXTS = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """The meters of one server."""

    def __init__(self) -> None:
        import prometheus_client as prometheus

        prometheus.disable_created_metrics()  # as many series again, and nobody asks when a counter began
        self._all = prometheus.CollectorRegistry()
        self._format = prometheus.generate_latest
        self.content_type = prometheus.CONTENT_TYPE_LATEST
        prometheus.ProcessCollector(registry=self._all)

        def meter(kind: Any, name: str, what: str, *labels: str, **more: Any) -> Any:
            return kind(f"slmworks_{name}", what, labels, registry=self._all, **more)

        self.meter = meter
        """Makes one meter more: its kind, name, what it measures, its labels."""
        # Cached, since to find a meter's child by its labels takes longer than to count.
        self._requests = cache(meter(prometheus.Counter, "requests", "Answered requests", "status").labels)
        self._seconds = meter(
            prometheus.Histogram, "request_seconds", "Time to answer a request", buckets=SECONDS
        )
        self._texts = meter(prometheus.Histogram, "batch_texts", "Texts computed together", buckets=TEXTS)
        self._truncated = meter(
            prometheus.Counter, "truncated_texts", "Texts of which the model read only the beginning"
        )
        self._out_of_scope = meter(
            prometheus.Counter, "out_of_scope", "Questions that the model was not made for", "version"
        )
        self._hand_offs = meter(
            prometheus.Counter, "hand_offs", "Such questions by what became of them", "result"
        )
        self._connections = meter(prometheus.Gauge, "connections", "Open connections")
        self._dropped = meter(
            prometheus.Counter, "connections_dropped", "Connections closed or refused for want of room"
        )
        self._labels = cache(meter(prometheus.Counter, "labels", "Answers given", "label", "version").labels)
        self._waiting = meter(prometheus.Gauge, "queued_texts", "Texts that wait to be computed")
        self.in_flight = meter(prometheus.Gauge, "requests_in_flight", "Requests being answered")
        self._switches = meter(
            prometheus.Counter, "switches", "Other versions that the log named", "version", "result"
        )
        self._model = meter(
            prometheus.Gauge,
            "model_info",
            "The release that answers",
            "name",
            "version",
            "model_digest",
            "wrapper_digest",
        )

    def answered(self, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests(status).inc()
        self._seconds.observe(seconds)

    def refused(self, status: int) -> None:
        """Count a request that got no further than its head."""
        self._requests(status).inc()

    def dropped(self) -> None:
        """Count a connection that there was no room for."""
        self._dropped.inc()

    def truncated(self, texts: int) -> None:
        """Count texts that were cut."""
        if texts:
            self._truncated.inc(texts)

    def out_of_scope(self, questions: int, version: int) -> None:
        """Count questions that were out of a version's scope."""
        if questions:
            self._out_of_scope.labels(version).inc(questions)

    def handed_off(self, result: str, questions: int) -> None:
        """Count questions out of scope that were `written`, `dropped`, or `left out` of the sample."""
        self._hand_offs.labels(result).inc(questions)

    def batch(self, texts: int) -> None:
        """Count a batch."""
        self._texts.observe(texts)

    def said(self, label: str, version: int) -> None:
        """Count an answer."""
        self._labels(label, version).inc()

    def serves(self, served: "Served") -> None:
        """Name the release that answers from now on."""
        self._model.clear()
        self._model.labels(served.name, served.version, served.model_digest, served.wrapper_digest).set(1)

    def switched(self, version: int, *, refused: bool = False) -> None:
        """Count a version that was switched to, or refused."""
        self._switches.labels(version, "refused" if refused else "switched").inc()

    def text(self, waiting: int, connections: int) -> bytes:
        """Everything, in Prometheus' text format."""
        self._waiting.set(waiting)
        self._connections.set(connections)
        return bytes(self._format(self._all))
