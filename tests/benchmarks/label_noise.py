"""Wrong labels found by slmworks beside cleanlab: share of flipped labels in the first rows. Prints Markdown.

    .venv/bin/python tests/benchmarks/label_noise.py FOLDER [--share 0.1] [--draws 3]

FOLDER holds Banking77's `train.csv` (text, category). A share of the labels is flipped to another one, drawn evenly;
then each contender ranks all rows. cleanlab 2.9 (`pip install cleanlab==2.9.0` in an environment of your own; without
it only slmworks is measured) ranks by the probabilities of ours, and as its own text tutorial does by those of a
logistic regression on TF-IDF from scikit-learn's `cross_val_predict`. CPU-seconds include training.
"""

import argparse
import contextlib
import csv
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from slmworks_text.label_noise.confident import issues, scores
from slmworks_text.label_noise.out_of_fold import probabilities

FIRST = (0.10, 0.15, 0.20)
"""Shares of the ranking that are looked at."""
FOLDS = 5

Contender = Callable[[Sequence[str], Any, int], tuple[Any, Any]]
"""Takes texts, labels and how many there are; gives a score (the lowest first) and an issue for each row."""


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("folder", type=Path)
    options.add_argument("--share", type=float, default=0.1, help="share of the labels that is flipped")
    options.add_argument("--draws", type=int, default=3, help="times that labels are flipped anew")
    asked = options.parse_args()
    texts, labels = read(asked.folder / "train.csv")
    names = sorted(set(labels))
    true = np.array([names.index(label) for label in labels])
    print(f"{len(texts):,} rows, {len(names)} labels, {asked.share:.0%} flipped, {asked.draws} draws\n")
    heads = [f"first {share:.0%}" for share in FIRST]
    print("|".join(["", " ", *heads, "issues: precision", "recall", "CPU-s", ""]))
    print("|".join(["", "---", *["---"] * (len(heads) + 3), ""]))
    for name, contender in contenders().items():
        found = [
            measured(contender, texts, true, len(names), asked.share, seed) for seed in range(asked.draws)
        ]
        means = [statistics.mean(one[i] for one in found) for i in range(len(found[0]))]
        print(
            "|".join(["", name, *(f"{mean:.3f}" for mean in means[:-1]), f"{means[-1]:.1f}", ""]), flush=True
        )


def read(file: Path) -> tuple[list[str], list[str]]:
    """Texts and labels."""
    with file.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    return [row["text"] for row in rows], [row["category"] for row in rows]


def measured(
    contender: Contender, texts: Sequence[str], true: Any, labels: int, share: float, seed: int
) -> list[float]:
    """Share of the flipped among the first rows, precision and recall of the issues, CPU-seconds."""
    given, flipped = flip(true, labels, share, seed)
    start = time.process_time()
    score, issue = contender(texts, given, labels)
    seconds = time.process_time() - start
    order = np.argsort(score, kind="stable")
    among = [flipped[order[: int(part * len(order))]].sum() / flipped.sum() for part in FIRST]
    right = (issue & flipped).sum()
    return [*among, right / max(1, issue.sum()), right / flipped.sum(), seconds]


def flip(true: Any, labels: int, share: float, seed: int) -> tuple[Any, Any]:
    """Labels of which a share is another one, and which these are."""
    draw = np.random.default_rng(seed)
    flipped = np.zeros(len(true), bool)
    flipped[draw.choice(len(true), round(share * len(true)), replace=False)] = True
    given = true.copy()
    given[flipped] = (true[flipped] + draw.integers(1, labels, flipped.sum())) % labels
    return given, flipped


def contenders() -> dict[str, Contender]:
    """Ours, and cleanlab's where it is installed."""
    found: dict[str, Contender] = {"slmworks": ours(margin=False), "slmworks, by margin": ours(margin=True)}
    with contextlib.suppress(ImportError):
        import cleanlab  # noqa: F401

        found["cleanlab on the same probabilities"] = theirs(out_of_fold)
        found["cleanlab on a logistic regression"] = theirs(regression)
    return found


def out_of_fold(texts: Sequence[str], given: Any, labels: int) -> Any:
    """Our probabilities."""
    return probabilities(texts, given, labels, FOLDS, seed=0, progress=lambda _done, _total: None)


def ours(*, margin: bool) -> Contender:
    """Our ranking."""

    def found(texts: Sequence[str], given: Any, labels: int) -> tuple[Any, Any]:
        judged = out_of_fold(texts, given, labels)
        return scores(judged, given, margin=margin), issues(judged, given)

    return found


def theirs(judge: Callable[[Sequence[str], Any, int], Any]) -> Contender:
    """Cleanlab's ranking by self-confidence, and its issues."""

    def found(texts: Sequence[str], given: Any, labels: int) -> tuple[Any, Any]:
        from cleanlab.filter import find_label_issues
        from cleanlab.rank import get_label_quality_scores

        judged = judge(texts, given, labels)
        score = get_label_quality_scores(given, judged, method="self_confidence")
        return score, find_label_issues(given, judged, n_jobs=1)

    return found


def regression(texts: Sequence[str], given: Any, _labels: int) -> Any:
    """Probabilities of a logistic regression on TF-IDF."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=400))
    return cross_val_predict(model, list(texts), given, cv=FOLDS, method="predict_proba")


if __name__ == "__main__":
    main()
