"""Hand-offs: questions out of a model's scope, kept as the next round's data. Off unless asked for.

Redacted before anything is written, sampled, and bounded in rows and bytes. Files of JSON lines in a folder
or under a prefix of a bucket, whole or not there: `curate/text` reads them as unlabelled text (`transfer`),
as `out_of_scope` rows, or once somebody has labelled them. Never in the way of an answer: what comes faster
than it can be written is dropped, and counted.
"""

import json
import queue
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, Field, PositiveInt, ValidationError

from slmworks.contract.documented import Documented
from slmworks.contract.errors import BadRequest, first_line
from slmworks.contract.model_task import Answer, ModelTask, Row
from slmworks.contract.scope import META, SCORE
from slmworks_serve.hand_off_place import OPTION, Place, place_of
from slmworks_serve.model import Served

if TYPE_CHECKING:
    from slmworks_serve.app import Service
    from slmworks_text.personal import Kind, Redactor

WAITING = 1000
"""Questions that may wait to be written."""
ROWS = 500
"""Rows of a file …"""
SECONDS = 60.0
"""… or fewer, if it is so long since the first of them was asked."""
ENDING = 10.0
"""Seconds that the server's end waits for what isn't written yet."""
KINDS: "tuple[Kind, ...]" = ("email", "phone", "card", "iban", "ip", "ssn")
"""Personal data that is looked for."""


