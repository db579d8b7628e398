"""What a task is: which changes make it another task, and which don't."""

import importlib
import shutil
import sys
from pathlib import Path

import pytest

from slmworks.contract import catalog
from slmworks.contract.manifest import File, Manifest, tree_digest
from slmworks.execution import identity
from slmworks.execution.identity import code_digest, fingerprint, module_digest, read_files


@pytest.fixture
def toy(tmp_path: Path, monkeypatch):
    """The toy family's module, loaded from a copy that may be edited."""
    copy = tmp_path / "slmworks_toy"
    shutil.copytree(Path(__file__).parents[1] / "toy/slmworks_toy", copy)
    monkeypatch.syspath_prepend(str(tmp_path))

    def loaded():
        return [name for name in sys.modules if name.partition(".")[0] == "slmworks_toy"]

    def forget():
        for name in loaded():
            del sys.modules[name]

    before = {name: sys.modules[name] for name in loaded()}

    def load():
        forget()
        importlib.invalidate_caches()
        module_digest.cache_clear()
        return importlib.import_module("slmworks_toy.steps")

    yield copy, load
    forget()  # or later tests would find the copy, which is gone by then
    sys.modules.update(before)
    module_digest.cache_clear()


def test_code_is_the_module_and_what_it_imports(toy) -> None:
    folder, load = toy
    before = code_digest(load().ToyFinetune)
    assert code_digest(load().ToyFinetune) == before
    (folder / "words.py").write_text('GREETING = "good day"\n')
    assert code_digest(load().ToyFinetune) != before


def test_a_module_that_is_not_imported_does_not_count(toy) -> None:
    folder, load = toy
    before = code_digest(load().ToyFinetune)
    (folder / "other.py").write_text("x = 1\n")
    assert code_digest(load().ToyFinetune) == before


def dataset(**splits: str) -> Manifest:
    files = [File(path=f"{split}.parquet", size=1, sha256=text * 64) for split, text in splits.items()]
    files.append(File(path="slmworks.json", size=1, sha256="0" * 64))
    return Manifest(kind="Dataset", format="parquet", digest=tree_digest(files), files=tuple(files))


def identify(plugin, data: Manifest, **changes) -> str:
    given = {
        "stage": "finetune", "name": "toy", "options": {"epochs": 2}, "inputs": {"data": data},
        "sources": {}, "threads": 1, **changes,
    }  # fmt: skip
    return fingerprint(plugin, **given)


def test_a_new_test_set_retrains_nothing(toy) -> None:
    _, load = toy
    plugin = load().ToyFinetune
    one = dataset(train="a", validation="b", test="c")
    other_test = dataset(train="a", validation="b", test="d")
    other_train = dataset(train="e", validation="b", test="c")
    assert {f.path for f in read_files(plugin, "data", one)} == {
        "slmworks.json", "train.parquet", "validation.parquet",
    }  # fmt: skip
    assert identify(plugin, one) == identify(plugin, other_test)
    assert identify(plugin, one) != identify(plugin, other_train)


def test_options_names_and_dependencies_count_and_threads_only_where_asked(toy, monkeypatch) -> None:
    _, load = toy
    plugin, data = load().ToyFinetune, dataset(train="a", validation="b", test="c")
    assert identify(plugin, data) != identify(plugin, data, options={"epochs": 3})
    assert identify(plugin, data) == identify(plugin, data, threads=8)
    assert identify(plugin, data) == identify(plugin, data, names={})
    assert identify(plugin, data, names={"reports": ["a"]}) != identify(
        plugin, data, names={"reports": ["b"]}
    )
    monkeypatch.setattr(plugin, "depends_on", ("threads", "cpu", "numpy"))
    assert identify(plugin, data) != identify(plugin, data, threads=8)
    here = identify(plugin, data)
    monkeypatch.setattr(identity, "cpu_name", lambda: "another processor")
    assert identify(plugin, data) != here


def test_a_port_that_is_ignored_does_not_count(toy) -> None:
    _, load = toy
    plugin = load().ToyOnnxOnly
    one, other = dataset(train="a"), dataset(train="b")
    assert identify(plugin, one, inputs={"calibration": one}) == identify(
        plugin, one, inputs={"calibration": other}
    )


def test_docstrings_comments_and_blank_lines_are_no_code() -> None:
    written = (
        b'"""Doc."""\nimport os  # why\n\n\nclass A:\n    """Doc."""\n\n    x = "# text"\n    """Field."""\n'
    )
    bare = b'import os\nclass A:\n    x = "# text"\n'
    assert identity.without_comments(written) == identity.without_comments(bare)
    other = written.replace(b"# text", b"# other")
    assert identity.without_comments(other) != identity.without_comments(bare)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b'x = """a\n\nb"""\n', b'x = """a\nb"""\n'),  # blank lines inside a string are its text
        (b"x = 'a # b'\n", b"x = 'a # c'\n"),
        (b'def f():\n    return "a"\n', b'def f():\n    return "b"\n'),
    ],
)
def test_the_text_of_a_string_is_code(one: bytes, other: bytes) -> None:
    assert identity.without_comments(one) != identity.without_comments(other)


def test_a_model_tasks_code_belongs_to_what_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = catalog.plugin("evaluate", "quality").load()
    manifest = Manifest(kind="Model", format="onnx", digest="", files=(), meta={"task": "classification"})

    def found() -> str:
        return identity.fingerprint(
            plugin,
            stage="evaluate",
            name="quality",
            options={},
            inputs={"model": manifest},
            sources={},
            threads=1,
        )

    before, real = found(), identity.module_digest
    edited = "slmworks.model_tasks.text_classification.task"
    monkeypatch.setattr(identity, "module_digest", lambda name: "edited" if name == edited else real(name))
    assert found() != before
