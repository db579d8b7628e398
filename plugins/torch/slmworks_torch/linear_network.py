"""The weights of a linear model on words: what a text is made of, and how they are learnt."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slmworks.model_tasks.text_classification.labels import companions
from slmworks_torch.bag_onnx import LEFT, TINY

if TYPE_CHECKING:
    import numpy as np
    from tokenizers import Tokenizer

    from slmworks_torch.rows import Rows

    Array = np.ndarray[Any, Any]

TABLES = ("embeddings", "pairs")
"""Weights of tokens, and of hashed pairs: [rows, labels]."""
RARITY = ("token_weights", "pair_weights")
"""Weight of each of their rows in a text, [rows, 1]: logarithm of how rare it is."""

PIECE = 4_096
"""Texts whose features are cut at a time."""
NOTHING = 1e-12
"""A slope that is smaller counts as 0."""


@dataclass
class LinearText:
    """A linear model, its tokenizer, its labels, and the number of tokens it reads."""

    weights: dict[str, "Array"]
    """`TABLES`, `RARITY` and `bias` [labels]; without pairs their tables have no rows."""
    tokenizer: "Tokenizer"
    labels: list[str]
    max_length: int
    """Tokens after which a text is cut, special tokens included."""

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return sum(weight.size for weight in self.weights.values())

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of the tokens of each text, special ones included."""
        self.tokenizer.enable_truncation(self.max_length)
        self.tokenizer.no_padding()
        return [one.ids for one in self.tokenizer.encode_batch(list(texts))]

    def weigh(self, texts: Sequence[Sequence[int]]) -> None:
        """Take the rarity of tokens and pairs from texts, given as ids of their tokens."""
        import numpy as np

        tokens, pairs = (len(self.weights[name]) for name in TABLES)
        seen = np.zeros(tokens + pairs, np.int64)
        for start in range(0, len(texts), PIECE):
            rows = [self.features(ids)[0] for ids in texts[start : start + PIECE]]
            seen += np.bincount(_each_once(rows, len(seen))[1], minlength=len(seen))
        rarity = (1 + np.log((1 + len(texts)) / (1 + seen))).astype(np.float32)
        self.weights["token_weights"], self.weights["pair_weights"] = (
            rarity[:tokens, None],
            rarity[tokens:, None],
        )

    def features(self, ids: Sequence[int]) -> tuple["Array", "Array"]:
        """Rows of the tables, those of pairs behind those of tokens, and their weights: of length 1."""
        import numpy as np

        tokens = np.array(ids, np.int64)
        weights = self.weights["token_weights"][tokens, 0]
        if size := len(self.weights["pairs"]):
            pairs = (LEFT * tokens[:-1] + tokens[1:]) % size
            weights = np.concatenate([weights, self.weights["pair_weights"][pairs, 0]])
            tokens = np.concatenate([tokens, len(self.weights["embeddings"]) + pairs])
        return tokens, weights / np.sqrt((weights**2).sum() + TINY)

    def save(self, folder: Path) -> None:
        """Write `model.onnx`, `tokenizer.json` and `labels.json`."""
        from slmworks_torch import linear_onnx

        linear_onnx.write(self.weights, folder / "model.onnx")
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        self.tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
        for name, text in companions(self.labels, self.max_length).items():
            (folder / name).write_text(text, encoding="utf-8")


def new(tokenizer: "Tokenizer", labels: list[str], max_length: int, pairs: int) -> LinearText:
    """A model that answers alike to everything, and to which all tokens and pairs are equally rare."""
    import numpy as np

    size = max(tokenizer.get_vocab().values()) + 1
    weights = {
        **{
            name: np.zeros((rows, len(labels)), np.float32)
            for name, rows in zip(TABLES, (size, pairs), strict=True)
        },
        **{name: np.ones((rows, 1), np.float32) for name, rows in zip(RARITY, (size, pairs), strict=True)},
        "bias": np.zeros(len(labels), np.float32),
    }
    return LinearText(weights, tokenizer, labels, max_length)


