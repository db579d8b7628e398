"""Two models' answers to the same rows, as what each row adds to a measure; resampled by kinds of rows.

How much a kind of row weighs in a resample follows a Dirichlet distribution, so a bootstrap of any number of
rows costs one draw a kind.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from slmworks.numbers.right_or_wrong import Table

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

BLOCK = 4_000_000
"""Numbers that are drawn at once: 32 MB."""


class Quantity(Protocol):
    """What `Paired` has to know of a measure."""

    @property
    def value(self) -> Callable[["Array"], "Array"]:
        """From sums [..., counts] to numbers [...]."""

    @property
    def worst(self) -> tuple[float, ...]:
        """Counts of one unlucky further row for us."""

    @property
    def best(self) -> tuple[float, ...]:
        """Counts of one lucky further row for what we are compared with."""

    @property
    def higher_is_better(self) -> bool:
        """False for a loss."""


def better(ours: "Array", theirs: "Array", of: Quantity) -> "Array":
    """For each row how much better ours is, from what it adds, both [rows, counts]; 0 if it has no value."""
    import numpy as np

    with np.errstate(all="ignore"):
        gap = of.value(ours) - of.value(theirs)
    return np.asarray(np.nan_to_num(gap if of.higher_is_better else -gap))


@dataclass(frozen=True)
class Paired:
    """The same rows judged for two models: what each row adds to the sums of one measure.

    Rows that add the same are counted once, so a bootstrap of any number of rows costs one draw a *kind* of
    row. For right and wrong answers the kinds are the four cells of a 2×2 table.
    """

    ours: "Array"
    """float64 [kinds, counts]"""
    theirs: "Array"
    """float64 [kinds, counts]"""
    rows: "Array"
    """Rows of each kind, int64 [kinds]; the kinds are in descending order."""
    of: Quantity

    @classmethod
    def pair(cls, ours: "Array", theirs: "Array", of: Quantity) -> "Paired":
        """From what each row adds, both [rows, counts] in the same order of rows."""
        import numpy as np

        a, b = np.asarray(ours, float), np.asarray(theirs, float)
        if a.shape != b.shape:
            raise ValueError(f"paired counts differ in shape: {a.shape} and {b.shape}")
        if not len(a):
            raise ValueError("a comparison needs at least one row")
        kinds, rows = np.unique(np.concatenate([a, b], axis=1), axis=0, return_counts=True)
        kinds, rows = kinds[::-1], rows[::-1]
        return cls(kinds[:, : a.shape[1]], kinds[:, a.shape[1] :], rows, of)

    @property
    def n(self) -> int:
        """Number of rows."""
        return int(self.rows.sum())

    @property
    def value(self) -> float:
        """Our value."""
        return float(self.of.value(self.rows @ self.ours))

    @property
    def other(self) -> float:
        """Their value."""
        return float(self.of.value(self.rows @ self.theirs))

    @property
    def kept(self) -> float:
        """Our value as a share of theirs (theirs of ours where lower is better); see `ratio`."""
        return float(self.ratio(self.rows @ self.ours, self.rows @ self.theirs, 1.0))

    @property
    def difference(self) -> float:
        """How much better we are: our value minus theirs, or theirs minus ours where lower is better."""
        return self._sign * (self.value - self.other)

    @property
    def gained(self) -> int:
        """Rows that we answer better."""
        return int(self.rows[self._better > 0].sum())

    @property
    def lost(self) -> int:
        """Rows that they answer better."""
        return int(self.rows[self._better < 0].sum())

    @property
    def binary(self) -> bool:
        """Every row is right or wrong: it adds (1, 1) or (0, 1)."""
        import numpy as np

        both = np.concatenate([self.ours, self.theirs])
        return both.shape[1] == 2 and bool((both[:, 1] == 1).all() and np.isin(both[:, 0], (0, 1)).all())

    @property
    def table(self) -> Table | None:
        """The 2×2 table of right and wrong answers, where the measure is the share of right ones."""
        import numpy as np

        one_of_three = float(self.of.value(np.array([1.0, 3.0]))) if self.binary else None
        ends = tuple(self.of.worst), tuple(self.of.best)
        if one_of_three != 1 / 3 or ends != ((0, 1), (1, 1)) or not self.of.higher_is_better:
            return None

        def rows(ours: int, theirs: int) -> int:
            return int(self.rows[(self.ours[:, 0] == ours) & (self.theirs[:, 0] == theirs)].sum())

        return Table(both=rows(1, 1), gained=rows(1, 0), lost=rows(0, 1), neither=rows(0, 0))

    @property
    def _sign(self) -> float:
        return 1.0 if self.of.higher_is_better else -1.0

    @property
    def _better(self) -> "Array":
        return better(self.ours, self.theirs, self.of)

    def ratio(self, ours: "Array", theirs: "Array", further: Any) -> "Array":
        """Kept shares from sums [..., counts]; where theirs are worth nothing, one further row is best."""
        import numpy as np

        a, b = self.of.value(ours), self.of.value(theirs)
        if not self.of.higher_is_better:
            a, b = b, a
        if not self.of.value(self.rows @ self.theirs) and self.of.higher_is_better:
            b = self.of.value(theirs + np.multiply.outer(further, np.array(self.of.best)))
        return np.asarray(a / np.maximum(b, 1e-300))

    def _drawn(self, resamples: int, seed: int) -> Iterator[tuple["Array", "Array", "Array"]]:
        """Sums of ours and theirs [draws, counts] and the weight of one further row [draws], block by block.

        Bayesian bootstrap over paired rows (Rubin, 1981). Resampling alone cannot draw what was not seen:
        where no row was lost it is sure that none ever will be. With one more row on the side that hurts, a
        limit where nothing was gained is exactly that of Clopper & Pearson (1934), and the error rate stays
        at the stated one (benchmark `gate_error_rates`).
        """
        import numpy as np

        chance, shape = np.random.default_rng(seed), (*self.rows, 1)
        block = max(1, BLOCK // len(shape))
        for start in range(0, resamples, block):
            weights = chance.standard_gamma(shape, size=(min(block, resamples - start), len(shape)))
            yield weights[:, :-1] @ self.ours, weights[:, :-1] @ self.theirs, weights[:, -1]

    def each(self, resamples: int, seed: int, of: Callable[["Array", "Array", "Array"], "Array"]) -> "Array":
        """`of(ours, theirs, further)` over all draws, joined along the draws."""
        import numpy as np

        return np.concatenate([of(*block) for block in self._drawn(resamples, seed)])
