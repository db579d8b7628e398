"""What loading a release of a generator takes: its file once, mapped, and keys and values."""

import subprocess
import sys
from pathlib import Path

import pytest
from toys import exported, toy

from releases import built
from slmworks.testing import Bench

LOAD = """
import re, sys
from pathlib import Path

from slmworks.registry.release import Approved
from slmworks.registry.state import Entry
from slmworks_serve.model import load

def has(name):
    return int(re.search(name + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024

small, large = (
    Approved(Path(folder), Entry.model_validate_json(Path(folder + ".json").read_text()))
    for folder in sys.argv[1:]
)
load(small)
before, mapped = has("VmRSS"), has("RssFile")
loaded = load(large)
print(has("VmHWM") - before, has("RssFile") - mapped)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_loading_takes_the_file_once(tmp_path: Path) -> None:
    folders = []
    wide = {"hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 6, "initializer_range": 0.05}
    for name, sizes in (("small", {}), ("large", wide)):
        model = exported(toy(tmp_path / f"{name} model", **sizes), Bench(tmp_path / f"{name} bench"))
        approved = built(model, tmp_path / name)
        (tmp_path / f"{name}.json").write_text(approved.entry.model_dump_json())
        folders.append(str(approved.folder))
    size = (tmp_path / "large" / "model" / "model.gguf").stat().st_size
    done = subprocess.run([sys.executable, "-c", LOAD, *folders], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    taken, mapped = (int(one) / size for one in done.stdout.split())
    assert taken < 1.4, f"a model of {size / 1e6:.0f} MB"
    assert 0.9 < mapped < 1.1
    print(f"{size / 1e6:.0f} MB: at its peak {taken:.2f} of that more, {mapped:.2f} mapped")
