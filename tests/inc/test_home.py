"""Quantizing leaves nothing in anybody's home."""

import os
import subprocess
import sys
from pathlib import Path


def test_neural_compressor_makes_no_folder_in_the_home(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-c", "import slmworks_inc, neural_compressor.torch.quantization"],
        env={**os.environ, "HOME": str(tmp_path)}, check=True, capture_output=True, timeout=300,
    )  # fmt: skip
    assert list(tmp_path.iterdir()) == []
