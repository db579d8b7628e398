"""A student has its teacher's layers, renumbered, and shares no memory with it."""

from dataclasses import replace

import pytest

import families
import torch
from slmworks.contract.artifact import Model
from slmworks.contract.errors import BadRequest
from slmworks.model_tasks import hf_positions as positions
from slmworks.model_tasks.text_classification.labels import labels_of
from slmworks_torch import hf_folder
from slmworks_torch.classification import load_classifier
from slmworks_torch.hf_folder import TextNetwork
from slmworks_torch.networks import layer_stack
from slmworks_torch.students import every_other, from_layers


@pytest.fixture
def teacher(tiny_classifier):
    return load_classifier(tiny_classifier, labels_of(tiny_classifier), port="teacher")


def test_every_other_layer():
    assert every_other(6) == (0, 2, 4)
    assert every_other(1) == (0,)


def test_layers_are_taken_and_renumbered(teacher):
    student = from_layers(teacher, [1, 3]).net.state_dict()
    whole = teacher.net.state_dict()
    name = "output.dense.weight"
    assert student[f"bert.encoder.layer.0.{name}"].equal(whole[f"bert.encoder.layer.1.{name}"])
    assert student[f"bert.encoder.layer.1.{name}"].equal(whole[f"bert.encoder.layer.3.{name}"])
    assert student["classifier.weight"].equal(whole["classifier.weight"])


def test_an_encoder_without_a_head_gives_layers_too(tiny_encoder):
    whole = hf_folder.load(tiny_encoder, "AutoModel", port="teacher", max_length=16)
    student = from_layers(whole, [0, 1, 2, 3])
    ids = torch.tensor([[1, 5, 6, 2]])
    with torch.inference_mode():
        torch.testing.assert_close(student.net(ids).last_hidden_state, whole.net(ids).last_hidden_state)
    assert from_layers(whole, [2]).net.config.num_hidden_layers == 1


def test_training_the_student_leaves_the_teacher_alone(teacher):
    before = teacher.net.classifier.weight.detach().clone()
    with torch.no_grad():
        from_layers(teacher, [0]).net.classifier.weight.zero_()
    assert teacher.net.classifier.weight.equal(before)


def test_positions_that_no_text_reaches_are_left_behind(teacher):
    everything = [0, 1, 2, 3]
    student = from_layers(teacher, everything, max_length=8)
    assert student.net.config.max_position_embeddings == 8 < teacher.net.config.max_position_embeddings
    ids = torch.tensor([[1, 5, 6, 7, 8, 9, 10, 2]])
    with torch.inference_mode():
        torch.testing.assert_close(student.net(ids).logits, teacher.net(ids).logits)


def test_positions_behind_the_padding(teacher):
    from transformers import RobertaConfig, RobertaForSequenceClassification

    config = RobertaConfig(
        vocab_size=30,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=34,
        pad_token_id=1,
    )
    net = RobertaForSequenceClassification(config).eval()
    assert positions.count(net) == 32
    assert from_layers(replace(teacher, net=net, max_length=32), [0]).net.config.max_position_embeddings == 34
    with pytest.raises(BadRequest, match="33 tokens are more than the 32 that the teacher can take"):
        from_layers(replace(teacher, net=net), [0], max_length=33)
    whole = replace(teacher, net=net, max_length=6)
    student = from_layers(whole, [0, 1])
    assert student.net.config.max_position_embeddings == 8
    ids = torch.tensor([[0, 5, 6, 7, 8, 2], [0, 5, 2, 1, 1, 1]])
    mask = (ids != 1).long()
    with torch.inference_mode():
        torch.testing.assert_close(
            student.net(ids, attention_mask=mask).logits, whole.net(ids, attention_mask=mask).logits
        )


@pytest.mark.parametrize("family", ["distilbert", "modernbert"])
def test_other_families(family, teacher):
    from transformers import AutoConfig, AutoModelForSequenceClassification

    small = {
        "distilbert": {"dim": 16, "hidden_dim": 32, "n_heads": 2, "n_layers": 4},
        "modernbert": {
            "hidden_size": 16,
            "intermediate_size": 32,
            "num_attention_heads": 2,
            "num_hidden_layers": 4,
            "pad_token_id": 0,
            "bos_token_id": 1,
            "eos_token_id": 2,
            "cls_token_id": 1,
            "sep_token_id": 2,
        },
    }[family]
    config = AutoConfig.for_model(family, vocab_size=30, max_position_embeddings=64, **small)
    net = AutoModelForSequenceClassification.from_config(config)
    student = from_layers(replace(teacher, net=net), [0, 3])
    assert student.net.config.num_hidden_layers == 2
    assert student.net(input_ids=_ids()).logits.shape == (1, 2)


