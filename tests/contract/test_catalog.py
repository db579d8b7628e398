"""Finding plugins: names without importing, one clear error for what cannot be used."""

import subprocess
import sys
from pathlib import Path

import pytest

from slmworks.contract import catalog
from slmworks.contract.catalog import BrokenPlugin
from slmworks.contract.errors import BadRequest


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch):
    """Install a distribution of a stranger: entry points and a module."""

    def install(distribution: str, entry_points: str, **modules: str) -> None:
        info = tmp_path / f"{distribution}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(entry_points)
        for name, text in modules.items():
            (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.syspath_prepend(str(tmp_path))
        catalog._installed.cache_clear()
        catalog.plugins.cache_clear()
        catalog._offered.cache_clear()
        catalog._load.cache_clear()

    yield install
    catalog._installed.cache_clear()
    catalog.plugins.cache_clear()
    catalog._offered.cache_clear()
    catalog._load.cache_clear()


def test_names_are_listed_without_importing(stranger) -> None:
    stranger(
        "never", "[slmworks.prune]\nnever = never_mod:Never\n", never_mod="raise SystemExit('imported')\n"
    )
    assert "never" in catalog.plugins("prune")


def test_a_broken_plugin_says_why_and_how_to_mend_it(stranger) -> None:
    stranger("broken", "[slmworks.prune]\nbroken = broken_mod:Broken\n", broken_mod="import not_there\n")
    with pytest.raises(BrokenPlugin, match="No module named 'not_there'") as caught:
        catalog.plugin("prune", "broken").load()
    assert "Traceback" in str(caught.value)
    assert "pip install --force-reinstall broken" in str(caught.value)


def test_two_distributions_with_one_name_are_both_named(stranger) -> None:
    stranger("first", "[slmworks.prune]\nsame = first_mod:A\n")
    stranger("second", "[slmworks.prune]\nsame = second_mod:B\n")
    with pytest.raises(BrokenPlugin, match=r"prune 'same' is offered by two distributions, \w+ and \w+"):
        catalog.plugins("prune")


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("class P: pass", "its class must derive from slmworks.prune.Prune"),
        ("from slmworks.prune import Prune\nclass P(Prune): pass", "needs a run\\(\\) with the parameters self, model"),
        ("from slmworks.prune import Prune\nclass P(Prune):\n  def run(self, *, data, task, **_): ...",
         r"needs a run\(\) with the parameters self, model, task; it may leave out data\.$"),
        ("from slmworks.prune import Prune\nclass P(Prune):\n  def run(self, *, model, dta, task): ...", "needs a run"),
        ("from slmworks.prune import Prune\nclass P(Prune):\n  reads = {'data': ('train',)}\n"
         "  def run(self, *, model, task, **_): ...", r"names a port 'data'. Its run\(\) leaves it out"),
        ("from slmworks.prune import Prune\nclass P(Prune):\n  reads = {'dta': ('train',)}\n"
         "  def run(self, *, model, data, task): ...", "names a port 'dta'. Did you mean 'data'"),
        ("from slmworks.prune import Prune\nclass P(Prune):\n  deterministic: bool = True\n"
         "  def run(self, *, model, data, task): ...",
         "prune 'odd' of odd: its field 'deterministic' is an option and hides the trait of that name, which stays False; "
         "write `deterministic: ClassVar = …`"),
    ],
)  # fmt: skip
def test_a_class_that_breaks_the_contract_is_refused(stranger, module: str, said: str) -> None:
    stranger("odd", "[slmworks.prune]\nodd = odd_mod:P\n", odd_mod=module)
    sys.modules.pop("odd_mod", None)
    with pytest.raises(BrokenPlugin, match=said):
        catalog.plugin("prune", "odd").load()


def test_an_unknown_plugin_offers_the_nearest_or_the_right_stage() -> None:
    with pytest.raises(BadRequest, match="no such distill plugin 'logit-kb'. Did you mean 'logit-kd'"):
        catalog.plugin("distill", "logit-kb")
    with pytest.raises(BadRequest, match="It is a plugin of distill"):
        catalog.plugin("prune", "logit-kd")


def test_listing_and_planning_import_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from slmworks.contract import catalog\n"
        "import slmworks.engines.local, slmworks.engines.forecast, slmworks.recipe.schema\n"
        "[p.load() for s in catalog.STAGES for p in catalog.plugins(s).values()]\n"
        "heavy = {'torch','transformers','mlflow','numpy','pyarrow','onnx','onnxruntime','sklearn','scipy','pandas',"
        "'neural_compressor','kfp','airflow','starlette'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_plan_with_identities_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from slmworks.contract import catalog\n"
        "from slmworks.execution.identity import code_digest\n"
        "[code_digest(p.load()) for s in catalog.STAGES for p in catalog.plugins(s).values()]\n"
        "heavy = {'torch', 'transformers', 'mlflow', 'numpy', 'pyarrow', 'onnxruntime', 'sklearn'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_plugin_of_another_model_task_names_those_that_work_for_it() -> None:
    said = catalog.others_for("distill", "text-classification")
    assert said.startswith("; use distill/")
    assert "distill/logit-kd" in said
    assert catalog.others_for("distill", "no-such-task") == ""
