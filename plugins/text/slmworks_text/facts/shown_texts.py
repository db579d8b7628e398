"""Texts as a card may show them: without personal data and secrets, on one line, short."""

from collections import Counter
from collections.abc import Sequence
from typing import get_args

from slmworks.contract.plain_text import one_line
from slmworks_text.operators.secrets import redacted
from slmworks_text.personal import Kind, Redactor

LONG = 200
"""Characters of a text that are shown."""
READ = 10_000
"""Characters in which personal data and secrets are looked for, so that none is cut in the middle."""
BETWEEN = " | "
"""Stands between the texts of one row."""


class Shown:
    """Makes texts fit for a card, whatever the data set itself leaves in: many more people see a card."""

    def __init__(self, region: str) -> None:
        self.redactor = Redactor(get_args(Kind), region)

    def text(self, texts: Sequence[str]) -> str:
        """The texts of one row, masked and cut."""
        parts = [part for part in (one_line(self.masked(text[:READ])) for text in texts) if part]
        whole = BETWEEN.join(parts)
        return whole if len(whole) <= LONG else f"{whole[: LONG - 1].rstrip()}…"

    def masked(self, text: str) -> str:
        """The text, with a tag for each find."""
        return self.redactor.redact(redacted(text, (), Counter()))[0]
