"""One export that all tests of the family look at."""

import pytest

from slmworks.contract.artifact import Model
from slmworks.testing import Bench, sealed
from slmworks_onnx.export import ExportOnnx


@pytest.fixture(scope="session")
def exported(tiny_classifier: Model, tmp_path_factory: pytest.TempPathFactory) -> Model:
    task = Bench(tmp_path_factory.mktemp("export")).task("export")
    return sealed(ExportOnnx().run(model=tiny_classifier, task=task))