def test_shared_layers_cannot_be_chosen_from(teacher):
    from transformers import AlbertConfig, AlbertForSequenceClassification

    config = AlbertConfig(
        vocab_size=30,
        embedding_size=8,
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=16,
    )
    albert: TextNetwork = replace(teacher, net=AlbertForSequenceClassification(config))
    with pytest.raises(BadRequest, match="this albert model has no list of 4 layers"):
        from_layers(albert, [0, 1])


def _ids():
    return torch.tensor([[1, 5, 6, 2]])


def teacher_of(family, folder, **changes):
    base = families.write(family, folder, **changes)
    return load_classifier(base, ["a", "b"], port="teacher", max_length=16)


@pytest.mark.parametrize(
    "family", ["longformer", "mistral", "modernbert", "deberta-v3", "bart", "opt", "gpt2"]
)
@pytest.mark.parametrize("layers", [None, [0, 1]])
def test_a_student_of_any_family_is_loaded_again_as_it_was(family, layers, tmp_path):
    teacher = teacher_of(family, tmp_path / "base")
    student = from_layers(teacher, layers)
    (tmp_path / "student").mkdir()
    student.save(tmp_path / "student")
    again = load_classifier(Model(path=tmp_path / "student"), ["a", "b"], port="student", max_length=16)
    batch = student.encode(["the camera is great", ""])
    given = batch.batch([0, 1], student.net.device)
    with torch.inference_mode():
        torch.testing.assert_close(again.net(**given).logits, student.net(**given).logits)


@pytest.mark.parametrize(
    ("family", "layers", "changes"),
    [
        ("longformer", [0, 2], {"attention_window": [4, 8, 16]}),
        ("modernbert", [0, 3], {}),
        ("qwen2", [2, 3], {"num_hidden_layers": 4, "sliding_window": 4, "use_sliding_window": True, "max_window_layers": 2}),
        ("deberta-v2", [1, 2], {}),
        ("opt", [1, 2], {"word_embed_proj_dim": 16}),
    ],
)  # fmt: skip
def test_a_student_computes_as_its_teacher_without_the_other_layers(family, layers, changes, tmp_path):
    teacher = teacher_of(family, tmp_path, **changes)
    teacher.net.config.use_cache = False
    encoded = teacher.encode(["the camera is great and the lamp is bad", "", "slow"])
    given = encoded.batch([0, 1, 2], teacher.net.device)
    student = from_layers(teacher, layers)
    stack = layer_stack(teacher.net, "layers", "")
    place, _, name = stack.rpartition(".")
    holder, kept = teacher.net.get_submodule(place), teacher.net.config.to_dict().get("layer_types")
    setattr(holder, name, torch.nn.ModuleList([getattr(holder, name)[layer] for layer in layers]))
    teacher.net.config.num_hidden_layers = len(layers)
    if kept:
        teacher.net.config.layer_types = [kept[layer] for layer in layers]
    with torch.inference_mode():
        torch.testing.assert_close(student.net(**given).logits, teacher.net(**given).logits)


def test_attention_windows_go_with_their_layers(tmp_path):
    teacher = teacher_of("longformer", tmp_path, attention_window=[4, 8, 16])
    assert from_layers(teacher, [0, 2]).net.config.attention_window == [4, 16]
    assert from_layers(teacher, None).net.config.attention_window == [4, 16]


@pytest.mark.parametrize(
    ("family", "layers", "changes", "reason"),
    [
        (
            "modernbert",
            [1, 2],
            {},
            r"the layers 1, 2 \(there is no place for model.layers.0.attn_norm.weight\)",
        ),
        (
            "albert",
            [0, 1],
            {"num_hidden_groups": 3},
            r"no albert network can be made of the layers 0, 1 \(they lack albert.encoder",
        ),
    ],
)
def test_layers_that_no_student_can_be_made_of_are_refused(family, layers, changes, reason, tmp_path):
    with pytest.raises(BadRequest, match=reason):
        from_layers(teacher_of(family, tmp_path, **changes), layers)


def test_a_network_that_counts_blocks_is_refused(teacher):
    from transformers import FunnelConfig, FunnelForSequenceClassification

    config = FunnelConfig(vocab_size=30, d_model=16, n_head=2, d_head=8, d_inner=16, block_sizes=[1, 1, 1])
    funnel = replace(teacher, net=FunnelForSequenceClassification(config))
    with pytest.raises(BadRequest, match="no funnel network can be made of the layers 0, 2"):
        from_layers(funnel, None)
