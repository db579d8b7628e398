"""What one server takes on before it says no: sizes, waiting texts and seconds."""

from pydantic import ConfigDict, NonNegativeInt, PositiveFloat, PositiveInt

from slmworks.contract.documented import Documented


class Limits(Documented):
    """The limits of `slmworks serve`, each an option of the command."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_body: PositiveInt = 1 << 20
    """Bytes of one request's body; more is answered 413."""
    max_bodies: PositiveInt = 64 << 20
    """Bytes of long bodies that are held at a time, and one longest body at least; more is answered 503. The
    first 16 KiB of a body don't count."""
    max_connections: PositiveInt | None = None
    """Connections with an open question; more are answered 503, and silent ones closed to make room. Default:
    1000, or fewer where the process may not open so many files."""
    max_texts: PositiveInt = 1000
    """Texts (or rows of several inputs) in one request; more is answered 422."""
    max_characters: PositiveInt = 20_000
    """Characters of one text (or row); more is answered 422."""
    max_batch: PositiveInt = 32
    """Texts that are computed together at most; 1 computes every text alone."""
    max_queue: PositiveInt = 2000
    """Texts that may wait; a request that would exceed it is answered 503 with Retry-After."""
    deadline: PositiveFloat = 10.0
    """Seconds from a request's head to its answer; then 408 (body) or 504, and its texts are dropped. The
    head itself has as long (408)."""
    slots: PositiveInt = 4
    """Answers that a generator computes side by side; each takes memory for its context."""
    context: NonNegativeInt = 0
    """Tokens of one generated answer and its prompt; 0: 2048, or as many as the model reads."""
    max_tokens: PositiveInt | None = None
    """Tokens of a generated answer that may be asked for; more is answered 400. Default: the context."""
    max_generations: PositiveInt = 16
    """Answers that are generated or wait for it; a request that would exceed it is answered 503."""
    first_token_deadline: PositiveFloat = 30.0
    """Seconds from a request's head to the first token of a generated answer; then 504."""
    answer_deadline: PositiveFloat = 120.0
    """Seconds from a request's head to the end of a generated answer; then 504, or a stream ends with an
    error."""
    grace: PositiveInt = 10
    """Seconds that requests in flight have left when the server is told to stop."""

    @property
    def patience(self) -> float:
        """Seconds in which a client must take some of its answer; twice as long ends before `grace` does."""
        return min(self.deadline, 0.4 * self.grace)


GENERATION = frozenset(
    ("slots", "context", "max_tokens", "max_generations", "first_token_deadline", "answer_deadline")
)
"""The limits that only a generator has."""


class Refused(Exception):
    """A request that is not answered: a status, one line, and whether the connection must be closed."""

    def __init__(
        self,
        status: int,
        line: str,
        *,
        close: bool = False,
        param: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(line)
        self.status = status
        self.line = line
        self.param, self.code = param, code
        """The field to blame and OpenAI's word for the problem, for routes of its API."""
        self.close = close
        """The body was not read to its end, so nothing else can follow on this connection."""