def load(folder: Path, labels: list[str], max_length: int) -> LinearText:
    """The model that `LinearText.save` wrote into a folder."""
    import numpy as np
    from tokenizers import Tokenizer

    from onnx import load as load_model
    from onnx import numpy_helper

    graph = load_model(folder / "model.onnx").graph
    weights = {one.name: np.array(numpy_helper.to_array(one)) for one in graph.initializer}
    if "pairs" not in weights:
        weights["pairs"] = np.zeros((0, len(labels)), np.float32)
        weights["pair_weights"] = np.zeros((0, 1), np.float32)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    return LinearText(
        {name: weights[name] for name in (*TABLES, *RARITY, "bias")}, tokenizer, labels, max_length
    )


class Learning:
    """Cross-entropy by Adagrad; keeps the epoch that was best on validation."""

    def __init__(
        self, net: LinearText, tokens: Sequence[Sequence[int]], train: "Rows", validation: "Rows", seed: int
    ) -> None:
        """Turn all texts into features; `tokens`: ids of the training rows' ones."""
        import numpy as np

        self.net, self.best, self.accuracy = net, net, -1.0
        self.chance = np.random.default_rng(seed)
        self.train = list(_added(net, tokens))
        self.classes = train.classes
        self.held_out = [net.features(ids) for ids in net.tokens(validation.texts)]
        self.truth = validation.classes
        self.table = np.concatenate([net.weights[name] for name in TABLES])
        self.bias = net.weights["bias"].copy()
        self.squares, self.bias_squares = np.full_like(self.table, TINY), np.full_like(self.bias, TINY)

    def epoch(self, rate: float) -> tuple[float, float]:
        """See every row once, a step each; mean cross-entropy, and the accuracy on validation behind it."""
        import numpy as np

        loss = 0.0
        for i in self.chance.permutation(len(self.train)):
            rows, inputs = self.train[i]
            weights = self.table[rows]
            wrong = _softmax(inputs @ weights + self.bias)
            true = self.classes[i]
            loss -= float(np.log(max(wrong[true], TINY)))
            wrong[true] -= 1
            wrong[np.abs(wrong) < NOTHING] = 0  # squares of less are denormal, and slow
            slope = np.multiply.outer(inputs, wrong)
            self.squares[rows] = squares = self.squares[rows] + slope * slope
            self.table[rows] = weights - rate * slope / np.sqrt(squares)
            self.bias_squares += wrong * wrong
            self.bias -= rate * wrong / np.sqrt(self.bias_squares)
        accuracy = float(
            np.mean([found == true for found, true in zip(self._answers(), self.truth, strict=True)])
        )
        if accuracy > self.accuracy:
            self._keep(accuracy)
        return loss / len(self.train), accuracy

    def _answers(self) -> Iterator[int]:
        for rows, weights in self.held_out:
            yield int((weights @ self.table[rows] + self.bias).argmax())

    def _keep(self, accuracy: float) -> None:
        tokens = len(self.net.weights["embeddings"])
        tables = {"embeddings": self.table[:tokens].copy(), "pairs": self.table[tokens:].copy()}
        self.best = copy.copy(self.net)
        self.best.weights = {**self.net.weights, **tables, "bias": self.bias.copy()}
        self.accuracy = accuracy


def _added(net: LinearText, texts: Sequence[Sequence[int]]) -> Iterator[tuple["Array", "Array"]]:
    """Features of each text, a row of the tables once: a step must not write into one twice."""
    import numpy as np

    size = sum(len(net.weights[name]) for name in TABLES)
    for start in range(0, len(texts), PIECE):
        features = [net.features(ids) for ids in texts[start : start + PIECE]]
        of_text, rows, places = _each_once([found for found, _ in features], size)
        weights = np.concatenate([weights for _, weights in features])
        added = np.bincount(places, weights).astype(np.float32)
        ends = np.searchsorted(of_text, np.arange(1, len(features)))
        for here, summed in zip(np.split(rows, ends), np.split(added, ends), strict=True):
            yield here.copy(), summed.copy()  # what they are cut from isn't kept


def _each_once(rows: Sequence["Array"], size: int) -> tuple["Array", "Array", "Array"]:
    """Text and row of each pair of them, ascending, and where those of each text's rows are in it.

    `size`: all rows are smaller.
    """
    import numpy as np

    of_text = np.repeat(np.arange(len(rows)), [len(one) for one in rows])
    pairs, places = np.unique(of_text * size + np.concatenate(rows), return_inverse=True)
    return pairs // size, pairs % size, places


def _softmax(logits: "Array") -> "Array":
    import numpy as np

    raised = np.exp(logits - logits.max())
    return np.asarray(raised / raised.sum())
