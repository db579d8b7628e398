"""Embeddings of both formats, of a bare encoder too, and their evaluation."""

import base64
import json
import shutil
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import families
from slmworks.contract import catalog
from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.runtime import open_runtime, outputs_all
from slmworks.evaluate.quality import Quality
from slmworks.evaluate.quality_report import QualityReport
from slmworks.model_tasks.feature_extraction import openai
from slmworks.model_tasks.feature_extraction.hf import HfEmbedder, pooling_of
from slmworks.testing import Bench, sealed
from slmworks_torch.embeddings import load_encoder

ROWS = [{"text": text} for text in ("the camera is great", "", "my lamp " * 40, "half \ud83d a pair")]


def embedder(model: Model) -> HfEmbedder:
    found = open_runtime(model, threads=1, model_task="feature-extraction")
    assert isinstance(found, HfEmbedder)
    return found


def test_a_bare_encoder_embeds_with_vectors_of_length_one(tiny_encoder: Model) -> None:
    found = embedder(tiny_encoder).outputs(ROWS)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)


def test_padding_changes_no_embedding(tiny_encoder: Model) -> None:
    runtime = embedder(tiny_encoder)
    alone = np.concatenate([runtime.outputs([row]) for row in ROWS])
    np.testing.assert_allclose(runtime.outputs(ROWS), alone, atol=1e-5)
    np.testing.assert_allclose(outputs_all(runtime, ROWS, 2), alone, atol=1e-5)


def test_a_folder_that_pools_otherwise_is_refused(tiny_encoder: Model, tmp_path) -> None:
    (tmp_path / "1_Pooling").mkdir()
    settings = tmp_path / "1_Pooling" / "config.json"
    model = Model(path=tmp_path)
    settings.write_text(json.dumps({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}))
    assert pooling_of(model) == "cls"
    settings.write_text(json.dumps({"pooling_mode_max_tokens": True}))
    with pytest.raises(BadRequest, match="pools by max_tokens"):
        pooling_of(model)


@pytest.mark.parametrize(
    ("pooling", "wanted"),
    [("mean", "mean"), ("cls", "cls"), (["cls"], "cls"), ("lasttoken", ""), (["mean", "max"], "")],
)
def test_poolings_other_names_are_read(pooling: object, wanted: str, tmp_path: Path) -> None:
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling/config.json").write_text(json.dumps({"pooling_mode": pooling}))
    if wanted:
        assert pooling_of(Model(path=tmp_path)) == wanted
    else:
        with pytest.raises(BadRequest, match="the encoder pools by .*; only mean_tokens or cls_token"):
            pooling_of(Model(path=tmp_path))


def modules(folder: Path, **paths: str) -> None:
    """A list of sentence-transformers' modules and where they are; the pooling one takes the first token."""
    listed = [{"type": f"sentence_transformers.models.{kind}", "path": path} for kind, path in paths.items()]
    (folder / "modules.json").write_text(json.dumps(listed))
    (folder / paths["Pooling"]).mkdir()
    (folder / paths["Pooling"] / "config.json").write_text(json.dumps({"pooling_mode_cls_token": True}))


def test_the_pooling_module_is_where_the_list_says(tmp_path: Path) -> None:
    modules(tmp_path, Transformer="", Pooling="pool", Normalize="2_Normalize")
    assert pooling_of(Model(path=tmp_path)) == "cls"


def test_a_module_that_is_not_computed_is_refused(tmp_path: Path) -> None:
    modules(tmp_path, Transformer="", Pooling="1_Pooling", Dense="2_Dense")
    with pytest.raises(BadRequest, match="followed by Dense, which is not computed here"):
        pooling_of(Model(path=tmp_path))


@pytest.mark.parametrize("name", ["modules.json", "1_Pooling/config.json", "sentence_bert_config.json"])
def test_a_broken_file_of_a_folder_is_named(name: str, tmp_path: Path) -> None:
    model = families.write("bert", tmp_path)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("{")
    with pytest.raises(BadRequest, match=f"{Path(name).name} in the model's folder is no JSON"):
        embedder(sealed(model))


