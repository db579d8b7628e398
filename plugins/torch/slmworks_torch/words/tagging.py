"""Taggers in torch: their labels, their tags of words, their score."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.model_tasks.token_classification.hf import HfTagger
from slmworks.model_tasks.token_classification.measures import f1, keys
from slmworks.model_tasks.token_classification.tags import tagged, tags_of, word_tags
from slmworks.model_tasks.token_classification.task import TokenClassification
from slmworks.model_tasks.word_windows import words_of
from slmworks_torch import config_json, hf_folder, networks
from slmworks_torch.rows import Rows
from slmworks_torch.same_labels import require_same
from slmworks_torch.scoring import Score, share_error

if TYPE_CHECKING:
    import torch
    from slmworks_torch.hf_folder import TextNetwork
    from slmworks_torch.words.windows import WordWindows


@dataclass(frozen=True)
class TaggedRows:
    """Texts of one split with their entities."""

    rows: Rows
    entities: list[list[dict[str, Any]]]

    def classes(self, labels: Sequence[str]) -> list[int]:
        """The number of each word's tag, text by text."""
        number = {tag: place for place, tag in enumerate(tags_of(labels))}
        pairs = zip(self.rows.texts, self.entities, strict=True)
        return [number[tag] for text, entities in pairs for tag in word_tags(words_of(text), entities)]


def tagged_rows(data: Dataset, split: str) -> TaggedRows:
    """The rows of a marked split; BadRequest for none, for one without entities or of an unknown label."""
    ids, texts, entities = data.columns(split, "id", "text", "entities")
    if not texts:
        raise BadRequest(f"data: the split '{split}' is empty; give the curate step more rows.")
    known = set(labels_of(data))
    for identity, own in zip(ids, entities, strict=True):
        if own is None:
            raise BadRequest(
                f"data: row '{identity}' of the split '{split}' has no entities, not even an empty list; "
                "drop it or move it to the split 'transfer' in the curate step."
            )
        if strange := {one["label"] for one in own} - known:
            raise BadRequest(
                f"data: row '{identity}' of the split '{split}' has the label '{min(strange)}', which the "
                "data set doesn't list; curate it again."
            )
    return TaggedRows(Rows(ids, texts, []), entities)


def labels_of(artifact: Dataset | Model) -> list[str]:
    """The labels of entities by an artifact's header; empty for a bare encoder."""
    return list(artifact.meta.get("labels", []))


def load_tagger(
    model: Model, labels: Sequence[str], *, port: str, max_length: int | None = None, new_head: bool = True
) -> "TextNetwork":
    """Load the model with one logit a tag of these labels.

    A head of the same tags is kept; otherwise a new one is drawn from torch's random state. `max_length`,
    `new_head` and errors as in `hf_folder.load`.
    """
    tags, known = tags_of(labels), known_tags(model, port=port)
    names: dict[str, Any] = {
        "id2label": dict(enumerate(tags)),
        "label2id": {tag: number for number, tag in enumerate(tags)},
    }
    loaded = hf_folder.load(
        model, HfTagger.head, port=port, max_length=max_length, new_head=new_head, **names
    )
    if known and known != tags:
        return replace(loaded, net=networks.with_new_head(loaded.net, HfTagger.head))
    return loaded


def known_tags(model: Model, *, port: str) -> list[str]:
    """The tags of a tagger in the order of its logits, by its header or config.json; empty for none."""
    if labels := labels_of(model):
        return tags_of(labels)
    config = config_json.read(model.path, port=port)
    kinds = config.get("architectures") or []
    names = config.get("id2label")
    if not any(str(kind).endswith("ForTokenClassification") for kind in kinds) or not isinstance(names, dict):
        return []
    return [str(names.get(str(number))) for number in range(len(names))]


def require_same_tags(teacher: Model, student: Model | None, data: Dataset) -> None:
    """BadRequest unless teacher and data have the same labels, and the student too where it has any."""
    known, wanted = known_tags(teacher, port="teacher"), tags_of(labels_of(data))
    if not known:
        raise BadRequest(
            "teacher: this model tags no words, so it has no tags to learn from; give distill the output of "
            "a finetune step (token-classifier)."
        )
    own = known_tags(student, port="student") if student else []
    require_same(known, wanted, own, noun="tags")


def meta(labels: Sequence[str], made: "TextNetwork") -> dict[str, Any]:
    """A tagger's entries of a Model artifact's `meta`."""
    return {
        "task": TokenClassification.name,
        "labels": list(labels),
        "max_length": made.max_length,
        "parameters": made.parameters,
    }


def logits(net: Any, inputs: "Mapping[str, torch.Tensor]") -> "torch.Tensor":
    """A tagger's output for one batch, [windows, tokens, tags]."""
    found: torch.Tensor = net(**inputs).logits
    return found


def score(found: "torch.Tensor", own: "WordWindows", truth: TaggedRows, labels: Sequence[str]) -> Score:
    """Span F1 of logits [words, tags]; its error as that of a share of all entities, true or answered."""
    import numpy as np

    best, tags, done = found.argmax(dim=1).tolist(), tags_of(labels), 0
    sums = np.zeros(3)
    for (words, places), entities in zip(own.texts, truth.entities, strict=True):
        mine = best[done : (done := done + len(words))]
        said = {
            (words[first][0], words[last][1], label)
            for label, first, last in tagged(words, places, mine, tags)
        }
        wanted = keys(entities)
        both = len(wanted & said)
        sums += (both, len(said) - both, len(wanted) - both)
    value = float(f1(sums))
    return Score("f1", value, share_error(value, max(1, round(float(sums.sum())))))
