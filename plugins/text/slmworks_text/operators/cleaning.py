"""`normalise` and `redact` as row operators, for a place in the order that a recipe chooses."""

from collections import Counter
from functools import cache
from typing import Annotated, ClassVar

from pydantic import Field

from slmworks.curate.operator import Kept, RowOperator, TextRow
from slmworks_text.conversations.cleaning import ContentRedactor, repaired
from slmworks_text.operators.normalise import normalise
from slmworks_text.personal import Kind, Redactor


class NormaliseTexts(RowOperator):
    """Repair mojibake and Unicode as the option `normalise` does, at this place of the order.

    Of curate/text also entities, and one space between words; in conversations blanks and line ends stay.
    """

    depends_on: ClassVar[tuple[str, ...]] = ("ftfy",)

    def apply(self, row: TextRow) -> Kept | None:
        """With normalised texts."""
        texts = tuple(map(repaired if row.conversation else normalise, row.texts))
        return Kept(texts=texts, change="normalised") if texts != row.texts else None


class RedactTexts(RowOperator):
    """Replace personal data by tags as the option `redact` does, at this place of the order."""

    depends_on: ClassVar[tuple[str, ...]] = ("phonenumbers",)
    hides: ClassVar[bool] = True

    kinds: Annotated[tuple[Kind, ...], Field(min_length=1)]
    """`email`, `phone`, `card`, `iban`, `ip`, `ssn`."""
    region: Annotated[str, Field(pattern="^[A-Z]{2}$")] = "US"
    """Country whose national telephone numbers are recognised (ISO 3166, upper case)."""

    def apply(self, row: TextRow) -> Kept | None:
        """With tags, counted by kind."""
        redactor = _redactor(self.kinds, self.region)
        found: Counter[str] = Counter()
        texts = []
        for text in row.texts:
            new, counts = (ContentRedactor(redactor) if row.conversation else redactor).redact(text)
            texts.append(new)
            found.update(counts)
        return Kept(texts=tuple(texts), change="personal data redacted", found=found) if found else None


@cache
def _redactor(kinds: tuple[Kind, ...], region: str) -> Redactor:
    return Redactor(kinds, region)
