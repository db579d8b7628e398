"""Manifests and headers: what is read is checked, whatever it holds."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slmworks.contract.artifact import HEADER, Artifact, Report
from slmworks.contract.errors import BadRequest
from slmworks.contract.manifest import File, Manifest, tree_digest
from slmworks.execution.spec import TaskSpec

FILES = (File(path="a/model.onnx", size=3, sha256="0" * 64), File(path=HEADER, size=1, sha256="1" * 64))
GOOD = json.loads(Manifest(kind="Model", format="onnx", digest=tree_digest(FILES), files=FILES).dump())

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


def read(value: Any) -> Manifest | None:
    """The manifest, or None if one clear line says why not."""
    try:
        return Manifest.read(value if isinstance(value, str | bytes) else json.dumps(value), where="m.json")
    except BadRequest as error:
        assert str(error).startswith("m.json: not a manifest: ")
        assert "\n" not in str(error)
        return None


def test_a_manifest_comes_back_as_it_was_written() -> None:
    found = read(GOOD)
    assert found is not None
    assert json.loads(found.dump()) == GOOD


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../outside", "a/../../outside", "a//b", "", ".", "a\\b", "a\0b"]
)
def test_a_file_lies_below_its_folder(path: str) -> None:
    assert read({**GOOD, "files": [{"path": path, "size": 1, "sha256": "0" * 64}]}) is None


@pytest.mark.parametrize("digest", ["../../registry", "0" * 63, "G" * 64])
def test_a_digest_cannot_name_another_place(digest: str) -> None:
    assert read({**GOOD, "digest": digest}) is None


def refusal(**changes: Any) -> str:
    """Why a manifest with these changes is refused."""
    with pytest.raises(BadRequest) as refused:
        Manifest.read(json.dumps({**GOOD, **changes}), where="m.json")
    return str(refused.value)


def test_a_digest_is_that_of_the_files_beside_it() -> None:
    model, header = GOOD["files"]
    for files in ([header], [model, {**header, "sha256": "2" * 64}], [model, {**header, "size": 2}], []):
        assert "its digest is not that of its files" in refusal(files=files)
    assert "its digest is not that of its files" in refusal(digest="")
    assert "names a file twice" in refusal(files=[model, header, header])
    assert read({**GOOD, "files": [header, model]}) is not None  # their order is nothing


@pytest.mark.parametrize("number", ["Infinity", "-Infinity", "NaN"])
def test_what_json_cannot_say_is_not_read(number: str) -> None:
    assert read(json.dumps({**GOOD, "summary": {"loss": 7}}).replace("7", number)) is None


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_any_bytes_are_a_manifest_or_a_clear_line(data: bytes | str) -> None:
    assert read(data) is None


@settings(max_examples=300)
@given(st.sampled_from(sorted(GOOD)) | st.text(max_size=10), JSON)
def test_any_change_to_a_manifest_is_read_or_refused(name: str, value: Any) -> None:
    found = read({**GOOD, name: value})
    if found is not None:
        assert read(found.dump()) == found


@given(JSON | st.binary(max_size=50))
def test_a_header_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    folder = tmp_path_factory.mktemp("artifact")
    header = {"kind": "Report", "format": "json", "meta": {}, "refs": {}}
    for data in (value, {**header, "kind": value} if not isinstance(value, bytes) else value):
        written = data if isinstance(data, bytes) else json.dumps(data).encode()
        (folder / HEADER).write_bytes(written)
        with pytest.raises(BadRequest, match="not an artifact"):
            Artifact.open(folder)


def test_a_header_says_what_a_folder_is(tmp_path: Path) -> None:
    Report(path=tmp_path, meta={"type": "speed"}).seal()
    assert Artifact.open(tmp_path) == Report(path=tmp_path, meta={"type": "speed"})


@given(st.text(max_size=80) | st.binary(max_size=80).map(lambda data: data.decode("latin-1")))
def test_a_task_spec_is_read_or_refused(word: str) -> None:
    with pytest.raises(BadRequest, match="--spec: not a task spec"):
        TaskSpec.decode(word)
