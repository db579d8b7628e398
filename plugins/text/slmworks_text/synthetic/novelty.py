"""Which rows are new: no near duplicates of each other, of the seeds, or of rows that are held out.

Near duplicates as everywhere in curation: MinHash and exact Jaccard of shingles (Broder, 1997). Held-out text
that is copied into a longer row is found by runs of equal words (Brown et al., 2020, appendix C).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from slmworks_text.joins.components import Components
from slmworks_text.minhash import NearDuplicates

WORDS = re.compile(r"\w+")
RUN = 13
"""Words."""
EQUAL = "duplicate"
NEAR = "near duplicate"
NEAR_SEED = "near a seed"


class Novelty:
    """What is known so far, and what that says of further texts."""

    def __init__(
        self, threshold: float, seeds: Sequence[str], held_out: Mapping[str, Sequence[str]], folder: Path
    ) -> None:
        """`threshold`: a Jaccard similarity; `folder`: for what is on disk meanwhile."""
        self.threshold = threshold
        self.folder = folder
        self.known = [(text, f"near a {split} row") for split, texts in held_out.items() for text in texts]
        self.known += [(text, NEAR_SEED) for text in seeds]
        common = _runs(seeds)
        self.runs = {split: _runs(texts) - common for split, texts in held_out.items()}
        self.rounds = 0

    def reasons(self, texts: Sequence[str]) -> list[str]:
        """For each text why it is not new; empty for one that is. What is new is known from then on."""
        names = self._components(texts)
        taken: dict[int, str] = {}
        for (_, why), name in zip(self.known, names, strict=False):
            taken.setdefault(name, why)
        equal = {_plain(text) for text, _ in self.known}
        found = []
        for text, name in zip(texts, names[len(self.known) :], strict=True):
            why = EQUAL if _plain(text) in equal else taken.get(name, "") or self._copied(text)
            if not why:
                taken[name] = NEAR
                equal.add(_plain(text))
                self.known.append((text, NEAR))
            found.append(why)
        return found

    def _components(self, texts: Sequence[str]) -> list[int]:
        """The component of near duplicates of each known and each further text."""
        import pyarrow as pa

        whole = [*(text for text, _ in self.known), *texts]
        components, self.rounds = Components(len(whole)), self.rounds + 1
        folder = self.folder / f"near-{self.rounds}"
        folder.mkdir(parents=True)
        near = NearDuplicates(self.threshold, folder)
        near.extend(pa.array(whole, pa.large_string()))
        near.join(components, range(len(whole)), lambda _done, _all: None)
        near.close()
        return [components.find(place) for place in range(len(whole))]

    def _copied(self, text: str) -> str:
        """Why a text that shares a run of words with held-out rows, and not with the seeds, is left out."""
        own = _runs([text])
        return next((f"words of a {split} row" for split, runs in self.runs.items() if own & runs), "")


def _runs(texts: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for text in texts:
        words = WORDS.findall(text.casefold())
        found.update(" ".join(words[start : start + RUN]) for start in range(len(words) - RUN + 1))
    return found


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
