"""The ranking of a data set's rows: made, cut where asked for, written beside the splits, described."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from slmworks.contract.errors import BadRequest
from slmworks.contract.stage import Task
from slmworks_text.facts.shown_texts import Shown
from slmworks_text.label_noise.confident import issues, likeliest_other, scores
from slmworks_text.label_noise.options import LabelNoise
from slmworks_text.label_noise.out_of_fold import probabilities
from slmworks_text.ledger import Ledger
from slmworks_text.rows import PLACES, POOL, Tally
from slmworks_text.rows_on_disk import StoredRows

FILE = "label_noise.jsonl"
REASON = "label noise"
FIRST = 10
"""So many rows, and pairs of labels, are in the card."""


@dataclass(frozen=True)
class Ranking:
    """Rows in the order in which their label is probably wrong."""

    rows: Any
    """Positions in the ledger, the worst first."""
    score: Any
    issue: Any
    """True where confident learning calls the label wrong."""
    given: Any
    suggested: Any
    """Positions of labels."""
    labels: Sequence[str]
    dropped: int
    """So many rows of train were left out: the first ones."""
    unranked: int
    """Rows of labels that have a single row."""

    def of(self, row: int) -> str:
        """The place of a row of the ledger in the ranking, in words; empty: it has none."""
        found = (self.rows == row).nonzero()[0]
        if not len(found):
            return ""
        at = int(found[0])
        wrong = f"; probably '{self.labels[self.suggested[at]]}'" if self.issue[at] else ""
        return f"{at + 1:,} of {len(self.rows):,} in the ranking, score {self.score[at]:.4f}{wrong}"


def rank(
    rows: StoredRows, ledger: Ledger, options: LabelNoise, tally: Tally, task: Task, *, seed: int
) -> Ranking:
    """Rank the kept rows of the splits, and leave out the first of train where the options say so."""
    import numpy as np

    places = [PLACES.index(split) for split in options.splits]
    wanted = np.flatnonzero(ledger.kept & np.isin(ledger.place, places))
    labels = sorted({stratum.label for stratum in ledger.strata if stratum.label})
    number = {label: i for i, label in enumerate(labels)}
    of_stratum = np.array([number.get(stratum.label, 0) for stratum in ledger.strata])
    given = of_stratum[ledger.stratum[wanted]]
    several = np.bincount(given, minlength=len(labels))[given] > 1
    judged, given = wanted[several], given[several]
    if len(set(given.tolist())) < 2:
        raise BadRequest("with.label_noise: needs two labels with two rows each to judge rows by.")
    found = _probabilities(_column("text", rows, judged), given, len(labels), options, task, seed)
    score = scores(found, given, margin=options.rank_by == "margin")
    order = np.lexsort((judged, score))
    ranking = Ranking(
        rows=judged[order],
        score=score[order],
        issue=issues(found, given)[order],
        given=given[order],
        suggested=likeliest_other(found, given)[0][order],
        labels=labels,
        dropped=0,
        unranked=int((~several).sum()),
    )
    return _cut(ranking, ledger, options, tally)


def _cut(ranking: Ranking, ledger: Ledger, options: LabelNoise, tally: Tally) -> Ranking:
    train = ranking.rows[ledger.place[ranking.rows] == POOL]
    most = options.drop or int(options.drop_share * len(train))
    if not most:
        return ranking
    ledger.kept[train[:most]] = False
    tally.dropped[REASON] += len(train[:most])
    return replace(ranking, dropped=len(train[:most]))


def _probabilities(
    texts: list[str], given: Any, labels: int, options: LabelNoise, task: Task, seed: int
) -> Any:
    def tell(done: int, total: int) -> None:
        task.progress(done, total, unit="folds", note="judging labels")

    try:
        return probabilities(texts, given, labels, options.folds, seed=seed, progress=tell)
    except ValueError as error:
        raise BadRequest(f"with.label_noise: no model can be trained on these texts ({error}).") from None


def _column(name: str, rows: StoredRows, wanted: Any) -> list[str]:
    """A column of rows at these positions, which ascend."""
    import numpy as np
    import pyarrow as pa

    values: list[str] = []
    done = 0
    for batch in rows.batches(name):
        low, high = np.searchsorted(wanted, (done, done + len(batch)))
        values += batch.column(name).take(pa.array(wanted[low:high] - done)).to_pylist()
        done += len(batch)
    return values


def write(
    folder: Path, ranking: Ranking, rows: StoredRows, ledger: Ledger, shown: Shown
) -> list[dict[str, Any]]:
    """Write the ranking, a row a line, the worst first; returns the first lines, with `shown` texts."""
    import numpy as np

    order = np.argsort(ranking.rows)
    texts, ids = (
        dict(zip(order.tolist(), _column(name, rows, ranking.rows[order]), strict=True))
        for name in ("text", "id")
    )
    first = []
    with (folder / FILE).open("w", encoding="utf-8") as file:
        for at, row in enumerate(ranking.rows.tolist()):
            line = {
                "rank": at + 1,
                "score": float(ranking.score[at]),
                "issue": bool(ranking.issue[at]),
                "label": ranking.labels[ranking.given[at]],
                "suggested": ranking.labels[ranking.suggested[at]],
                "split": PLACES[int(ledger.place[row])],
                "kept": bool(ledger.kept[row]),
                "id": ids[at],
                "text": texts[at],
            }
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
            if at < FIRST:
                first.append({**line, "text": shown.text([texts[at]])})
    return first


def described(ranking: Ranking, first: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The card's part: how many labels are probably wrong, which are confused, the first rows."""
    wrong = ranking.issue.nonzero()[0].tolist()
    pairs = Counter(
        (ranking.labels[ranking.given[at]], ranking.labels[ranking.suggested[at]]) for at in wrong
    )
    return {
        "ranked": len(ranking.rows),
        "unranked": ranking.unranked,
        "issues": len(wrong),
        "dropped": ranking.dropped,
        "confused": [
            {"label": label, "suggested": other, "rows": count}
            for (label, other), count in sorted(pairs.items(), key=lambda pair: (-pair[1], pair[0]))[:FIRST]
        ],
        "first": list(first),
    }
