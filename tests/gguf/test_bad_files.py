"""What isn't the whole of one GGUF model that is known: one line that says what, and what to do."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from toys import rewritten

import gguf
from slmworks.contract.artifact import Files, Model
from slmworks.contract.errors import BadRequest
from slmworks.testing import Bench
from slmworks_gguf import gguf_file
from slmworks_gguf.import_hf import ImportGguf
from slmworks_gguf.llama_cpp import opened


def refusal(path: Path) -> str:
    """The line that an import ends with; nothing was written."""
    bench = Bench(path.parent / f"bench-{path.stem}")
    task = bench.task("import")
    with pytest.raises(BadRequest) as refused:
        ImportGguf().run(model=Model(path=path.parent, format="gguf"), task=task)
    assert "\n" not in str(refused.value)
    assert list(task.output.iterdir()) == []
    return str(refused.value)


@pytest.fixture
def raw(llama_gguf: Model) -> bytes:
    return (llama_gguf.path / "model.gguf").read_bytes()


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda raw: b"GGML" + raw[4:], "not a GGUF file (it starts with 47 47 4d 4c, not with 'GGUF')."),
        (lambda raw: b"", "not a GGUF file (it starts with nothing, not with 'GGUF')."),
        (lambda raw: raw[:10], "cut short after 10 bytes, inside its header; fetch the file again."),
        (lambda raw: raw[:3000], "cut short after 3,000 bytes, inside its header; fetch the file again."),
        (lambda raw: raw[:-100], "inside tensor"),
        (
            lambda raw: raw[:4] + struct.pack("<I", 1) + raw[8:],
            "GGUF version 1, and versions 2 and 3 are read",
        ),
        (
            lambda raw: raw[:4] + struct.pack("<I", 9) + raw[8:],
            "GGUF version 9, and versions 2 and 3 are read",
        ),
        (lambda raw: raw[:4] + struct.pack(">I", 3) + raw[8:], "a big-endian GGUF file"),
        (lambda raw: raw[:8] + struct.pack("<Q", 2**60) + raw[16:], "cut short after"),
        (lambda raw: raw[:16] + struct.pack("<Q", 2**60) + raw[24:], "cut short after"),
    ],
)
def test_bytes_that_are_no_whole_file(
    raw: bytes, change: Callable[[bytes], bytes], line: str, tmp_path: Path
) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(change(raw))
    said = refusal(path)
    assert said.startswith("m.gguf: ")
    assert line in said


def test_a_file_cut_anywhere_is_said_to_be_cut(raw: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    for length in range(24, len(raw), len(raw) // 97):
        path.write_bytes(raw[:length])
        with pytest.raises(BadRequest, match="cut short after"):
            gguf_file.read(path)


def test_a_flipped_byte_in_the_header_is_one_line_or_another_value(raw: bytes, tmp_path: Path) -> None:
    """Whatever a damaged header says, reading it ends at once, with a file or with one line."""
    path = tmp_path / "m.gguf"
    for place in range(4, 12_000, 53):
        path.write_bytes(raw[:place] + bytes([raw[place] ^ 0x81]) + raw[place + 1 :])
        try:
            gguf_file.read(path)
        except BadRequest as error:
            assert "\n" not in str(error)


def put(key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda metadata: metadata.__setitem__(key, value)


def drop(*keys: str) -> Callable[[dict[str, Any]], None]:
    return lambda metadata: [metadata.pop(key) for key in keys] and None


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            put("general.architecture", "rwkv7"),
            "architecture 'rwkv7' (general.architecture); known: gemma2, llama",
        ),
        (put("tokenizer.ggml.pre", "mystery"), "pre-tokenizer 'mystery' (tokenizer.ggml.pre)"),
        (drop("tokenizer.ggml.pre"), "no pre-tokenizer (tokenizer.ggml.pre)"),
        (put("tokenizer.ggml.model", "llama"), "of kind 'llama' (tokenizer.ggml.model); known: gpt2"),
        (drop("tokenizer.ggml.model"), "it holds no tokenizer"),
        (drop("tokenizer.ggml.tokens"), "it holds no tokenizer"),
        (drop("tokenizer.ggml.merges"), "no merges (tokenizer.ggml.merges)"),
        (put("tokenizer.ggml.merges", ["a"]), "'a' is no merge of two tokens"),
        (put("tokenizer.ggml.merges", ["日 本"]), "its merges do not fit its tokens"),
        (put("tokenizer.ggml.eos_token_id", 4000), "its eos token is 4000, and there are 400 tokens"),
        (put("llama.rope.scaling.type", "yarn"), "llama.rope.scaling.type = yarn has no place in"),
        (put("llama.expert_count", 8), "llama.expert_count = 8 has no place in"),
        (
            put("llama.rope.dimension_count", 8),
            "has no place in transformers' configuration of this architecture",
        ),
        (put("llama.attention.sliding_window", 64), "llama.attention.sliding_window = 64 has no place in"),
        (
            put("llama.rope.scaling.original_context_length", 64),
            "original_context_length = 64 has no place in",
        ),
        (put("llama.block_count", 3), "it has no tensor for model.layers.2."),
        (put("llama.embedding_length", 32), "what its metadata says"),
        (
            drop("llama.attention.head_count"),
            "its metadata has no llama.attention.head_count; the file is damaged",
        ),
        (
            put("llama.attention.layer_norm_rms_epsilon", -1.0),
            "llama.attention.layer_norm_rms_epsilon is -1.0; the",
        ),
        (put("llama.attention.head_count", 0), "llama.attention.head_count is 0; the file is damaged"),
        (put("split.count", 3), "part of a model in 3 files; join them with llama.cpp's"),
    ],
)
def test_metadata_that_says_less_or_more_than_is_known(
    llama_gguf: Model, change: Callable[[dict[str, Any]], None], line: str, tmp_path: Path
) -> None:
    path = rewritten(llama_gguf.path / "model.gguf", tmp_path / "m.gguf", change)
    assert line in refusal(path)


def test_names_that_are_known_are_named(llama_gguf: Model, tmp_path: Path) -> None:
    change = put("tokenizer.ggml.pre", "mystery")
    path = rewritten(llama_gguf.path / "model.gguf", tmp_path / "m.gguf", change)
    assert "known: codeshell, command-r, dbrx," in refusal(path)


def test_tensors_without_a_place_and_places_without_a_tensor(llama_gguf: Model, tmp_path: Path) -> None:
    source = llama_gguf.path / "model.gguf"
    more, less = tmp_path / "more" / "m.gguf", tmp_path / "less" / "m.gguf"
    for path in (more, less):
        path.parent.mkdir()
    rewritten(source, more, lambda _: None, add="rope_freqs.weight")
    rewritten(source, less, lambda _: None, drop="blk.1.ffn_up.weight")
    assert "no place for its tensor rope_freqs.weight" in refusal(more)
    assert "it has no tensor for model.layers.1.mlp.up_proj.weight (1 are missing)" in refusal(less)
    with (
        pytest.raises(BadRequest, match=r"llama.cpp does not load it \(.*blk.1.ffn_up.weight"),
        opened(less, threads=1),
    ):
        pass


def test_tensor_types_that_nobody_can_read(llama_gguf: Model, raw: bytes, tmp_path: Path) -> None:
    file = gguf_file.read(llama_gguf.path / "model.gguf")
    name = file.tensors[0].name.encode()
    at = raw.index(struct.pack("<Q", len(name)) + name) + 8 + len(name)
    at += 4 + 8 * len(file.tensors[0].shape)
    assert raw[at : at + 4] == struct.pack("<I", gguf.GGMLQuantizationType.F32)
    for number, line in ((99, "has type 99, a type that gguf-py does not know"), (24, "has type I8")):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "m.gguf").write_bytes(raw[:at] + struct.pack("<I", number) + raw[at + 4 :])
        assert line in refusal(folder / "m.gguf")


def fetched(folder: Path, *names: str) -> Files:
    for name in names:
        path = folder / "model" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"GGUF")
    return Files(path=folder)


@pytest.mark.parametrize(
    ("names", "line"),
    [
        (
            ("a.gguf", "b.gguf"),
            "what was fetched holds 2 GGUF models (a.gguf, b.gguf); point at one of them.",
        ),
        (
            ("m-00001-of-00003.gguf", "m-00003-of-00003.gguf"),
            "m-00001-of-00003.gguf is a part of a model in 3 files, and m-00002-of-00003.gguf is missing; join",
        ),
        (("m-00002-of-00002.gguf",), "and m-00001-of-00002.gguf is missing"),
        (("m-00001-of-00002.gguf", "m-00002-of-00002.gguf"), "a part of a model in 2 files; join them with"),
        (("README.md",), "no .gguf file; point at"),
        (("config.json", "pytorch_model.bin"), "pytorch_model.bin is a pickle"),
    ],
)
def test_fetched_files_that_are_no_single_model(names: tuple[str, ...], line: str, tmp_path: Path) -> None:
    with pytest.raises(BadRequest) as refused:
        Model.from_files(fetched(tmp_path, *names))
    assert line in str(refused.value)


def test_the_one_gguf_file_among_fetched_files_is_a_model(tmp_path: Path) -> None:
    found = Model.from_files(fetched(tmp_path, "m.gguf", "README.md", "config.json"))
    assert (found.format, found.path) == ("gguf", tmp_path / "model")
    beside = Model.from_files(fetched(tmp_path, "model.safetensors"))
    assert beside.format == "hf"
