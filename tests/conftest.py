"""Tiny models and data that every test may use: real formats, real training, seconds on one core."""

import gc
import json
import os
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from slmworks.contract.artifact import Dataset, Model
from slmworks.machine import process
from slmworks.testing import Bench, sealed

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
if (
    process.POLICY not in os.environ
):  # as in a task: other tests need the core that a waiting thread would hold
    os.environ.setdefault(process.SPINS, "10000")

LABELS = ["negative", "neutral", "positive"]
WORDS = {
    "negative": ["awful", "bad", "broken", "terrible", "slow", "ugly"],
    "neutral": ["blue", "square", "average", "plastic", "medium", "usual"],
    "positive": ["great", "good", "lovely", "perfect", "fast", "beautiful"],
}
THINGS = ["camera", "phone", "lamp", "keyboard", "kettle", "battery", "screen", "router"]
FRAMES = [
    "the {thing} is {word}",
    "this {thing} looks {word} and {other}",
    "I bought a {word} {thing} last week",
    "{other} {thing}, really {word}!",
    "my {thing} arrived {word}",
]
ASKED = ["my {} is broken", "the {} arrived slow", "a bad {}", "this {} looks terrible"]
ROWS = {"train": 240, "validation": 60, "test": 60, "transfer": 90}


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes give a test no name: packed ones hold the second they were made in, and no two workers agree on it."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture(scope="module", autouse=True)
def frozen() -> Iterator[None]:
    """What was imported is no garbage: steps that give a large model's memory back look through it each time."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="module")
def few_draws() -> Iterator[None]:
    """Intervals that are drawn once, not until their third decimal stands: for tests of what is done with them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("slmworks.numbers.statistics.FINE", 1.0)
        yield


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A fresh folder in which plugins are run one after the other."""
    return Bench(tmp_path)


@pytest.fixture(scope="session")
def tiny_reviews(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """`reviews`, once."""
    return reviews(tmp_path_factory.mktemp("tiny-reviews"))


def reviews(folder: Path) -> Dataset:
    """Three classes, easy to learn; train 240, validation 60, test 60 and unlabelled transfer 90 rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    chance = random.Random(7)
    schema = pa.schema([(name, pa.string()) for name in ("id", "text", "label", "source")])
    for split, count in ROWS.items():
        rows = [_review(chance, split, number) for number in range(count)]
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), folder / f"{split}.parquet")
    card = {"rows": ROWS, "labels": LABELS}
    (folder / "card.json").write_text(json.dumps(card, indent=1) + "\n")
    return sealed(Dataset(path=folder, meta={"task": "classification", "labels": LABELS}))


def _review(chance: random.Random, split: str, number: int) -> dict[str, str | None]:
    label = LABELS[number % 3]
    text = chance.choice(FRAMES).format(
        thing=chance.choice(THINGS), word=chance.choice(WORDS[label]), other=chance.choice(WORDS[label])
    )
    return {
        "id": f"{split}-{number}",
        "text": f"{text} {number}",
        "label": None if split == "transfer" else label,
        "source": "shop" if number % 2 else "web",
    }


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A BERT encoder with random weights: 4 layers of width 32, a WordPiece vocabulary, no task."""
    from transformers import BertConfig, BertModel

    import torch

    folder = tmp_path_factory.mktemp("tiny-encoder")
    size = write_tokenizer(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=size,
        hidden_size=32,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.15,  # at this width the usual 0.02 hardly learns
    )
    BertModel(config).save_pretrained(folder)
    return sealed(Model(path=folder, format="hf"))


@pytest.fixture(scope="session")
def tiny_classifier(
    tiny_encoder: Model, tiny_reviews: Dataset, tmp_path_factory: pytest.TempPathFactory
) -> Model:
    """`tiny_encoder` with a head, trained for seconds on `tiny_reviews`: clearly better than chance."""
    from tokenizers import Tokenizer
    from transformers import BertForSequenceClassification

    import torch

    folder = tmp_path_factory.mktemp("tiny-classifier")
    write_tokenizer(folder)
    torch.manual_seed(0)
    names = dict(enumerate(LABELS))
    model = BertForSequenceClassification.from_pretrained(
        tiny_encoder.path, num_labels=3, id2label=names, label2id={v: k for k, v in names.items()}
    )
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_padding()
    texts, labels = tiny_reviews.columns("train", "text", "label")
    encoded = tokenizer.encode_batch(texts)
    ids = torch.tensor([row.ids for row in encoded])
    mask = torch.tensor([row.attention_mask for row in encoded])
    wanted = torch.tensor([LABELS.index(label) for label in labels])
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for step in range(40):
        rows = torch.arange(step * 32, step * 32 + 32) % len(texts)
        loss = model(input_ids=ids[rows], attention_mask=mask[rows], labels=wanted[rows]).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.eval().save_pretrained(folder)
    meta = {
        "task": "classification",
        "labels": LABELS,
        "max_length": 32,
        "parameters": sum(p.numel() for p in model.parameters()),
    }
    return sealed(Model(path=folder, format="hf", meta=meta))


@pytest.fixture(scope="session")
def tiny_search(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Eight documents, one a thing; train 160, validation 40 and test 48 questions."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder, chance = tmp_path_factory.mktemp("tiny-search"), random.Random(5)
    for split, count in (("train", 160), ("validation", 40), ("test", 48)):
        rows = []
        for number in range(count):
            thing = chance.choice(THINGS)
            rows.append(
                {
                    "id": f"{split}-{number}",
                    "text": f"{chance.choice(ASKED).format(thing)} {number}",
                    "document": f"the {thing} is great",
                    "source": "shop" if number % 2 else "web",
                }
            )
        pq.write_table(pa.Table.from_pylist(rows), folder / f"{split}.parquet")
    return sealed(Dataset(path=folder, meta={"task": "feature-extraction"}))


@pytest.fixture(scope="session")
def tiny_embedder(tiny_encoder: Model) -> Model:
    """`tiny_encoder` as an embedding model of 32 numbers, untrained."""
    meta = {"task": "feature-extraction", "dimensions": 32, "max_length": 32, "parameters": 41248}
    return replace(tiny_encoder, meta=meta)


def write_tokenizer(folder: Path) -> int:
    """Write a lower-casing WordPiece `tokenizer.json` of the words above; return its size."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = list("abcdefghijklmnopqrstuvwxyz0123456789.,!?'-")
    pieces = [f"##{letter}" for letter in letters[:36]]
    spoken = " ".join(FRAMES).lower().replace(",", " ").replace("!", " ").split()
    known = {word for group in WORDS.values() for word in group} | set(THINGS) | set(spoken)
    words = sorted(word for word in known if "{" not in word and word not in letters)
    vocabulary = {token: i for i, token in enumerate([*special, *letters, *pieces, *words])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "BertTokenizer",
        "do_lower_case": True,
        "model_max_length": 64,
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
        "mask_token": "[MASK]",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=1) + "\n")
    return len(vocabulary)
