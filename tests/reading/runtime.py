"""Finds the word behind another one. Needs nothing of slmworks."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar


class SpanFinder:
    """Loads `behind.txt` of a folder."""

    packages: ClassVar = ("numpy",)
    stands_alone: ClassVar = True

    def __init__(self, folder: str | Path, threads: int = 1) -> None:
        """Read the word."""
        self._word = (Path(folder) / "behind.txt").read_text(encoding="utf-8")

    @classmethod
    def open(cls, model: Any, *, threads: int) -> "SpanFinder":
        """Load a Model artifact."""
        return cls(model.path, threads)

    def answer(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Answer `{"span", "start", "scores", "others"}` for each row of one batch."""
        return [self._answer(str(row["context"])) for row in rows]

    def _answer(self, context: str) -> dict[str, Any]:
        before, found, behind = f" {context}".partition(f" {self._word} ")
        span, *others = behind.split() or [""]
        start = len(before) + len(found) - 1 if found else 0
        return {"span": span, "start": start, "scores": {span: 1.0}, "others": others}


class Dependent(SpanFinder):
    """The same, where slmworks is needed."""

    stands_alone: ClassVar = False
