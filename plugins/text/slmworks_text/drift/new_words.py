"""Words that an earlier data set lacks, named with the rows that hold them."""

import re
from collections import Counter
from collections.abc import Collection, Sequence

from slmworks_text.facts.shown_texts import Shown
from slmworks_text.shingles import units

NEW = 20_000
"""So many are counted."""
WORD = re.compile(r"[^\W\d_]{3,30}")
"""Words that may be named, in lower case: letters alone."""
REGION = "US"
"""Of telephone numbers, which differ by region: no letters are part of one."""
UNNAMED = re.compile(r"<[A-Z_]+>|\S*://\S+")
"""Tags, which stand in the place of what is masked, and addresses of pages."""


class NewWords:
    """Counts them; what is personal data or a secret, as far as it is found, is masked first."""

    def __init__(self) -> None:
        self.rows: Counter[str] = Counter()
        """Word -> rows."""
        self._shown = Shown(REGION)

    def add(self, texts: Sequence[str], unknown: Collection[str]) -> None:
        """Count the unknown words of a row with these texts."""
        named = {word for word in unknown if WORD.fullmatch(word)}
        if not named:
            return
        for word in named & self._words(texts):
            if word in self.rows or len(self.rows) < NEW:
                self.rows[word] += 1

    def _words(self, texts: Sequence[str]) -> set[str]:
        return {word for text in texts for word in units(UNNAMED.sub(" ", self._shown.masked(text)))}
