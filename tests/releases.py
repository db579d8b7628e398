"""A classifier that counts words, as ONNX, and releases of it: real files, made in milliseconds."""

import dataclasses
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from slmworks.contract.artifact import Model, Release, Verdict
from slmworks.register.release import MlflowRelease
from slmworks.registry.log import Registry
from slmworks.registry.release import Approved, build
from slmworks.registry.state import Entry
from slmworks.store import Store, open_store
from slmworks.testing import Bench, sealed

LABELS = ["negative", "neutral", "positive"]
WORDS = {"negative": ["bad", "awful"], "neutral": ["plain"], "positive": ["good", "again"]}
BY = {"who": "ada", "how": "claimed: user name of the command line"}


def word_counter(folder: Path, strength: float = 2.0, *, words: int = 0) -> Model:
    """Logits = sum over the words of a text; `strength` makes different models of it.

    `words`: rows of weights, of words that no text has, to make a large one.
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    import onnx
    from onnx import TensorProto, helper, numpy_helper

    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = ["[PAD]", "[UNK]", *(word for label in LABELS for word in WORDS[label])]
    weights = np.zeros((max(words, len(vocabulary)), len(LABELS)), np.float32)
    for column, label in enumerate(LABELS):
        for word in WORDS[label]:
            weights[vocabulary.index(word), column] = strength
    graph = helper.make_graph(
        [
            helper.make_node("Gather", ["weights", "input_ids"], ["found"]),
            helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
            helper.make_node("Unsqueeze", ["mask", "axis"], ["wide"]),
            helper.make_node("Mul", ["found", "wide"], ["kept"]),
            helper.make_node("ReduceSum", ["kept", "rows"], ["logits"], keepdims=0),
        ],
        "word-counter",
        [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"])
            for name in ("input_ids", "attention_mask")
        ],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", len(LABELS)])],
        [
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(np.array([2]), "axis"),
            numpy_helper.from_array(np.array([1]), "rows"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, folder / "model.onnx")
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(vocabulary)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "labels.json").write_text(json.dumps({"labels": LABELS, "max_length": 32}))
    meta = {"task": "classification", "labels": LABELS, "max_length": 32, "parameters": int(weights.size)}
    return sealed(Model(path=folder, format="onnx", meta=meta))


def verdict_on(model: Model, folder: Path, *, passed: bool = True) -> Verdict:
    """A gate's verdict about `model`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "verdict.json").write_text(json.dumps({"passed": passed}))
    return sealed(Verdict(path=folder, meta={"passed": passed}, refs={"model": model.digest}))


def built(model: Model, folder: Path, *, name: str = "reviews", version: int = 3) -> Approved:
    """A release of `model` in a new folder, with the entry that names it; no store, no log."""
    folder.mkdir()
    made = build(folder, model)
    digests = {"model_digest": made.model, "wrapper_digest": made.wrapper, "release": made.whole}
    place = {"seq": version, "action": "register", "name": name, "version": version, "verdict": "0" * 64}
    when = "2026-11-28T00:00:00.000+00:00"
    return Approved(folder, Entry.model_validate({**place, **digests, **BY, "when": when}))


def register(
    store: Store, model: Model, verdict: Verdict | None = None, *, name: str = "reviews", **options: Any
) -> Release:
    """Run the register step on `model` and commit its release, as an engine would."""
    folder = Path(tempfile.mkdtemp())
    bench = Bench(folder)
    bench.known[model.digest] = model
    task = bench.release_task("register", store)
    release = MlflowRelease(name=name, **options).run(
        verdict=verdict or verdict_on(model, folder / "v"), task=task
    )
    return commit(store, release)


def commit(store: Store, release: Release) -> Release:
    """Seal a release and move it into the store, unless it came from there."""
    if release.digest:
        return release
    digest = store.put(release.path, release.seal())
    return dataclasses.replace(release, path=store.folder(digest), digest=digest)


def two_versions(folder: Path) -> Store:
    """A store in `folder/store` with two versions, the first of them the champion."""
    store = open_store(str(folder / "store"))
    for number, strength in ((1, 2.0), (2, 3.0)):
        register(store, word_counter(folder / f"model{number}", strength))
    approve(store, 1)
    return store


def approve(store: Store, version: int = 1, name: str = "reviews") -> None:
    """Approve a version."""
    Registry(store).approve(name, version, **BY, why="it is good")


def edit(path: Path, text: str) -> None:
    """Change a committed file, as a person with an editor would."""
    path.chmod(0o644)
    path.write_text(text)
