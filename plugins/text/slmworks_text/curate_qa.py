"""`curate/qa`: files of questions with their answers in a text to rows for question answering."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from slmworks_text.annotated.answers import COLUMNS, AnswerForm, Part
from slmworks_text.annotated.card import Columns, MarkSplit
from slmworks_text.annotated.curating import CurateMarks
from slmworks_text.annotated.input_options import MarkInputOptions
from slmworks_text.annotated.marks import Annotated
from slmworks_text.layout import Format

AnswerFormat = Format | Literal["squad"]


class AnswerInputOptions(MarkInputOptions):
    """Options of one input, in place of those for all."""

    format: AnswerFormat | None = None
    """Format of its files."""
    fields: dict[Part, str] | None = None
    """Its columns, by what they hold."""


class CurateQA(CurateMarks):
    """Check, clean, de-duplicate, redact and split questions with their answers in a context.

    A row is a `question`, its `context`, and `answers`: a list of texts, of objects `{text, answer_start}`,
    or the object of two lists that Hugging Face has; or one `answer`, with `answer_start` where it occurs
    more than once. An answer must be a part of its context. Questions about one context stay in one split, as
    do those about near duplicates of it, by MinHash and exact Jaccard (Broder, 1997); those about a context
    of a given split are dropped from later ones and from the pool. The inputs `validation`, `test` and
    `transfer` are those splits; all others are pooled, and the splits that were not given are taken from
    the pool.
    """

    makes_model_task: ClassVar[str] = "question-answering"
    row_parts: ClassVar[tuple[str, ...]] = COLUMNS
    asked: ClassVar[bool] = True

    format: AnswerFormat | None = None
    """Format of the files; default: by their ending. `squad`: the nested JSON of SQuAD, whose questions also
    have the column `title`."""
    fields: dict[Part, str] = Field(default_factory=dict)
    """Part -> its column, where that is called otherwise: `{question: query, context: passage}`."""
    unanswerable: bool = False
    """Questions may have no answer in their context, as in SQuAD 2; otherwise such rows are dropped."""
    inputs: dict[str, AnswerInputOptions] = Field(default_factory=dict)
    """Input name -> options that differ for it: format, fields, columns, group, encoding, delimiter, quotes,
    key."""

    def form(self, fields: Mapping[str, str]) -> AnswerForm:
        """How answers are written."""
        return AnswerForm(self.unanswerable)

    def made_columns(self) -> Columns:
        """`question`, `context`, and `answers` by text and start."""
        import pyarrow as pa

        answer = pa.struct([("text", pa.string()), ("start", pa.int32())])
        return {
            "question": (pa.string(), lambda row: row.question),
            "context": (pa.string(), lambda row: row.text),
            "answers": (pa.list_(answer), _answers),
        }

    def made_meta(self, splits: Mapping[str, MarkSplit]) -> dict[str, Any]:
        """Whether questions may have no answer."""
        return {"unanswerable": any(split.unmarked for split in splits.values())}


def _answers(row: Annotated) -> list[dict[str, Any]] | None:
    if row.marks is None:
        return None
    return [{"text": row.text[mark.start : mark.end], "start": mark.start} for mark in row.marks]
