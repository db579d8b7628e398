"""ONNX models made by hand that sum a vector a word: an embedder, and a classifier that knows bad words."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from slmworks.contract.artifact import Model
from slmworks.testing import sealed


def embedder(folder: Path, words: Sequence[str]) -> Model:
    """Every word is a direction of its own, but `car` and `automobile` are one, and half of it `vehicle`."""
    import numpy as np

    known = ["[PAD]", "[UNK]", "car", "automobile", "vehicle", *words]
    table = np.eye(len(known), len(known) + 10, dtype="float32")
    table[0] = 0
    table[known.index("automobile")] = table[known.index("car")]
    table[known.index("vehicle")] = table[known.index("car")] * 0.5
    _write(folder, known, table, "embedding")
    about = {"dimensions": table.shape[1], "max_length": 32}
    (folder / "embedding.json").write_text(json.dumps(about))
    meta = {"task": "feature-extraction", "parameters": table.size, **about}
    return sealed(Model(path=folder, format="onnx", meta=meta))


def classifier(folder: Path, bad: Sequence[str], labels: Sequence[str]) -> Model:
    """A word of `bad` speaks for the label of its place, from the second on; nothing for the first."""
    import numpy as np

    known = ["[PAD]", "[UNK]", *bad]
    table = np.zeros((len(known), len(labels)), "float32")
    for place in range(len(bad)):
        table[place + 2, place + 1] = 4
    _write(folder, known, table, "logits")
    about = {"labels": list(labels), "max_length": 32}
    (folder / "labels.json").write_text(json.dumps(about))
    meta = {"task": "text-classification", "parameters": table.size, **about}
    return sealed(Model(path=folder, format="onnx", meta=meta))


def _write(folder: Path, known: Sequence[str], table: Any, output: str) -> None:
    """`model.onnx`, and `tokenizer.json` of whole words."""
    import numpy as np
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    from onnx import TensorProto, helper, numpy_helper, save

    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(known)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["tokens"]),
        helper.make_node("ReduceSum", ["tokens", "axis"], [output], keepdims=0),
    ]
    width = table.shape[1]
    graph = helper.make_graph(
        nodes,
        "bag",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["rows", "tokens"])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["rows", width])],
        [numpy_helper.from_array(table, "table"), numpy_helper.from_array(np.array([1], "int64"), "axis")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    save(made, folder / "model.onnx")
