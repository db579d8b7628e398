"""Questions with their answers in a text: columns of a table, or the nested files of SQuAD."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from slmworks.contract.errors import BadRequest, in_a_line
from slmworks_text.annotated.entities import parsed
from slmworks_text.annotated.forms import ReadFile, Warn, table_rows
from slmworks_text.annotated.marks import Annotated, BadRow, Mark
from slmworks_text.layout import Layout
from slmworks_text.streams import MARK, Meter, text_of
from slmworks_text.values import Values, Wanted

SQUAD = "squad"
Part = Literal["question", "context", "answers", "answer", "answer_start"]
COLUMNS = ("question", "context", "answers", "answer", "answer_start")

NOT_THERE = "an answer that is not in its context"
NONE = "no answer"
NO_LIST = "no list of answers"


@dataclass(frozen=True)
class AnswerForm:
    """How answers are written."""

    unanswerable: bool
    """A question may have no answer."""

    def rows_of(self, format_: str | None) -> ReadFile:
        """SQuAD's files by the format, else tables."""
        return squad_rows if format_ == SQUAD else table_rows

    def read(self, given: Mapping[str, Any], *, unlabelled: bool) -> Annotated:
        """A question, its context and the answers as marks; BadRow for what is none."""
        question, context = given["question"], given["context"]
        for name, value in (("question", question), ("context", context)):
            if not isinstance(value, str) or not value.strip():
                missing = value is None or isinstance(value, str)
                raise BadRow(f"no {name}", "" if missing else f"it is {value!r:.40}", plain="")
        if unlabelled:
            return Annotated(context, None, question, overlapping=True)
        marks = tuple(_mark(context, text, start) for text, start in _answers(given))
        if not marks and not self.unanswerable:
            raise BadRow(NONE, "set unanswerable: true where a question may have none")
        return Annotated(context, marks, question, overlapping=True)


def _answers(given: Mapping[str, Any]) -> Iterator[tuple[str, int | None]]:
    """Texts of answers, and where they begin if that is said."""
    cell, one_answer = given["answers"], given["answer"]
    found = parsed(cell)
    if isinstance(cell, str) and isinstance(found, (int, float)):
        found = cell.strip()  # `1998` in a csv is a text
    if found is None or found == []:
        if one_answer is not None and str(one_answer).strip():
            yield _text(one_answer), _start(given["answer_start"])
        return
    if isinstance(found, Mapping):
        texts, starts = found.get("text"), found.get("answer_start", found.get("start"))
        if not isinstance(texts, list) or not (
            starts is None or (isinstance(starts, list) and len(starts) == len(texts))
        ):
            raise BadRow(NO_LIST, f"answers are {found!r:.60}", plain="")
        for place, text in enumerate(texts):
            yield _text(text), None if starts is None else _start(starts[place])
        return
    if not isinstance(found, list):
        found = [found]
    for one in found:
        if isinstance(one, Mapping):
            yield _text(one.get("text")), _start(one.get("answer_start", one.get("start")))
        else:
            yield _text(one), None


def _text(value: Any) -> str:
    """The text of an answer, which may be a number."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value.strip():
        raise BadRow(NO_LIST, f"an answer is {value!r:.60}", plain="")
    return value


def _start(value: Any) -> int | None:
    text = "" if value is None else str(value).strip()
    if not text:
        return None
    try:
        return int(float(text))
    except (ValueError, OverflowError):
        raise BadRow(NO_LIST, f"answer_start is {value!r:.40}", plain="answer_start is no number") from None


def _mark(context: str, text: str, start: int | None) -> Mark:
    if start is None:
        start = context.find(text)
        if start < 0:
            raise BadRow(NOT_THERE, f"{text!r:.60}", plain="")
    elif context[start : start + len(text)] != text:
        there = context[max(0, start) : start + len(text)]
        raise BadRow(
            NOT_THERE,
            f"{text!r:.40} is said to stand at {start}, where there is {there!r:.40}",
            plain=f"none stands at {start}",
        )
    return Mark(start, start + len(text), "")


def squad_rows(
    path: Path, layout: Layout, wanted: Wanted, meter: Meter, shown: str, _warn: Warn
) -> Iterator[Values]:
    """A row a question, with its number; columns: those of a question, `context` and `title`.

    BadRequest for a file of another form.
    """
    with text_of(path, layout.encoding, meter, shown=shown, newline="") as stream:
        content = stream.read().removeprefix(MARK)
    try:
        articles = json.loads(content)["data"]
        pairs = [
            {**asked, "context": paragraph["context"], "title": article.get("title", "")}
            for article in articles
            for paragraph in article["paragraphs"]
            for asked in paragraph["qas"]
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadRequest(
            f"{shown}: not a file of SQuAD (data of paragraphs of qas; {in_a_line(error, 80)}); leave format "
            "out for a table of questions."
        ) from None
    for number, pair in enumerate(pairs, 1):
        yield number, [pair.get(name) for _, name in wanted]
