"""What joins tell of single rows to whoever explains one; in a run nobody listens."""

from collections.abc import Callable

from slmworks_text.joins.components import Components
from slmworks_text.ledger import Ledger

Similarity = Callable[[int, int], float | None]
"""Takes the positions of two rows."""


class Watch:
    """Hears of every join; this one does nothing."""

    def joined(
        self,
        name: str,
        ledger: Ledger,
        components: Components | None = None,
        similarity: Similarity | None = None,
    ) -> None:
        """A join is done: its name, the rows as it left them, and the duplicates that it joined.

        `similarity`: how alike two rows are; None where the words of their texts say so.
        """

    def overlaps(self, row: int, name: str, share: float) -> None:
        """A row was dropped since this share of its n-grams is in the named evaluation set."""
