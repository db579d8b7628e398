"""Text classifiers in torch: their labels, their logits, and their score."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.stage import Task
from slmworks.model_tasks.text_classification.labels import HEADER, labels_of
from slmworks_torch import config_json, hf_folder, networks, teacher_outputs
from slmworks_torch.rows import Rows
from slmworks_torch.same_labels import require_same
from slmworks_torch.scoring import Score, share_error

if TYPE_CHECKING:
    import torch
    from slmworks_torch.bag import BagClassifier
    from slmworks_torch.hf_folder import TextNetwork
    from slmworks_torch.linear_network import LinearText

HEAD = "AutoModelForSequenceClassification"


def load_classifier(
    model: Model, labels: list[str], *, port: str, max_length: int | None = None, new_head: bool = True
) -> "TextNetwork":
    """Load the model with one logit a label, of which a text has one.

    A head of the same labels is kept; otherwise a new one is drawn from torch's random state. `max_length`,
    `new_head` and errors as in `hf_folder.load`.
    """
    known = known_labels(model, port=port)
    names: dict[str, Any] = {
        "id2label": dict(enumerate(labels)),
        "label2id": {label: number for number, label in enumerate(labels)},
        "problem_type": None,
    }
    loaded = hf_folder.load(model, HEAD, port=port, max_length=max_length, new_head=new_head, **names)
    if known and known != labels:
        return replace(loaded, net=networks.with_new_head(loaded.net, HEAD))
    return loaded


def known_labels(model: Model, *, port: str) -> list[str]:
    """The labels of a classifier in the order of its logits, by its header or config.json; empty for none."""
    if labels := labels_of(model):
        return labels
    config = config_json.read(model.path, port=port)
    kinds = config.get("architectures") or []
    if not any(str(kind).endswith("ForSequenceClassification") for kind in kinds):
        return []
    names = config.get("id2label") or {str(k): f"LABEL_{k}" for k in range(config.get("num_labels") or 2)}
    if not isinstance(names, dict) or set(names) != {str(number) for number in range(len(names))}:
        raise BadRequest(
            f"{port}: config.json's id2label must give a label to every number from 0 on, one for each logit "
            '({"0": "negative", "1": "positive"}); mend it.'
        )
    return [str(names[str(number)]) for number in range(len(names))]


def require_same_labels(teacher: Model, student: Model | None, data: Dataset) -> None:
    """BadRequest unless teacher and data have the same labels, and the student too where it has any."""
    _refuse_generator(teacher)
    known, wanted = known_labels(teacher, port="teacher"), labels_of(data)
    if not known:
        raise BadRequest(
            "teacher: this model is not a classifier, so it has no predictions to learn from; "
            "give distill the output of a finetune step."
        )
    kind = config_json.read(teacher.path, port="teacher").get("problem_type")
    if kind not in (None, "single_label_classification"):
        raise BadRequest(
            f"teacher: it was trained for {kind} (problem_type in config.json), so its outputs are no choice "
            "among labels; fine-tune it on this data first."
        )
    own = known_labels(student, port="student") if student else []
    require_same(known, wanted, own, noun="labels")


def _refuse_generator(teacher: Model) -> None:
    for name in config_json.read(teacher.path, port="teacher").get("architectures") or []:
        if str(name).endswith("ForCausalLM"):
            raise BadRequest(
                f"teacher: it is a generator ({name}), which chooses among no labels; use distill/token-kd."
            )


def meta(labels: Sequence[str], made: "TextNetwork | BagClassifier | LinearText") -> dict[str, Any]:
    """A classifier's entries of a Model artifact's `meta`."""
    return {
        "task": HEADER,
        "labels": list(labels),
        "max_length": made.max_length,
        "parameters": made.parameters,
    }


def logits(net: Any, inputs: "Mapping[str, torch.Tensor]") -> "torch.Tensor":
    """A classifier's output for one batch, [rows, labels]."""
    found: torch.Tensor = net(**inputs).logits
    return found


def teacher_logits(
    teacher: Model, network: "TextNetwork", data: Dataset, rows: Rows, task: Task, *, copy: int = 0
) -> "torch.Tensor":
    """A teacher's logits, float32 [rows, labels], computed once for each teacher, data and rows.

    `copy`: number of the altered copy of the data that `rows` are; 0 for the data itself.
    """

    def build(folder: Path) -> None:
        teacher_outputs.write(folder, network, logits, rows, task)

    name = f"teacher-logits-copy-{copy}" if copy else "teacher-logits"
    return teacher_outputs.shared(name, build, teacher, network, data, rows, task)


def score(found: "torch.Tensor", classes: Sequence[int], weights: Sequence[float] | None = None) -> Score:
    """Accuracy and macro-F1 of logits [rows, labels]; classes that no row has or gets don't count.

    With `weights`, one a label, the weighted accuracy decides: each row counts as its label does in training.
    Otherwise an epoch that gives up on a rare label would be kept for being right so often.
    """
    import torch

    count = found.shape[1]
    wanted, given = torch.tensor(classes), found.argmax(dim=1)
    table = torch.bincount(wanted * count + given, minlength=count * count).reshape(count, count).double()
    right, either = table.diagonal(), table.sum(dim=0) + table.sum(dim=1)
    present = either > 0
    f1 = 2 * right[present] / either[present]
    accuracy = float(right.sum() / table.sum())
    macro_f1 = {"macro_f1": float(f1.mean())}
    if weights is None:
        return Score("accuracy", accuracy, share_error(accuracy, len(classes)), macro_f1)
    heavy = torch.tensor(weights, dtype=torch.float64)[wanted]
    each = (wanted == given).double()
    weighted = float((heavy * each).sum() / heavy.sum())
    error = float((heavy * (each - weighted)).square().sum().sqrt() / heavy.sum())
    return Score("weighted_accuracy", weighted, error, {"accuracy": accuracy, **macro_f1})
