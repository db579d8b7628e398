"""A student has its teacher's layers, renumbered, and shares no memory with it."""

from dataclasses import replace

import pytest

from slmworks.contract.errors import BadRequest
from slmworks.model_tasks.text_classification.labels import labels_of
from slmworks_torch import hf_folder, positions
from slmworks_torch.classification import load_classifier
from slmworks_torch.hf_folder import TextNetwork
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
    import torch

    whole = hf_folder.load(tiny_encoder, "AutoModel", port="teacher", max_length=16)
    student = from_layers(whole, [0, 1, 2, 3])
    ids = torch.tensor([[1, 5, 6, 2]])
    with torch.inference_mode():
        torch.testing.assert_close(student.net(ids).last_hidden_state, whole.net(ids).last_hidden_state)
    assert from_layers(whole, [2]).net.config.num_hidden_layers == 1


def test_training_the_student_leaves_the_teacher_alone(teacher):
    import torch

    before = teacher.net.classifier.weight.detach().clone()
    with torch.no_grad():
        from_layers(teacher, [0]).net.classifier.weight.zero_()
    assert teacher.net.classifier.weight.equal(before)


def test_positions_that_no_text_reaches_are_left_behind(teacher):
    import torch

    everything = [0, 1, 2, 3]
    student = from_layers(teacher, everything, max_length=8)
    assert student.net.config.max_position_embeddings == 8 < teacher.net.config.max_position_embeddings
    ids = torch.tensor([[1, 5, 6, 7, 8, 9, 10, 2]])
    with torch.inference_mode():
        torch.testing.assert_close(student.net(ids).logits, teacher.net(ids).logits)


def test_positions_behind_the_padding(teacher):
    from transformers import RobertaConfig, RobertaForSequenceClassification

    import torch

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
    with pytest.raises(BadRequest, match="no list of 4 layers"):
        from_layers(albert, [0, 1])


def _ids():
    import torch

    return torch.tensor([[1, 5, 6, 2]])
