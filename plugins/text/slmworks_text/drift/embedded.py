"""Two samples of texts compared by meaning: embeddings of a model, and a test of their distributions."""

from collections.abc import Sequence
from typing import Any

from slmworks.contract.artifact import Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.runtime import answer_all, open_runtime
from slmworks.contract.stage import Task
from slmworks.numbers.two_samples import PERMUTATIONS, maximum_mean_discrepancy
from slmworks_text.drift.sketch import Sketch

MODEL_TASK = "feature-extraction"
FEWEST = 20
"""Rows of each below which a test says little."""


def embedded(before: Sketch, now: Sketch, embedder: Model, task: Task) -> dict[str, Any]:
    """Squared maximum mean discrepancy of the samples, with p by permutation (Gretton et al., 2012)."""
    import numpy as np

    if embedder.model_task not in ("", MODEL_TASK):
        raise BadRequest(f"embedder: it is for {embedder.model_task}, and drift needs one for {MODEL_TASK}.")
    runtime = open_runtime(embedder, threads=task.threads, model_task=MODEL_TASK)
    both = []
    for some in (before, now):
        rows = [{"text": "\n".join(texts)} for _, texts in sorted(some.sample, key=lambda one: str(one[0]))]
        answers: Sequence[Any] = answer_all(runtime, rows)
        both.append(np.array([one["embedding"] for one in answers], "float32"))
    value, p = maximum_mean_discrepancy(*both)
    return {
        "mmd2": round(value, 6),
        "p": p,
        "permutations": PERMUTATIONS,
        "rows": [len(some) for some in both],
        "model": embedder.digest,
    }
