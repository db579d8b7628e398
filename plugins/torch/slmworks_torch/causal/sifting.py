"""Which of a teacher's answers a student learns from, and what is said of the others."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from slmworks.contract.errors import BadRequest
from slmworks.contract.model_task import Row
from slmworks.model_tasks.text_generation import json_answers
from slmworks.model_tasks.text_generation.measures import same
from slmworks.teachers.ask import Written

Keep = Literal["all", "finished", "json", "schema", "exact"]

UNANSWERED, EMPTY, CUT_OFF = "unanswered", "empty", "cut off"
NO_OBJECT, AGAINST_SCHEMA, OTHER, AGAIN = (
    "no JSON object",
    "against its schema",
    "not as labelled",
    "said before",
)


@dataclass
class Sifted:
    """Answers that are kept, those that are not by reason, and how many agree with the labels."""

    rows: list[Row] = field(default_factory=list)
    """`id`, `messages` and the teacher's answer as `completion`."""
    dropped: Counter[str] = field(default_factory=Counter)
    """Reason -> answers."""
    compared: int = 0
    """Answers to rows that have a label."""
    agreed: int = 0
    """Of these those that are the label, outer blanks and the layout of JSON apart."""
    paid: int = 0
    """Tokens that the teacher wrote just now."""
    reused: int = 0
    """Tokens of answers that were there."""

    @property
    def asked(self) -> int:
        """Answers that were asked for."""
        return len(self.rows) + self.dropped.total()

    @property
    def summary(self) -> dict[str, Any]:
        """The numbers for people."""
        found: dict[str, Any] = {"answers_asked": self.asked, "answers_kept": len(self.rows)}
        for reason, count in sorted(self.dropped.items()):
            found[f"answers_{reason.lower().replace(' ', '_')}"] = count
        found |= {"teacher_tokens_paid": self.paid, "teacher_tokens_reused": self.reused}
        if self.compared:
            found["teacher_agreement"] = round(self.agreed / self.compared, 4)
        return found

    def line(self) -> str:
        """The numbers in a line."""
        why = ", ".join(f"{count} {reason}" for reason, count in self.dropped.most_common())
        return (
            f"teacher: {len(self.rows)} of {self.asked} answers kept{f' ({why})' if why else ''}; "
            f"{self.paid:,} tokens paid for now, {self.reused:,} reused"
        )


def sift(answers: Sequence[tuple[Row, Written | None]], keep: Keep, schema: str = "") -> Sifted:
    """Sort answers to rows, whose `completion` is a label or empty; `schema` is for rows without one.

    Equal answers to equal conversations are learnt once. BadRequest where none is kept.
    """
    found = Sifted()
    said: set[tuple[str, str]] = set()
    for one in {id(answer): answer for _, answer in answers if answer}.values():
        found.paid += one.tokens if one.new else 0
        found.reused += 0 if one.new else one.tokens
    for row, answer in answers:
        if answer is not None and row["completion"]:
            found.compared += 1
            found.agreed += same(str(row["completion"]), answer.text)
        key = (repr(row["messages"]), answer.text if answer else "")
        reason = next(_reasons(row, answer, keep, schema), "") or (AGAIN if key in said else "")
        if reason or answer is None:
            found.dropped[reason] += 1
            continue
        said.add(key)
        found.rows.append({"id": row["id"], "messages": row["messages"], "completion": answer.text})
    if not found.rows:
        raise BadRequest(_nothing_kept(found, keep))
    return found


def require_schemas(rows: Sequence[Row], schema: str) -> None:
    """BadRequest where there is no schema that answers could be checked against, or one that is none."""
    own = {str(row["schema"]) for row in rows if row.get("schema")}
    if found := next(filter(None, map(json_answers.schema_problem, sorted(own))), ""):
        ways_out = "" if found == json_answers.CANNOT_CHECK else "; mend it, and curate the data again"
        raise BadRequest(f"keep: a row's schema {found}{ways_out}.")
    if not schema and not own:
        raise BadRequest(
            "keep: no row of the data has a schema to check answers against; give the option json_schema, or "
            "keep: json."
        )


def _reasons(row: Row, answer: Written | None, keep: Keep, schema: str) -> Iterator[str]:
    """What speaks against an answer, the simplest first."""
    if answer is None:
        yield UNANSWERED
        return
    if not answer.text.strip():
        yield EMPTY
    if keep == "all":
        return
    if answer.finish != "stop":
        yield CUT_OFF
    value = json_answers.parsed(answer.text) if keep in ("json", "schema") else {}
    if not isinstance(value, dict):
        yield NO_OBJECT
    own = str(row.get("schema") or schema)
    if keep == "schema" and own and not json_answers.follows(value, own):
        yield AGAINST_SCHEMA
    if keep == "exact" and row["completion"] and not same(str(row["completion"]), answer.text):
        yield OTHER


def _nothing_kept(found: Sifted, keep: Keep) -> str:
    why = ", ".join(f"{count} {reason}" for reason, count in found.dropped.most_common())
    way_out = "" if keep == "all" else f"keep more than {keep}, raise answer_tokens, or "
    return f"teacher: none of its {found.asked} answers is kept ({why}); {way_out}take another teacher."
