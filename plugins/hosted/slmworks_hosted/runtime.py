"""A hosted model as a runtime: rows are asked over HTTP, several at once, and each answer is handed over."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from slmworks.contract.artifact import Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.generation import Generated, Settings
from slmworks.contract.hosted import Hosted, hosted_in
from slmworks.contract.model_task import Answer, Row
from slmworks_hosted.client import Stopped
from slmworks_hosted.line import Line, line

Take = Callable[[int, Generated | BadRequest], None]


@dataclass(frozen=True)
class HostedRuntime:
    """The runtime `text-generation.openai`."""

    packages: ClassVar[tuple[str, ...]] = ("aiohttp",)
    stands_alone: ClassVar[bool] = False

    hosted: Hosted
    secret: str | None = field(repr=False)
    """The key; shown to nobody."""

    @classmethod
    def open(cls, model: Model, *, threads: int) -> Self:  # noqa: ARG003
        """Read the file and look for the key; nothing is asked yet. BadRequest for what is wrong."""
        found = hosted_in(model.path)
        if found is None:
            raise BadRequest("the model's folder has no hosted.json, so there is no address to ask at.")
        hosted = Hosted.read(found)
        return cls(hosted, hosted.secret())

    def answer(self, rows: Sequence[Row]) -> list[Answer]:
        """The likeliest answers, asked at once, with `prompt_tokens`, `money` and `seconds` of each request.

        BadRequest for the first row that is refused.
        """
        found: dict[int, Answer] = {}

        def take(place: int, one: Generated | BadRequest) -> None:
            if isinstance(one, BadRequest):
                raise one
            paid = {"prompt_tokens": one.prompt_tokens, "money": self.price(one), "seconds": one.seconds}
            found[place] = {**one.answer, **paid}

        self.write([(row, Settings()) for row in rows], take)
        return [found[place] for place in range(len(rows))]

    def write(self, asked: Sequence[tuple[Row, Settings]], take: Take) -> None:
        """Answer all rows, `at_once` of them side by side.

        Once `take` raises, or the server refuses every row alike, nothing more is sent; what is on its way is
        paid for, so it is waited for and handed over too. Ctrl-C waits for nothing.
        """
        if asked:
            with line(self.hosted, self.secret) as open_line:
                _Work(open_line, take, enumerate(asked), self.hosted.at_once).run()

    def price(self, generated: Generated) -> float:
        """Of its tokens, by the file's prices; tokens that the server had cached count in full."""
        prices = self.hosted.prices
        if prices is None:
            return 0.0
        return (generated.prompt_tokens * prices.prompt + generated.tokens * prices.answer) / 1e6


@dataclass
class _Work:
    """Rows on their way; a new one is sent only when an answer has been handed over."""

    line: Line
    take: Take
    left: Iterator[tuple[int, tuple[Row, Settings]]]
    at_once: int
    sent: dict[Future[Generated | BadRequest], int] = field(default_factory=dict)
    failed: Exception | None = None

    def run(self) -> None:
        """Until nothing is on its way; then raise the first failure."""
        self._send()
        while self.sent:
            done, _ = wait(self.sent, return_when=FIRST_COMPLETED)
            for one in done:
                self._hand_over(self.sent.pop(one), one)
            self._send()
        if self.failed is not None:
            raise self.failed

    def _send(self) -> None:
        while self.failed is None and len(self.sent) < self.at_once:
            following: Any = next(self.left, None)
            if following is None:
                return
            place, (row, settings) = following
            self.sent[self.line.ask(row, settings)] = place

    def _hand_over(self, place: int, done: Future[Generated | BadRequest]) -> None:
        try:
            self.take(place, done.result())
        except (Stopped, CancelledError):
            pass  # it waited to be sent again: nothing was paid
        except Exception as error:  # noqa: BLE001 (whatever it is, what was paid for comes first)
            self.failed = self.failed or error
            self.line.stop()
