"""What a teacher thinks of every row: computed once, shared by all students of that teacher and data."""

import hashlib
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.stage import Task
from slmworks_torch.rows import Rows

if TYPE_CHECKING:
    import torch
    from slmworks_torch.hf_folder import Classifier


def refuse_strangers(teacher: Model, student: Model | None, data: Dataset) -> None:
    """BadRequest unless teacher and data have the same labels, and the student too where it has any."""
    from slmworks_torch.hf_folder import labels_of

    known = labels_of(teacher, port="teacher")
    if not known:
        raise BadRequest(
            "teacher: this model is not a classifier, so it has no predictions to learn from; "
            "give distill the output of a finetune step."
        )
    if known != data.labels:
        raise BadRequest(
            f"teacher: its labels are {_listed(known)}, the data's are {_listed(data.labels)}; "
            "fine-tune the teacher on this data first."
        )
    own = labels_of(student, port="student") if student else []
    if own and own != known:
        raise BadRequest(
            f"student: its labels are {_listed(own)}, the teacher's are {_listed(known)}; "
            "give distill a student without a head or one with the teacher's labels."
        )


def ask(teacher: Model, master: "Classifier", data: Dataset, rows: Rows, task: Task) -> "torch.Tensor":
    """The teacher's logits, float32 [rows, labels], in the order of `rows`.

    They are shared by every student of this teacher that asks for the same texts: what the student is
    like, its seed and its loss must not enter.
    """
    return _shared("teacher-logits", teacher, master, data, rows, task)


def ask_more(
    teacher: Model, master: "Classifier", data: Dataset, copies: Sequence[Rows], task: Task
) -> "list[torch.Tensor]":
    """The teacher's logits of altered copies of the data, a tensor each.

    They are shared copy by copy: a student with four asks for one more than a student with three.
    """
    return [
        _shared(f"teacher-logits-copy-{number}", teacher, master, data, rows, task)
        for number, rows in enumerate(copies, start=1)
    ]


def _shared(
    name: str, teacher: Model, master: "Classifier", data: Dataset, rows: Rows, task: Task
) -> "torch.Tensor":
    import numpy as np

    import torch

    asked = json.dumps([rows.ids, rows.texts], ensure_ascii=True).encode()
    found = task.share(
        name,
        inputs={"teacher": teacher, "data": data},
        options={"max_length": master.max_length, "rows": hashlib.sha256(asked).hexdigest()},
        build=lambda folder: _write(folder, master, rows, task),
    )
    return torch.from_numpy(np.load(found.path / "logits.npy", allow_pickle=False))


def _write(folder: Path, master: "Classifier", rows: Rows, task: Task) -> None:
    """`logits.npy`, float32 [rows, labels]."""
    import numpy as np

    from slmworks_torch.scoring import logits_of
    from slmworks_torch.training import TELL, device

    told = 0.0

    def tell(done: int) -> None:
        nonlocal told
        if time.monotonic() - told > TELL or done == len(rows):
            told = time.monotonic()
            task.progress(done, len(rows), note="asking the teacher")

    net = master.net.to(device())
    np.save(folder / "logits.npy", logits_of(net, master.encode(rows.texts), tell=tell).numpy())


def _listed(labels: list[str]) -> str:
    shown = ", ".join(labels[:5])
    return f"[{shown}{', …' if len(labels) > 5 else ''}]"