@pytest.mark.parametrize("family", ["roberta", "mpnet", "longformer", "gpt2", "opt", "deberta-v3"])
@pytest.mark.parametrize("said", [None, 66])
def test_a_text_is_cut_where_positions_end(family: str, said: int | None, tmp_path: Path) -> None:
    model = families.write(family, tmp_path)
    if said:
        (tmp_path / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": said}))
    runtime, teacher = embedder(sealed(model)), load_encoder(model, None, port="teacher")
    assert runtime.max_length == teacher.max_length == families.LENGTH
    assert teacher.encode(["my lamp " * 99]).batch([0], "cpu")["input_ids"].shape == (1, families.LENGTH)
    alone = np.concatenate([runtime.outputs([row]) for row in ROWS])
    np.testing.assert_allclose(runtime.outputs([*ROWS, {"text": "my lamp " * 99}])[:-1], alone, atol=1e-5)


def test_a_classifier_is_not_measured_as_an_embedder(
    tiny_classifier: Model, tiny_search: Dataset, bench: Bench
) -> None:
    with pytest.raises(
        BadRequest, match="the model is for text-classification, the data for feature-extraction"
    ):
        Quality().run(model=tiny_classifier, baseline=None, data=tiny_search, task=bench.task("q"))


def test_an_encoder_is_judged_by_retrieval_beside_words(
    tiny_encoder: Model, tiny_search: Dataset, bench: Bench
) -> None:
    made = bench.keep(
        Quality().run(model=tiny_encoder, baseline=None, data=tiny_search, task=bench.task("q"))
    )
    report = QualityReport(made)
    assert report.model_task.name == "feature-extraction"
    assert list(report.measures()) == ["ndcg_10", "recall_10", "accuracy_1"]
    assert report.split("test")["details"]["documents"] == 8
    assert sum(report.split("test")["details"]["ranks"].values()) == 48
    assert (
        report.trivial["tf-idf"]["test"]["measures"]["ndcg_10"]["value"] > 0.9
    )  # the thing is in both texts
    page = catalog.model_task("feature-extraction").sections(report.split("test"), None)
    assert "Rank of the right document" in page[0]
    again = Quality().run(model=tiny_encoder, baseline=made, data=tiny_search, task=bench.task("again"))
    against = again.read()["splits"]["test"]["against"]
    assert (against["retention"]["value"], against["gained"], against["lost"]) == (1.0, 0, 0)


def test_a_question_without_a_document_is_refused(
    tiny_encoder: Model, tiny_search: Dataset, bench: Bench, tmp_path
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    for split in ("train", "validation", "test"):
        rows = tiny_search.rows(split, "id", "text", "document", "source")
        rows[0]["document"] = None if split == "test" else rows[0]["document"]
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / f"{split}.parquet")
    with pytest.raises(BadRequest, match="'test' has 1 rows without a document"):
        Quality().run(
            model=tiny_encoder, baseline=None, data=replace(tiny_search, path=tmp_path), task=bench.task("q")
        )


def test_openais_form_of_a_request_and_its_reply() -> None:
    numbers = [0.5, -0.25]
    one = openai.EmbeddingsRequest(input="a", encoding_format="base64")
    assert openai.rows(one) == [{"text": "a"}]
    reply = openai.reply(one, [{"embedding": numbers}], "search")
    assert list(struct.unpack("<2f", base64.b64decode(reply["data"][0]["embedding"]))) == numbers
    several = openai.EmbeddingsRequest(input=["a", "b"])
    assert [row["text"] for row in openai.rows(several)] == ["a", "b"]
    reply = openai.reply(several, [{"embedding": numbers}] * 2, "search")
    assert [one["index"] for one in reply["data"]] == [0, 1]
    assert reply["model"] == "search"


def test_it_embeds_when_its_folder_is_gone(tiny_embedder: Model, bench: Bench, tmp_path: Path) -> None:
    from slmworks_onnx.export import ExportOnnx

    made = ExportOnnx().run(model=tiny_embedder, task=bench.task("export"))
    rows = [{"text": text} for text in ("the camera is great", "", "terrible")]
    wanted = open_runtime(made, threads=1).answer(rows)
    copy = tmp_path / "copy"
    shutil.copytree(made.path, copy)
    runtime = open_runtime(replace(made, path=copy), threads=1)
    shutil.rmtree(copy)
    assert runtime.answer(rows) == wanted