class Bounds(Documented):
    """What is kept of the questions out of scope, each an option of `slmworks serve`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    share: float = Field(default=1.0, gt=0, le=1)
    """Share of the questions that is kept, drawn at random."""
    rows: PositiveInt = 10_000
    """Rows that one server writes."""
    bytes: PositiveInt = 64 << 20
    """Bytes that may lie there, whoever wrote them."""
    region: str = Field(default="US", pattern="^[A-Z]{2}$")
    """Country whose national telephone numbers are redacted (ISO 3166)."""


@dataclass(frozen=True)
class _Question:
    task: ModelTask
    row: Row
    answer: Answer
    served: Served


class HandOffs:
    """Takes questions from the server; a thread of its own redacts and writes them."""

    def __init__(
        self,
        place: Place,
        bounds: Bounds,
        *,
        redactor: "Redactor",
        count: Callable[[str, int], None] = lambda _result, _rows: None,
        say: Callable[[str], None] = lambda _line: None,
    ) -> None:
        """`count(result, rows)`: `written`, `dropped` or `left out` (not drawn); `say`: for its operator."""
        self.place, self.bounds, self.count, self.say = place, bounds, count, say
        self._redactor = redactor
        self._waiting: queue.Queue[_Question | None] = queue.Queue(WAITING)
        self._thread = threading.Thread(target=self._work, name="hand-offs", daemon=True)
        self._drawn = random.Random()
        self._rows = 0
        self._full = sum(place.sizes("").values()) >= bounds.bytes
        self._failing = self._unwritable = False

    def start(self) -> None:
        """Write from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Write what waits, and end; a place that takes longer than `ENDING` loses it."""
        until = time.monotonic() + ENDING
        with suppress(queue.Full):
            self._waiting.put(None, timeout=ENDING)
        self._thread.join(max(until - time.monotonic(), 0.0))
        if self._thread.is_alive():
            self.say(f"hand-offs: not all is written after {ENDING:.0f} seconds; what waits is lost")

    def offer(self, task: ModelTask, outside: Sequence[tuple[Row, Answer]], served: Served) -> None:
        """Keep questions, as far as they are drawn and there is room; returns at once."""
        for row, answer in outside:
            if self._full:
                self.count("dropped", 1)
            elif self._drawn.random() >= self.bounds.share:
                self.count("left out", 1)
            else:
                try:
                    self._waiting.put_nowait(_Question(task, row, answer, served))
                except queue.Full:
                    self.count("dropped", 1)

    def _work(self) -> None:
        held: list[_Question] = []
        due = 0.0
        while True:
            patience = max(due - time.monotonic(), 0.0) if held else None
            try:
                one = self._waiting.get(timeout=patience)
            except queue.Empty:
                held = self._written(held)
                continue
            if one is None:
                self._written(held)
                return
            due = due if held else time.monotonic() + SECONDS
            held.append(one)
            if len(held) >= ROWS:
                held = self._written(held)

    def _written(self, held: Sequence[_Question]) -> list[_Question]:
        """Write one file of each version's questions; nothing is held any more."""
        for served in dict.fromkeys(one.served for one in held):
            lines = list(self._lines(one for one in held if one.served == served))
            try:
                kept = self._within(lines)
                if kept:
                    self._write(served, kept)
            except Exception as error:  # noqa: BLE001 - the thread goes on, whatever a place raises
                self.count("dropped", len(lines))
                if not self._failing:
                    self.say(f"hand-offs: {first_line(error)}")
                self._failing = True
                continue
            if len(kept) < len(lines):
                self.count("dropped", len(lines) - len(kept))
        return []

    def _lines(self, questions: Iterable[_Question]) -> Iterator[bytes]:
        """Each as it is written; without those that can't be, so that one is not the end of all."""
        for one in questions:
            try:
                yield self._line(one)
            except Exception as error:  # noqa: BLE001 - a model task's `brief` may raise anything
                self.count("dropped", 1)
                if not self._unwritable:
                    self.say(
                        f"hand-offs: a question can't be written ({type(error).__name__})"
                    )  # no text of it
                self._unwritable = True

    def _within(self, lines: Sequence[bytes]) -> list[bytes]:
        """The first lines, as many as the bounds have room for."""
        kept: list[bytes] = []
        size = sum(self.place.sizes("").values())  # others write there, too
        for line in lines:
            size += len(line)
            if self._rows + len(kept) >= self.bounds.rows or size > self.bounds.bytes:
                if not self._full:
                    self.say("hand-offs: the bounds are reached, and nothing more is written")
                self._full = True
                break
            kept.append(line)
        return kept

    def _write(self, served: Served, lines: Sequence[bytes]) -> None:
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        key = f"{served.name}-v{served.version}-{moment}-{uuid.uuid4().hex[:8]}.jsonl"
        self.place.write(key, b"".join(lines))
        self._failing = False
        self._rows += len(lines)
        self.count("written", len(lines))

    def _line(self, one: _Question) -> bytes:
        # before it is cut: half an address wouldn't be known as one
        answer = one.task.brief(self._redacted(dict(one.answer)))
        said = {"answer": answer, SCORE: one.answer.get(SCORE)}
        row = {**self._redacted(dict(one.row)), **said, "version": one.served.version}
        return json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n"

    def _redacted(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._redactor.redact(value)[0]
        if isinstance(value, Mapping):
            return {key: self._redacted(one) for key, one in value.items()}
        return [self._redacted(one) for one in value] if isinstance(value, (list, tuple)) else value


@dataclass(frozen=True)
class HandOff:
    """Where a server keeps questions that are out of its model's scope, and how many."""

    address: str
    """A folder, or `s3://bucket/prefix`."""
    bounds: Bounds = field(default_factory=Bounds)

    def opened(self, service: "Service") -> HandOffs:
        """For a service; BadRequest for a place that can't be written to, and a model that knows no scope."""
        served = service.model.served
        if META not in service.model.shared:
            raise BadRequest(
                f"{OPTION} keeps questions that are out of a model's scope, and {served.name} "
                f"v{served.version} knows none; add a step with stage: export, uses: scope."
            )
        try:
            from slmworks_text.personal import Redactor

            redactor = Redactor(KINDS, self.bounds.region)
            redactor.redact("+1 202 555 0100")  # loads what it needs
        except ModuleNotFoundError as error:
            raise BadRequest(
                f"{OPTION} writes nothing that isn't redacted, and that needs {error.name}: "
                "pip install 'slmworks-serve[hand-off]'"
            ) from error
        return HandOffs(
            place_of(self.address),
            self.bounds,
            redactor=redactor,
            count=service.metrics.handed_off,
            say=service.say,
        )


def given(address: str | None, **bounds: float | str | None) -> HandOff | None:
    """From the command line; None where no place is named. BadRequest for bounds that make no sense."""
    asked = {name: value for name, value in bounds.items() if value is not None}
    if address is None:
        if asked:
            raise BadRequest(
                f"{OPTION}-{next(iter(asked))} says how much is kept; say where: {OPTION} PLACE."
            )
        return None
    try:
        return HandOff(address, Bounds.model_validate(asked))
    except ValidationError as error:
        name, said = error.errors()[0]["loc"][0], error.errors()[0]["msg"]
        wrong = "a country is two letters, upper case: DE" if name == "region" else said
        raise BadRequest(f"{OPTION}-{name}: {wrong}.") from None
