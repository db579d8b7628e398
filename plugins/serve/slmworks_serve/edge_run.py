"""Classify texts with the model in this folder: arguments, or one text a line on stdin; JSON lines out."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from tokenizers import Tokenizer

HERE = Path(__file__).resolve().parent
about = json.loads((HERE / "labels.json").read_text(encoding="utf-8"))
tokenizer = Tokenizer.from_file(str(HERE / "tokenizer.json"))
tokenizer.no_padding()
tokenizer.enable_truncation(about["max_length"])
session = ort.InferenceSession(HERE / "model.onnx", providers=["CPUExecutionProvider"])
names = [port.name for port in session.get_inputs()]


def classify(text: str) -> dict[str, Any]:
    """The label, its probability, and the probability of every label."""
    row = tokenizer.encode(text.encode("utf-8", "replace").decode("utf-8"))
    values = {"input_ids": row.ids, "attention_mask": row.attention_mask, "token_type_ids": row.type_ids}
    (logits,) = session.run(["logits"], {name: np.array([values[name]], np.int64) for name in names})
    raised = np.exp(logits[0] - logits[0].max())
    scores = dict(zip(about["labels"], (raised / raised.sum()).tolist(), strict=True))
    label = max(scores, key=lambda name: float(scores[name]))
    return {"label": label, "score": scores[label], "scores": scores}


if __name__ == "__main__":
    for text in sys.argv[1:] or map(str.rstrip, sys.stdin):
        print(json.dumps(classify(text), ensure_ascii=False))
