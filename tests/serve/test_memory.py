"""What loading a release takes, in a process that loaded a small one before."""

import subprocess
import sys

import pytest

from releases import built, word_counter

LOAD = """
import re, sys
from pathlib import Path

from slmworks.registry.release import Approved
from slmworks.registry.state import Entry
from slmworks_serve.model import load

def has(name):  # ru_maxrss would begin with what the process that started this one had
    return int(re.search(name + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024

small, large = (
    Approved(Path(folder), Entry.model_validate_json(Path(folder + ".json").read_text()))
    for folder in sys.argv[1:]
)
load(small)
before = has("VmRSS")
loaded = load(large)
print(has("VmHWM") - before, has("VmRSS") - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_loading_takes_little_more_than_twice_the_model_and_keeps_it_once(tmp_path):
    folders = []
    for name, words in (("small", 0), ("large", 8_000_000)):
        approved = built(word_counter(tmp_path / f"{name} model", words=words), tmp_path / name)
        (tmp_path / f"{name}.json").write_text(approved.entry.model_dump_json())
        folders.append(str(approved.folder))
    size = (tmp_path / "large" / "model" / "model.onnx").stat().st_size
    done = subprocess.run([sys.executable, "-c", LOAD, *folders], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    taken, stays = (int(one) / size for one in done.stdout.split())
    assert taken < 2.2, f"a model of {size / 1e6:.0f} MB"
    assert stays < 1.3
