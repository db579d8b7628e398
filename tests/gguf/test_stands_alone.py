"""The gguf runtime's stand-alone source: the same answers where only jinja2 and xllamacpp are there."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from test_generator import ROWS
from toys import exported, imported, limited, toy

from slmworks.contract.artifact import Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.runtime import open_runtime
from slmworks.registry.standalone import standalone_source
from slmworks.testing import Bench
from slmworks_gguf.generator import GgufGenerator
from slmworks_gguf.quantize import QuantizeGguf

ASK = """
import json, sys
for name in ("slmworks", "slmworks_gguf", "torch", "transformers", "gguf", "numpy", "tokenizers"):
    sys.modules[name] = None
from runtime import GgufGenerator
try:
    print(json.dumps(GgufGenerator(sys.argv[1]).answer(json.loads(sys.argv[2]))))
except ValueError as error:
    print(json.dumps(f"{type(error).__name__}: {error}"))
"""


def alone(folder: Path, rows: list[Any], scratch: Path) -> Any:
    """What the stand-alone source says of rows, in a process of its own: answers, or its refusal."""
    (scratch / "runtime.py").write_text(standalone_source(GgufGenerator), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", ASK, folder, json.dumps(rows)],
        cwd=scratch, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


def gguf(model: Model) -> GgufGenerator:
    found = open_runtime(model, threads=1, model_task="text-generation")
    assert isinstance(found, GgufGenerator)
    return found


def test_it_answers_the_same_alone(llama_gguf: Model, tmp_path: Path) -> None:
    for model in (llama_gguf, limited(llama_gguf, 12)):
        wanted = gguf(model).answer(ROWS)
        assert alone(model.path, ROWS, tmp_path) == wanted
    assert GgufGenerator.packages == ("jinja2", "xllamacpp")


def test_the_length_of_an_answer_goes_from_the_header_into_the_file_and_back(
    llama: Model, tmp_path: Path
) -> None:
    short = Model(path=llama.path, format="hf", digest=llama.digest, meta={**llama.meta, "max_new_tokens": 7})
    file = exported(short, Bench(tmp_path))
    assert gguf(file).most == 7
    assert gguf(Model(path=file.path, format="gguf", digest=file.digest)).most == 7


def test_the_length_is_kept_by_rounding_and_by_reading(llama_gguf: Model, tmp_path: Path) -> None:
    bench, short = Bench(tmp_path), limited(llama_gguf, 9)
    bare = Model(path=short.path, format="gguf", digest=short.digest)
    rounded = QuantizeGguf(type="q8_0").run(model=bare, calibration=None, task=bench.task("quantize"))
    read = imported(bare, bench)
    assert (rounded.meta["max_new_tokens"], read.meta["max_new_tokens"]) == (9, 9)
    assert (gguf(rounded).most, gguf(exported(read, bench)).most) == (9, 9)


def test_a_header_that_says_another_length_than_the_file_is_refused(llama_gguf: Model) -> None:
    other = Model(path=llama_gguf.path, format="gguf", digest="", meta={"max_new_tokens": 7})
    with pytest.raises(
        BadRequest, match=r"header says max_new_tokens 7, and its file 256, .* export it again"
    ):
        gguf(other)


def test_no_such_length_is_refused_before_anything_is_written(llama: Model, tmp_path: Path) -> None:
    for wrong in (0, -1, "many", 2.5):
        model = Model(path=llama.path, format="hf", digest=llama.digest, meta={"max_new_tokens": wrong})
        with pytest.raises(BadRequest, match="export: the model's header says max_new_tokens"):
            exported(model, Bench(tmp_path / str(wrong)))
        assert not list(tmp_path.rglob("*.gguf"))


def test_what_it_cannot_answer_is_a_line_there_too(llama_gguf: Model, tmp_path: Path) -> None:
    wrong = [{"messages": [{"role": "assistant", "content": "a"}]}]
    with pytest.raises(BadRequest) as refused:
        gguf(llama_gguf).answer(wrong)
    assert alone(llama_gguf.path, wrong, tmp_path) == f"BadRequest: {refused.value}"


def test_a_file_that_is_none_is_a_line_there_too(llama_gguf: Model, tmp_path: Path) -> None:
    whole = (llama_gguf.path / "model.gguf").read_bytes()
    for name, data, line in (
        ("magic", b"GGML" + whole[4:], "model.gguf: not a GGUF file (it starts with 47 47 4d 4c"),
        ("header", whole[:4000], "model.gguf: cut short after 4,000 bytes, inside its header"),
        ("weights", whole[: len(whole) // 2], "model.gguf: llama.cpp doesn't load it"),
    ):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "model.gguf").write_bytes(data)
        said = alone(folder, ROWS[:1], tmp_path)
        assert said.startswith("BadRequest: ")
        assert line in said
        with pytest.raises(BadRequest) as refused:
            gguf(Model(path=folder, format="gguf", digest=""))
        assert said == f"BadRequest: {refused.value}"
    (folder / "model.gguf").unlink()
    assert alone(folder, ROWS[:1], tmp_path).startswith("BadRequest: weights/ holds 0 .gguf files")


def test_a_model_without_a_template_says_so_there_too(tmp_path: Path) -> None:
    folder = toy(tmp_path / "llama", template="")
    file = exported(folder, Bench(tmp_path))
    assert "the model has no chat template, so it only continues text" in alone(file.path, ROWS[:1], tmp_path)
    assert alone(file.path, ROWS[3:4], tmp_path) == gguf(file).answer(ROWS[3:4])
