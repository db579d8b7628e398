"""Row operators: plugins that keep, change or drop one row of a curation, listed by a recipe in order.

A row operator is a pure function of a row and its options: it sees no other row, no file that isn't an input,
no clock. So rows can be cleaned in any order and in shards. Anything that compares rows is no operator.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import ConfigDict

from slmworks.contract.documented import Documented

TEXT, TARGET, QUESTION = "text", "target", "question"
"""Roles of the texts of a row that is no conversation: its input, a target that is a text, and a question
about the text."""
HEADINGS = "heading"
"""Role of the headings above a chunk of a document, and of the document's name, which are part of its place:
only operators that hide something see them."""


@dataclass(frozen=True, slots=True)
class TextRow:
    """One row, as an operator sees it."""

    texts: tuple[str, ...]
    """Its texts: the input and, where the target is a text, the target; of a conversation the contents of its
    turns, the answer and, of a pair, the worse answer."""
    roles: tuple[str, ...]
    """What each text is: `text`, `target`, `question`; of a conversation `system`, `user`, `assistant`,
    `tool`, `prompt`, `rejected`."""
    label: str = ""
    """Its label; empty: none."""
    source: str = ""
    """Its source, by which quality is sliced."""
    split: str = ""
    """The split that its input is for: `test`, `validation`, `train` (also the pool), `transfer`."""

    @property
    def text(self) -> str:
        """All texts, with a line end between them."""
        return self.texts[0] if len(self.texts) == 1 else "\n".join(self.texts)

    @property
    def conversation(self) -> bool:
        """True for a row of turns."""
        return not set(self.roles) <= {TEXT, TARGET, QUESTION, HEADINGS}


@dataclass(frozen=True, slots=True)
class Dropped:
    """The row is left out."""

    reason: str
    """A rule, the same words for every row that breaks it: `too few words`. It is what is counted."""
    detail: str = ""
    """The number that broke it: `12 words, at least 50`."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The row stays, with other texts or another source where they are given."""

    texts: tuple[str, ...] | None = None
    """As many as the row has; None: as they are."""
    source: str | None = None
    """None: as it is."""
    change: str = ""
    """What was changed, the same words for every such row: `secrets redacted`; empty: only `found` counts."""
    found: Mapping[str, int] = field(default_factory=dict)
    """Things to count in the card: a language, kinds of secrets."""


Result = Dropped | Kept | None
"""What becomes of a row; None: it stays as it is."""


class RowOperator(Documented, ABC):
    """Root of row operators; fields are options, each described by the string under it.

    Entry points of the group `slmworks.curate_operator` name subclasses.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    depends_on: ClassVar[tuple[str, ...]] = ()
    """Packages whose versions are part of a task's identity."""
    hides: ClassVar[bool] = False
    """Hides something (personal data, secrets): it also sees headings and document of a chunk."""
    sees_lines: ClassVar[bool] = False
    """Judges lines, which curate/text joins to one unless `normalise` is listed behind it."""

    roles: tuple[str, ...] = ()
    """Texts that it sees, by role: `text`, `target`, `question`; in conversations `system`, `user`,
    `assistant`, `tool`, `prompt`, `rejected`. Empty: all. A row without any stays as it is."""
    splits: tuple[Literal["train", "validation", "test", "transfer"], ...] = ()
    """Rows that pass it, by the split that their input is for; a given test set stays as published with
    `[train]`, which is also the pool. Empty: all."""

    @abstractmethod
    def apply(self, row: TextRow) -> Result:
        """What becomes of one row; ValueError for one that cannot be judged, with the way out."""

    def apply_all(self, rows: Sequence[TextRow]) -> Sequence[Result]:
        """What becomes of each of some rows; to be overridden where a library takes many at once.

        The result for a row must not depend on which others come along.
        """
        return [self.apply(row) for row in rows]

    def reads(self) -> tuple[str, ...]:
        """Inputs of the step that it reads, which are then no rows: a list of words, a tokenizer."""
        return ()

    def asks(self) -> tuple[str, ...]:
        """Ports of the step whose models it asks: `judge`."""
        return ()

    def opened(self, _folders: Mapping[str, Path]) -> "RowOperator":
        """The operator with what it `reads` and `asks`, by the folder of each of these inputs and models.

        It keeps a model's folder and opens it when it is first used, as it can be sent to another process.
        """
        return self
