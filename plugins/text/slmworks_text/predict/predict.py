"""A file's rows through an approved model, some at a time: memory doesn't grow with the file."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slmworks.api.predictor import Predictor
from slmworks.contract.errors import BadRequest
from slmworks.contract.model_task import Answer
from slmworks.contract.runtime import TRUNCATED
from slmworks.contract.scope import IN_SCOPE
from slmworks_text.predict.judged import Judged
from slmworks_text.predict.table import Asked, Table, Window
from slmworks_text.predict.written import Written
from slmworks_text.streams import Meter

PREFIX = "predicted_"
"""Stands before the names of an answer's columns."""
EMPTY = "nothing to ask"


@dataclass
class Told:
    """What came of it."""

    rows: int = 0
    truncated: int = 0
    """Rows whose text the model read only the beginning of."""
    out_of_scope: int = 0
    """Rows of which the model says that it wasn't made for them."""
    unanswered: Counter[str] = field(default_factory=Counter)
    """Why -> rows without an answer."""
    first: str = ""
    """The first of these: file, line and reason."""
    seconds: float = 0.0


@dataclass
class Predicting:
    """One file on its way through a model."""

    model: Predictor
    table: Table
    asked: Asked
    written: Written
    truth: str = ""
    """Column of the truth; empty for none."""
    judged: Judged | None = None
    whole: bool = False
    """Whether lists and objects of an answer are written beside its plain values."""
    keys: tuple[str, ...] = ()
    """Of an answer, those that are written; known from the first one."""
    told: Told = field(default_factory=Told)

    def run(self, tell: Callable[[int, float], None]) -> Told:
        """Answer every row; `tell(rows, share of the file)` after some. BadRequest writes nothing."""
        begun = time.monotonic()
        meter = Meter(self.table.path.stat().st_size)
        held: list[tuple[Window, list[Any]]] = []
        with self.written as target:
            for window in self.table.windows(meter):
                held.append((window, self._answers(window)))
                self.keys = self.keys or self._keys(held[-1][1])
                if self.keys:  # rows before the first answer have its columns too
                    for rows, answers in held:
                        target.add(
                            [self._row(row, said) for (_, row), said in zip(rows, answers, strict=True)]
                        )
                    held = []
                tell(self.told.rows, min(meter.done / meter.total, 1.0) if meter.total else 1.0)
            if not self.told.rows:
                raise BadRequest(f"{self.table.path}: no rows.")
            if not self.keys:
                raise BadRequest(f"{self.told.first}; not one of {self.told.rows} rows could be answered.")
        self.told.seconds = time.monotonic() - begun
        return self.told

    def _answers(self, window: Window) -> list[Any]:
        """An answer a row; None where there is none."""
        answers: list[Any] = [None] * len(window)
        places, rows = [], []
        for place, (line, row) in enumerate(window):
            given = self.asked.of(row, self.model.task)
            if given is None:
                self._miss(line, BadRequest(EMPTY))
                continue
            try:
                rows.append(self.model.row(given))
                places.append(place)
            except BadRequest as error:
                self._miss(line, error)
        for place, asked, said in zip(places, rows, self.model.said(rows), strict=True):
            line, row = window[place]
            if isinstance(said, BadRequest):
                self._miss(line, said)
                continue
            answers[place] = said
            self.told.truncated += bool(said.get(TRUNCATED))
            self.told.out_of_scope += said.get(IN_SCOPE) is False
            if self.judged is not None and (truth := row[self.truth]) not in (None, ""):
                self.judged.add(asked, str(truth), said)
        self.told.rows += len(window)
        return answers

    def _miss(self, line: int, why: BadRequest) -> None:
        self.told.unanswered[str(why)] += 1
        self.told.first = self.told.first or f"{self.table.path}:{line}: {why}"

    def _keys(self, answers: list[Any]) -> tuple[str, ...]:
        """The keys to write: plain values, and lists or objects where they are asked for or all there is."""
        found = next((one for one in answers if one is not None), None)
        if found is None:
            return ()
        plain = tuple(key for key, value in found.items() if not isinstance(value, (list, Mapping)))
        only_marks = not set(plain) - {TRUNCATED}
        return tuple(found) if self.whole or only_marks else plain

    def _row(self, row: Mapping[str, Any], answer: Answer | None) -> dict[str, Any]:
        said = answer or {}
        return {**row, **{PREFIX + key: said.get(key) for key in self.keys}}


def refuse_target(source: Path, target: Path, *, overwrite: bool) -> None:
    """BadRequest for a target that is the source, a folder's that isn't there, or a file that is there."""
    if target.resolve() == source.resolve():
        raise BadRequest(f"-o {target}: that is the file that is read; name another one.")
    if not target.parent.is_dir():
        raise BadRequest(f"-o {target}: no folder {target.parent}.")
    if target.is_dir():
        raise BadRequest(f"-o {target}: that is a folder; name a file.")
    if target.exists() and not overwrite:
        raise BadRequest(f"-o {target}: there is such a file; name another one, or say --overwrite.")
