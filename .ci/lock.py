"""The locks: every file that `make` may install, for each of its environments, by its sha256.

`uv pip compile` resolves what our distributions ask for, at the versions of the constraints, for every Python
and platform. Written here is only what it cannot know: torch's own CPU index has builds of torch too, and
what PyPI's builds need of CUDA is no part of an environment without them (`cuda-lock.txt`).
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
FAMILIES = ("text", "torch", "onnx", "inc", "gguf", "hosted", "serve", "kubernetes", "lm-eval")
MAIN = [
    "-e .[run,dev,kubeflow]",
    *(f"-e plugins/{family}[run]" for family in FAMILIES),
    "-e plugins/inc[autoround]",
    "-e plugins/text[documents]",
    "setuptools",
    "wheel",
]
APART = ("lm-eval",)
"""Families that few need: `make install-run` brings their names and not their libraries."""
RUN = [
    "-e .[run]",
    *(f"-e plugins/{family}[run]" for family in FAMILIES if family not in APART),
    *(f"-e plugins/{family}" for family in APART),
    "-e plugins/inc[autoround]",
    "-e plugins/text[documents]",
    "setuptools",
    "wheel",
]
"""What recipes need on one machine: neither the tools of tests nor Kubeflow."""
AIRFLOW = [
    "-e .[s3]", *(f"-e plugins/{family}" for family in FAMILIES), "-e plugins/airflow[run,pods]",
    "setuptools", "wheel",
]  # fmt: skip
OURS = ["slmworks", *(f"slmworks-{family}" for family in (*FAMILIES, "airflow"))]
BUILD = re.compile(r"(setuptools|wheel)==")
"""What builds the few that are published as sources only: it comes first, and is hashed too."""
CUDA = re.compile(r"nvidia-|cuda-|triton=")
HEAD = "# Written by `make lock` from {source}: every file that may be installed, by its sha256.\n"


def main() -> None:
    """Write all locks; the first argument is `uv`."""
    locked = compiled(sys.argv[1], MAIN, "constraints.txt")
    cuda = {name: entry for name, entry in locked.items() if CUDA.match(name)}
    rest = {name: entry for name, entry in locked.items() if name not in cuda}
    torch = next(name for name in rest if name.startswith("torch=="))
    cpu = "".join(f" \\\n    --hash=sha256:{digest}" for digest in cpu_builds(torch))
    write("torch-cpu-lock.txt", {torch: f"{torch}+cpu{cpu}"}, "torch-cpu.txt")
    write("lock.txt", rest, "constraints.txt")
    running = compiled(sys.argv[1], RUN, "constraints.txt")
    write("run-lock.txt", {name: rest[name] for name in rest if name in running}, "constraints.txt")
    write("build-lock.txt", {name: rest[name] for name in rest if BUILD.match(name)}, "constraints.txt")
    write("cuda-lock.txt", cuda, "what PyPI's build of torch needs on Linux")
    write(
        "airflow-lock.txt",
        compiled(sys.argv[1], AIRFLOW, "airflow-constraints.txt"),
        "airflow-constraints.txt",
    )
    for tools in ("docs", "tools"):
        wanted = (HERE / f"{tools}.in").read_text().splitlines()
        write(f"{tools}-lock.txt", compiled(sys.argv[1], wanted), f"{tools}.in")


def compiled(uv: str, wanted: list[str], constraints: str = "") -> dict[str, str]:
    """Pin (`name==version ; marker`) -> its whole entry, of all that is needed for what is wanted."""
    with tempfile.NamedTemporaryFile("w", suffix=".in", dir=HERE.parent) as file:  # paths in it are relative
        file.write("\n".join(wanted))
        file.flush()
        said = subprocess.run(
            [
                uv, "pip", "compile", file.name, "--quiet", "--universal", "--python-version", "3.11",
                "--generate-hashes", "--no-header", "--no-annotate", "--no-config",
                *(["--constraint", str(HERE / constraints)] if constraints else []),
                *(word for name in OURS for word in ("--no-emit-package", name)),
            ],
            cwd=HERE.parent, stdout=subprocess.PIPE, text=True, check=True,
        ).stdout  # fmt: skip
    entries = re.split(r"\n(?=[a-z])", said.strip())
    return {entry.partition(" \\")[0]: entry for entry in entries}


def cpu_builds(torch: str) -> list[str]:
    """Digests of the CPU index's builds of this version."""
    version = torch.partition("==")[2].partition(" ")[0]
    lines = [line.split() for line in (HERE / "torch-cpu.txt").read_text().splitlines() if line[0] != "#"]
    found = [digest for digest, name in lines if name.startswith(f"torch-{version}+cpu-")]
    if not found:
        sys.exit(f".ci/torch-cpu.txt: no build of torch {version}; write down what torch's CPU index lists.")
    return sorted(found)


def write(name: str, entries: dict[str, str], source: str) -> None:
    """One lock, sorted by name."""
    (HERE / name).write_text(
        HEAD.format(source=source) + "\n".join(entries[pin] for pin in sorted(entries)) + "\n"
    )


if __name__ == "__main__":
    main()
