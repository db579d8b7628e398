"""What Prometheus reads of generation, beside what every server says."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from slmworks.contract.generation import Generated
    from slmworks_serve.metrics import Metrics

FIRST = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
TOKEN = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1)


class GenerationMetrics:
    """The meters of a server that generates."""

    def __init__(self, metrics: "Metrics", *, shown: bool) -> None:
        """Among the meters of a server, if it generates."""
        import prometheus_client as prometheus

        def meter(kind: Any, name: str, what: str, **more: Any) -> Any:
            if shown:
                return metrics.meter(kind, name, what, **more)
            return kind(f"slmworks_{name}", what, registry=None, **more)

        self._read = meter(prometheus.Counter, "prompt_tokens", "Tokens of prompts")
        self._cached = meter(
            prometheus.Counter, "cached_prompt_tokens", "Tokens of prompts that were not computed again"
        )
        self._made = meter(prometheus.Counter, "answer_tokens", "Tokens that were generated")
        self._first = meter(
            prometheus.Histogram, "first_token_seconds", "Time to an answer's first token", buckets=FIRST
        )
        self._token = meter(
            prometheus.Histogram, "token_seconds", "Time of each further token, by answer", buckets=TOKEN
        )
        self._cancelled = meter(
            prometheus.Counter, "generations_cancelled", "Answers that were not generated to their end"
        )
        self._waiting = meter(prometheus.Gauge, "queued_generations", "Answers that wait for a slot")
        self._busy = meter(prometheus.Gauge, "slots_busy", "Slots that are computing")

    def generated(self, found: "Generated", first: float, further: float) -> None:
        """Count an answer: seconds to its first token, and of all further ones."""
        self._read.inc(found.prompt_tokens)
        self._cached.inc(found.cached_tokens)
        self._made.inc(found.tokens)
        if first <= 0:  # it said nothing
            return
        self._first.observe(first)
        if found.tokens > 1:
            self._token.observe(further / (found.tokens - 1))

    def cancelled(self, answers: int) -> None:
        """Count answers whose client left, or that took too long."""
        self._cancelled.inc(answers)

    def now(self, waiting: int, busy: int) -> None:
        """What is going on now."""
        self._waiting.set(waiting)
        self._busy.set(busy)
