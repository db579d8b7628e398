"""Presidio's part of `redaction.py`, run by its own interpreter (presidio-analyzer 2.2.366).

    PYTHON redaction_presidio.py TEXTS THRESHOLD

Prints one line of JSON: CPU seconds, and start, end and entity of each find a text. Only the recognisers of the
entities that slmworks looks for, as they come. They need no model: words come from a blank spaCy pipeline, whose
lemmas are the words in lower case, so that context is weighed.
"""

import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

import spacy
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from presidio_analyzer.nlp_engine import NlpArtifacts, SpacyNlpEngine
from presidio_analyzer.predefined_recognizers import (
    CreditCardRecognizer,
    EmailRecognizer,
    IbanRecognizer,
    IpRecognizer,
    PhoneRecognizer,
    UsSsnRecognizer,
)

WARM_UP = 20
"""Texts before the clock starts."""


class BlankEngine(SpacyNlpEngine):  # type: ignore[misc]
    """Words of a blank pipeline."""

    def __init__(self) -> None:
        super().__init__()
        self.nlp = {"en": spacy.blank("en")}

    def _doc_to_nlp_artifact(self, doc: spacy.tokens.Doc, language: str) -> NlpArtifacts:
        words = [token.lower_ for token in doc]
        starts = [token.idx for token in doc]
        return NlpArtifacts([], doc, starts, words, self, language, scores=[])


def main() -> None:
    """Analyse and print."""
    logging.disable(logging.CRITICAL)
    texts = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    threshold = float(sys.argv[2])
    makers = [
        CreditCardRecognizer, EmailRecognizer, IbanRecognizer, IpRecognizer, PhoneRecognizer, UsSsnRecognizer,
    ]  # fmt: skip
    registry = RecognizerRegistry(recognizers=[maker() for maker in makers], supported_languages=["en"])
    engine = AnalyzerEngine(registry=registry, nlp_engine=BlankEngine(), supported_languages=["en"])
    for text in texts[:WARM_UP]:
        engine.analyze(text, "en", score_threshold=threshold)
    begun = time.process_time()
    found = [engine.analyze(text, "en", score_threshold=threshold) for text in texts]
    cpu = time.process_time() - begun
    spans = [[(one.start, one.end, one.entity_type) for one in resolved(some)] for some in found]
    print(json.dumps({"cpu": cpu, "spans": spans}))


def resolved(some: list[Any]) -> list[Any]:
    """The finds that are in no other of a higher score: what its anonymizer replaces."""
    return [
        one
        for one in some
        if not any(
            other.start <= one.start and one.end <= other.end and other.score > one.score for other in some
        )
    ]


if __name__ == "__main__":
    main()
