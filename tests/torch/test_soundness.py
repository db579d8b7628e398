"""Networks and tokenizers that don't fit are refused before anything is trained, in one line."""

import json

import pytest

import families
from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.testing import Bench, sealed
from slmworks_torch import hf_folder
from slmworks_torch.classification import HEAD
from slmworks_torch.classifier import FinetuneClassifier
from slmworks_torch.embeddings import load_encoder
from slmworks_torch.logit_kd import LogitKD


def load(model: Model, head: str = HEAD):
    return hf_folder.load(model, head, port="model", max_length=32)


def rewritten(model: Model, **entries: object) -> Model:
    config = json.loads((model.path / "config.json").read_text())
    (model.path / "config.json").write_text(json.dumps(config | entries))
    return sealed(model)


def with_tokenizer(model: Model, change) -> Model:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(model.path / "tokenizer.json"))
    change(tokenizer)
    tokenizer.save(str(model.path / "tokenizer.json"))
    return sealed(model)


@pytest.mark.parametrize(
    "family",
    [
        "bert",
        "distilbert",
        "albert",
        "mobilebert",
        "roberta",
        "xlm-roberta",
        "deberta",
        "deberta-v2",
        "deberta-v3",
        "electra",
        "mpnet",
        "modernbert",
        "longformer",
        "bigbird",
        "squeezebert",
        "roformer",
        "bart",
        "llama",
        "mistral",
        "qwen2",
        "gpt2",
        "opt",
    ],
)
def test_families_that_answer_alike_alone_and_together_pass(family, tmp_path):
    assert load(families.write(family, tmp_path)).net.config.model_type


@pytest.mark.parametrize("family", ["xlnet", "fnet", "convbert"])
def test_a_network_that_reads_its_padding_is_refused(family, tmp_path):
    with pytest.raises(BadRequest, match=f"model: a text's output changes .* {family} networks read padding"):
        load(families.write(family, tmp_path))


@pytest.mark.parametrize(
    ("family", "tokens"), [("funnel", "a text of 2 tokens"), ("nystromformer", r"a text of \d+ tokens")]
)
def test_a_network_that_cannot_compute_short_texts_is_refused(family, tokens, tmp_path):
    with pytest.raises(BadRequest, match=f"cannot compute {tokens} "):
        load(families.write(family, tmp_path))


def test_a_token_without_an_embedding_is_refused(tmp_path):
    from tokenizers import AddedToken

    model = families.write("bert", tmp_path)
    rows = json.loads((tmp_path / "config.json").read_text())["vocab_size"]
    with_tokenizer(model, lambda words: words.add_tokens([AddedToken("<USER>")]))
    with pytest.raises(BadRequest, match=f"gives '<USER>' the id {rows}, .* embeddings for 0 to {rows - 1}"):
        load(model)


def test_more_embeddings_than_tokens_are_fine(tmp_path):
    assert load(families.write("bert", tmp_path, vocab_size=512)).net.config.vocab_size == 512


@pytest.mark.parametrize(
    ("family", "wanted"),
    [
        ("bert", "single='[CLS] $A [SEP]', special_tokens=[('[CLS]', 2), ('[SEP]', 3)]"),
        ("llama", "single='<s> $A </s>', special_tokens=[('<s>', 1), ('</s>', 2)]"),
        ("gpt2", "single='$A <|endoftext|>', special_tokens=[('<|endoftext|>', 0)]"),
    ],
)
def test_a_tokenizer_without_a_template_is_refused_and_the_way_out_works(family, wanted, tmp_path):
    from tokenizers import processors

    model = families.write(family, tmp_path)
    with_tokenizer(model, lambda words: setattr(words, "post_processor", processors.Sequence([])))
    with pytest.raises(BadRequest, match="gives no token for an empty text") as refused:
        load(model)
    assert wanted in str(refused.value)
    template = str(refused.value).rpartition("post-processor ")[2].removesuffix(".")
    made = eval(template, vars(processors).copy())
    with_tokenizer(model, lambda words: setattr(words, "post_processor", made))
    assert load(model).encode([""]).ids[0]


@pytest.mark.parametrize("family", ["gpt2", "opt", "llama", "mistral", "qwen2"])
def test_a_decoder_without_a_padding_token_is_refused(family, tmp_path):
    model = rewritten(families.write(family, tmp_path), pad_token_id=None)
    with pytest.raises(
        BadRequest, match=r"no padding token.* set pad_token_id in config.json .*eos_token_id, \d"
    ):
        load(model)


def test_a_padding_token_without_an_embedding_is_refused(tmp_path):
    with pytest.raises(BadRequest, match="pad_token_id is -1, .* set pad_token_id"):
        load(rewritten(families.write("llama", tmp_path), pad_token_id=-1))


def test_an_encoder_masks_its_padding_and_needs_no_token_for_it(tmp_path):
    assert load(rewritten(families.write("bert", tmp_path), pad_token_id=None)).encode(["great"]).pad == 0


def test_the_check_leaves_the_random_state_alone(tiny_encoder, monkeypatch):
    import torch

    def drawn():
        torch.manual_seed(3)
        load(tiny_encoder)
        return torch.rand(3)

    wanted = drawn()
    monkeypatch.setattr("slmworks_torch.soundness.check", lambda network, port: None)
    assert drawn().equal(wanted)


def test_every_model_that_is_trained_or_asked_is_checked(
    tmp_path, tiny_classifier, tiny_reviews: Dataset, bench: Bench
):
    fnet = families.write("fnet", tmp_path)
    for port, act in {
        "model": lambda: FinetuneClassifier().run(model=fnet, data=tiny_reviews, task=bench.task("tune")),
        "student": lambda: LogitKD().run(
            teacher=tiny_classifier, student=fnet, data=tiny_reviews, task=bench.task("distil")
        ),
        "teacher": lambda: load_encoder(fnet, 32, port="teacher"),
    }.items():
        with pytest.raises(BadRequest, match=f"^{port}: a text's output changes"):
            act()
    assert not any((bench.folder / "tune" / "output").iterdir())
