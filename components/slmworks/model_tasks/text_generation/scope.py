"""How sure a generator's answer is, and by which threshold it says that a question is none of its own.

`scope.json` in a model's folder has the score and the threshold that `export/scope` chose. This file stands
alone, as every runtime of generators does; what is wrong with the file is raised as the class that the caller
names.
"""

import json
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slmworks.model_tasks.text_generation.messages import TOOLS
from slmworks.model_tasks.text_generation.retrieval.index import Passage
from slmworks.model_tasks.text_generation.retrieval.retrieval import RETRIEVAL

SCOPE_FILE = "scope.json"
"""Name of the file in a model's folder."""
MEAN_LOGPROB, GROUNDEDNESS, RETRIEVAL_SCORE = "mean-logprob", "groundedness", "retrieval"
ANSWER_SCORES = (MEAN_LOGPROB, GROUNDEDNESS, RETRIEVAL_SCORE)
"""Mean log-probability of the answer's tokens (Malinin & Gales, 2021); share of the answer's words that the
passages have, or without passages the conversation (K-Precision: Adlakha et al., 2024); largest cosine of a
passage with the question."""
NO_ANSWER = -100.0
"""Every score of an answer that isn't the model's own, and the first one of an answer without a token."""
_RUN = re.compile(r"\w+")

Sureness = Mapping[str, float]
"""Score -> how sure an answer is by it; more is surer. Without `retrieval` for a model without passages."""


@dataclass(frozen=True)
class AnswerScope:
    """The threshold of a generator."""

    score: str
    """One of `ANSWER_SCORES`."""
    threshold: float
    """The least score of an answer that is in scope."""

    @classmethod
    def read(cls, folder: Path, *, refused: type[Exception] = ValueError) -> "AnswerScope | None":
        """What a model's folder says; None without the file. `refused`: raised for what is wrong with it."""
        if not (folder / SCOPE_FILE).exists():
            return None
        try:
            said = json.loads((folder / SCOPE_FILE).read_text(encoding="utf-8"))
            score, threshold = said["score"], said["threshold"]
        except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise refused(_damaged_scope(f"no score or threshold: {type(error).__name__}")) from error
        if score not in ANSWER_SCORES:
            raise refused(_damaged_scope(f"'score' is none of {', '.join(ANSWER_SCORES)}"))
        if type(threshold) not in (int, float) or not abs(threshold) <= sys.float_info.max:
            raise refused(_damaged_scope("'threshold' is no finite number"))
        if score == RETRIEVAL_SCORE and not (folder / RETRIEVAL).exists():
            raise refused(_damaged_scope(f"'score' is {score}, and the model has no passages"))
        return cls(score, float(threshold))

    def said(self, sure: Sureness) -> dict[str, Any]:
        """What an answer says of its scope."""
        score = sure[self.score]
        return {"in_scope": score >= self.threshold, "scope_score": score}


def sureness(
    text: str,
    logprobs: Sequence[float],
    messages: Sequence[Mapping[str, Any]],
    passages: Sequence[Passage] | None,
) -> Sureness:
    """How sure an answer is: its text, the log-probability of each of its tokens but the end, its sources.

    `messages`: the conversation as it was asked, without examples; `passages`: None of a model without any.
    """
    sources = [str(one["content"]) for one in messages if one.get("role") != TOOLS]
    found = {
        MEAN_LOGPROB: round(sum(logprobs) / len(logprobs), 4) if logprobs else NO_ANSWER,
        GROUNDEDNESS: _shared(text, sources if passages is None else [one.text for one in passages]),
    }
    if passages is not None:
        found[RETRIEVAL_SCORE] = max((one.cosine for one in passages), default=0.0)
    return found


def _shared(text: str, sources: Sequence[str]) -> float:
    """Share of a text's words that the sources have, a word as often as they do; 0 without a word."""
    said, given = _RUN.findall(text.lower()), Counter(_RUN.findall("\n".join(sources).lower()))
    return round(sum((Counter(said) & given).values()) / len(said), 6) if said else 0.0


def _damaged_scope(why: str) -> str:
    return f"{SCOPE_FILE} is damaged ({why}); choose the threshold anew with export/scope."
