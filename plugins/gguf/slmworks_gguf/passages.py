"""An index of texts written: embeddings in 8 bits, words, and the texts themselves."""

import json
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slmworks.contract.artifact import Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.linked_files import hand_on
from slmworks.contract.runtime import in_batches
from slmworks.model_tasks.feature_extraction.onnx import OnnxEmbedder
from slmworks.model_tasks.text_generation.retrieval.bm25 import BM25_FILES, word_hash, words
from slmworks.model_tasks.text_generation.retrieval.index import (
    EMBEDDER,
    PASSAGE_ENDS,
    PASSAGES,
    folder_digest,
)
from slmworks.model_tasks.text_generation.retrieval.vectors import QUESTION_ZERO, SCALES, VECTORS
from slmworks_gguf.chunks import Chunk

if TYPE_CHECKING:
    import numpy as np

K1, B = 1.2, 0.75
"""BM25's saturation of repeated words, and its correction for length, as usual."""
COMMON, FEW = 0.5, 100
"""Words in more than this share of passages tell nothing, and are left out; but not of few passages."""
BATCH = 32
"""Passages that are embedded at once."""


def write(folder: Path, found: Sequence[Chunk], embedder: OnnxEmbedder, tell: Callable[[int], None]) -> None:
    """Write the index of passages to a folder; `tell(done)` after each batch of embeddings."""
    import numpy as np

    write_index(folder, [one.text for one in found], embedder, tell)
    lines = [json.dumps({"id": one.id, "text": one.text}, ensure_ascii=False) + "\n" for one in found]
    encoded = [line.encode("utf-8", "replace") for line in lines]
    (folder / PASSAGES).write_bytes(b"".join(encoded))
    np.save(folder / PASSAGE_ENDS, np.cumsum([len(line) for line in encoded], dtype=np.int64))


def write_index(
    folder: Path, texts: Sequence[str], embedder: OnnxEmbedder | None, tell: Callable[[int], None]
) -> None:
    """Write what texts are found by: their words, and their embeddings where there is a model for them."""
    import numpy as np

    if embedder is not None:
        vectors = in_batches(
            lambda rows: list(embedder.outputs(rows)), [{"text": one} for one in texts], BATCH, tell=tell
        )
        write_vectors(folder, np.stack(vectors))
    write_words(folder, texts)


def require_embedder(folder: Path) -> None:
    """BadRequest for a folder that is no embedding model in ONNX."""
    if not (folder / "embedding.json").is_file():
        raise BadRequest(
            "finetune: embedder has no embedding.json, so it is no embedding model of slmworks; export "
            "one (stage: export, uses: onnx, of a model for feature-extraction)."
        )


def put_embedder(embedder: Model, folder: Path, *, threads: int) -> tuple[OnnxEmbedder, str]:
    """An embedding model in an index's folder, loaded, and its digest."""
    require_embedder(embedder.path)
    (folder / EMBEDDER).mkdir(parents=True)
    hand_on(embedder.path, folder / EMBEDDER)
    return OnnxEmbedder(folder / EMBEDDER, threads), folder_digest(folder / EMBEDDER)


def write_vectors(folder: Path, vectors: "np.ndarray[Any, Any]") -> None:
    """Write embeddings, float32 [passages, dimensions], in 8 bits, each with its scale."""
    import numpy as np

    from onnx import TensorProto, helper

    lengths = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    unit = vectors / lengths
    scales = np.maximum(np.abs(unit).max(axis=1), 1e-12) / 127
    integers = np.rint(unit / scales[:, None]).astype(np.int8)
    np.save(folder / SCALES, scales.astype(np.float32))
    count, width = vectors.shape
    stored = TensorProto(
        name="vectors", data_type=TensorProto.INT8, dims=[width, count], data_location=TensorProto.EXTERNAL
    )
    path = (folder / VECTORS).with_suffix(".bin")
    path.write_bytes(np.ascontiguousarray(integers.T).tobytes())
    for key, value in (("location", path.name), ("offset", "0"), ("length", str(count * width))):
        stored.external_data.add(key=key, value=value)
    zero = helper.make_tensor("zero", TensorProto.UINT8, [], [QUESTION_ZERO])
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["question", "vectors", "zero"], ["products"])],
        "passages",
        [helper.make_tensor_value_info("question", TensorProto.UINT8, ["questions", width])],
        [helper.make_tensor_value_info("products", TensorProto.INT32, ["questions", count])],
        [stored, zero],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    (folder / VECTORS).write_bytes(model.SerializeToString())


def write_words(folder: Path, texts: Sequence[str]) -> None:
    """Write the words of texts, and what each adds to a text's score (BM25, with an idf that is positive)."""
    import numpy as np

    hashes: dict[str, int] = {}
    terms, places, counts, lengths = array("Q"), array("I"), array("I"), array("I")
    for place, text in enumerate(texts):
        said = Counter(words(text))
        lengths.append(said.total())
        for word, times in said.items():
            terms.append(hashes.get(word) or hashes.setdefault(word, word_hash(word)))
            places.append(place)
            counts.append(times)
    known, which, of_term = np.unique(
        np.frombuffer(terms, np.uint64), return_inverse=True, return_counts=True
    )
    kept = of_term <= (COMMON * len(texts) if len(texts) >= FEW else len(texts))
    long = np.frombuffer(lengths, np.uint32) / max(sum(lengths) / len(texts), 1.0)
    order = np.argsort(which, kind="stable")
    order = order[kept[which[order]]]
    postings = np.frombuffer(places, np.uint32)[order]
    often = np.frombuffer(counts, np.uint32)[order].astype(np.float64)
    idf = np.log1p((len(texts) - of_term + 0.5) / (of_term + 0.5))
    weights = idf[which[order]] * often * (K1 + 1) / (often + K1 * (1 - B + B * long[postings]))
    starts = np.concatenate([[0], np.cumsum(of_term[kept])]).astype(np.int64)
    arrays = (known[kept], starts, postings, weights.astype(np.float16))
    for place, name in enumerate(BM25_FILES):
        np.save(folder / f"{name}.npy", arrays[place])
