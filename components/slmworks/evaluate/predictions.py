"""`predictions.parquet`: every judged row with its truth, its answer and what it adds to each measure.

Columns: `split`, `id`, `source` (strings); `truth` and `answer` (structs, as the model task says), both in
few words as `said` and `brief`; `confidence`; `slice.<kind>`; `counts.<measure>` (list<double>) and, for a
trivial baseline, `trivial.<name>` (list<double>: what it adds to the deciding one). Two models are compared
row by row, by id; nobody needs the answers' type for that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slmworks.contract.errors import BadRequest
from slmworks.contract.model_task import Answer, Measure, ModelTask, Row

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

FILE = "predictions.parquet"


@dataclass(frozen=True)
class Judged:
    """The judged rows of one split, column by column."""

    split: str
    ids: list[str]
    truth: list[str]
    """Each row's truth in a few words."""
    brief: list[str]
    """Each row's answer in a few words."""
    confidence: list[float | None]
    """How sure each answer is of itself, 0 to 1; None where it doesn't say."""
    slices: Mapping[str, list[str]]
    """Kind of slice -> each row's value."""
    counts: Mapping[str, "Array"]
    """Measure -> what each row adds, float64 [rows, counts]."""
    trivial: Mapping[str, "Array"]
    """Trivial baseline -> what each row adds to the deciding measure, float64 [rows, counts]."""

    def taken(self, places: Sequence[int]) -> "Judged":
        """These rows, in this order."""
        return replace(
            self,
            ids=[self.ids[i] for i in places],
            truth=[self.truth[i] for i in places],
            brief=[self.brief[i] for i in places],
            confidence=[self.confidence[i] for i in places],
            slices={kind: [values[i] for i in places] for kind, values in self.slices.items()},
            counts={name: counts[list(places)] for name, counts in self.counts.items()},
            trivial={name: counts[list(places)] for name, counts in self.trivial.items()},
        )


def counted(measure: Measure, rows: Sequence[Row], answers: Sequence[Answer]) -> "Array":
    """What each row adds to a measure, float64 [rows, counts]."""
    import numpy as np

    return np.array([measure.counts(row, answer) for row, answer in zip(rows, answers, strict=True)], float)


def counts(task: ModelTask, rows: Sequence[Row], answers: Sequence[Answer]) -> dict[str, "Array"]:
    """Measure -> what each row adds to it, float64 [rows, counts]; of those that the answers allow."""
    found = (measure for measure in task.measures if measure.given(answers))
    return {measure.name: counted(measure, rows, answers) for measure in found}


def judge(
    task: ModelTask,
    split: str,
    rows: Sequence[Row],
    answers: Sequence[Answer],
    trivial: Mapping[str, Sequence[Answer]],
    deciding: Measure,
) -> Judged:
    """Judge answers by every measure of a model task, trivial ones by the deciding one."""
    parts = [task.slices(row) for row in rows]
    kinds = dict.fromkeys(kind for part in parts for kind in part)
    return Judged(
        split=split,
        ids=[str(row["id"]) for row in rows],
        truth=[task.truth(row) for row in rows],
        brief=[task.brief(answer) for answer in answers],
        confidence=[task.confidence(answer) for answer in answers],
        slices={kind: [part.get(kind, "") for part in parts] for kind in kinds},
        counts=counts(task, rows, answers),
        trivial={name: counted(deciding, rows, said) for name, said in trivial.items()},
    )


def write(
    folder: Path,
    task: ModelTask,
    judged: Sequence[Judged],
    rows: Mapping[str, Sequence[Row]],
    answers: Mapping[str, Sequence[Answer]],
) -> None:
    """Write the judged rows of every split; `rows` and `answers` by split, an answer's numbers rounded."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    numbers = pa.list_(pa.float64())
    tables = []
    for one in judged:
        mine = rows[one.split]
        columns: dict[str, Any] = {
            "split": [one.split] * len(one.ids),
            "id": one.ids,
            "source": pa.array([str(row["source"] or "") for row in mine], pa.string()),
            "truth": [{target: row[target] for target in task.targets} for row in mine],
            "answer": [task.stored(answer) for answer in answers[one.split]],
            "said": one.truth,
            "brief": one.brief,
            "confidence": pa.array(
                [None if sure is None else round(sure, 4) for sure in one.confidence], pa.float64()
            ),
        }
        columns |= {f"slice.{kind}": pa.array(values, pa.string()) for kind, values in one.slices.items()}
        columns |= {f"counts.{name}": pa.array(list(found), numbers) for name, found in one.counts.items()}
        columns |= {f"trivial.{name}": pa.array(list(found), numbers) for name, found in one.trivial.items()}
        tables.append(pa.table(columns))
    whole = pa.concat_tables(tables, promote_options="permissive")
    pq.write_table(whole, folder / FILE, compression="zstd")


def read(folder: Path, split: str) -> Judged:
    """The rows of one split, as `write` wrote them."""
    import numpy as np
    import pyarrow.parquet as pq

    file = pq.ParquetFile(folder / FILE)  # not `read_table`, whose datasets would import pandas
    names = [name for name in file.schema_arrow.names if name not in ("truth", "answer")]
    table = file.read(names)
    table = table.filter([name == split for name in table.column("split").to_pylist()])
    column = {name: table.column(name).to_pylist() for name in names}

    def below(prefix: str) -> dict[str, list[Any]]:
        return {
            name.removeprefix(prefix): values for name, values in column.items() if name.startswith(prefix)
        }

    return Judged(
        split=split,
        ids=column["id"],
        truth=column["said"],
        brief=column["brief"],
        confidence=column["confidence"],
        slices=below("slice."),
        counts={name: np.array(values, float) for name, values in below("counts.").items()},
        trivial={name: np.array(values, float) for name, values in below("trivial.").items()},
    )


def answers(folder: Path, split: str) -> dict[str, Answer]:
    """Id -> answer of the rows of one split, as `write` wrote them."""
    import pyarrow.parquet as pq

    columns = pq.ParquetFile(folder / FILE).read(["split", "id", "answer"]).to_pylist()
    return {row["id"]: row["answer"] for row in columns if row["split"] == split}


def paired(ours: Judged, theirs: Judged) -> Judged:
    """`theirs` in the order of `ours`; BadRequest if they are not the same rows with the same truth."""
    where = {row: i for i, row in enumerate(theirs.ids)}
    if len(where) != len(theirs.ids) or where.keys() != set(ours.ids) or len(ours.ids) != len(where):
        raise BadRequest(
            f"the baseline's report judged other rows of '{ours.split}' than this one ({len(theirs.ids)} and "
            f"{len(ours.ids)} rows); evaluate both on the same data."
        )
    found = theirs.taken([where[row] for row in ours.ids])
    if found.truth != ours.truth:
        raise BadRequest(
            f"the baseline's report has other true answers in '{ours.split}'; evaluate both on the same data."
        )
    return found
