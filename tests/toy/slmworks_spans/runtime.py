"""Runtime of `span-extraction` models: `words.json` with a weight a word. Stands alone."""

import json
import re
from pathlib import Path


class Words:
    """Takes the sentence that shares the heaviest words with the question."""

    packages = ()
    stands_alone = True

    def __init__(self, folder, threads=1):
        self.weights = json.loads((Path(folder) / "words.json").read_text(encoding="utf-8"))

    @classmethod
    def open(cls, model, *, threads):
        """Load a Model artifact."""
        return cls(model.path, threads)

    def answer(self, rows):
        """Answer `{"span", "score"}` for each row of one batch."""
        return [self._one(row["question"], row["context"]) for row in rows]

    def _one(self, question, context):
        asked = set(re.findall(r"\w+", question.lower()))

        def weight(sentence):
            return sum(
                self.weights.get(word, 1.0) for word in set(re.findall(r"\w+", sentence.lower())) & asked
            )

        best = max(re.split(r"(?<=[.!?])\s+", context), key=weight)
        return {"span": best, "score": float(weight(best))}
