"""One toy and one export of it that all tests of the family look at."""

import pytest
from toys import exported, toy

from slmworks.contract.artifact import Model
from slmworks.testing import Bench, sealed


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return toy(tmp_path_factory.mktemp("toy") / "llama")


@pytest.fixture(scope="session")
def llama_gguf(llama: Model, tmp_path_factory: pytest.TempPathFactory) -> Model:
    return exported(llama, Bench(tmp_path_factory.mktemp("export")))


@pytest.fixture(scope="session")
def embedder(tiny_embedder: Model, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """An embedding model in ONNX."""
    from slmworks_onnx.export import ExportOnnx

    task = Bench(tmp_path_factory.mktemp("embedder")).task("export")
    return sealed(ExportOnnx().run(model=tiny_embedder, task=task))
