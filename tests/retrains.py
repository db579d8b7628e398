"""A line of retrains in one store, as months of work leave it: small files, real releases, a log of decisions."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

from slmworks.registry.log import Registry
from slmworks.store import Store
from stories import Story

BY = {"who": "ada", "how": "claimed: command line"}
SIZES = {"data": 15_000, "train": 15_000, "t": 92_000, "s": 42_000}
"""Bytes of what a retrain of the first recipe leaves, a thousandth of its own."""


class Retrain(Story):
    """One run, with bytes of its own in every artifact."""

    def __init__(
        self, store: Store, folder: Path, number: int, began: datetime, name: str = "reviews"
    ) -> None:
        self.number, self.name = number, name
        self.began = began.isoformat(timespec="milliseconds")
        super().__init__(store, folder / f"{name}-{number}", f"{name}-{number:04d}")

    def text(self, name: str, text: str = "…") -> Path:
        if text == "{}":
            text = f'{{"of": {self.number}}}'
        folder = super().text(name, text)
        size = SIZES.get(Path(name).stem)
        if size:
            seed = hashlib.shake_256(f"{self.name} {self.number} {name}".encode())
            (folder / name).write_bytes(seed.digest(size))
        return folder


def retrain(store: Store, folder: Path, number: int, *, age: float = 0.0, name: str = "reviews") -> Retrain:
    """A run that began `age` days ago and came to a version, which waits for a decision."""
    story = Retrain(store, folder, number, datetime.now(UTC) - timedelta(days=age), name)
    return story.tell(2.0 + number / 1000).end()  # type: ignore[return-value]


def year(store: Store, folder: Path, count: int, name: str = "reviews") -> None:
    """So many retrains, evenly over a year; every fifth is approved, every seventh of the others rejected."""
    registry = Registry(store)
    for number in range(1, count + 1):
        retrain(store, folder, number, age=365.0 * (count - number) / count + 0.5, name=name)
        if number % 5 == 0 or number == 1:
            registry.approve(name, number, **BY, why="better")
        elif number % 7 == 0:
            registry.reject(name, number, **BY, why="worse")


def occupied(root: Path) -> int:
    """Bytes of every file below a folder."""
    return sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
