#!/usr/bin/env bash
# Kubeflow Pipelines' compiler: the same pipeline is another file each time, where an input's default is a mapping
#
# Versions: kfp 2.17.0, Python 3.11.
#
# Guess before running it: `kfp.compiler` writes the same bytes for the same pipeline, for the specification is sorted YAML.
# What happens: the specification is the same, and the comment above it isn't. There the inputs are listed with their defaults, and the keys
# of a mapping stand in the order of a protobuf message's map, which is another one in each process; PYTHONHASHSEED changes nothing about
# it. So a compiled pipeline that is kept in git, or compared by its digest, differs though nothing has changed. Whole numbers have become
# decimals there, too.
#
# Output seen:
#   processes with one hash seed: 8, different files: more than one
#   different below the comment: 1
#   the lines that differ name the input: True
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check kfp==2.17.0
cat > "$work/line.py" <<'PYTHON'
import sys

from kfp import compiler, dsl


@dsl.container_component
def show(settings: dict):
    return dsl.ContainerSpec(image="busybox", command=["echo", settings])


@dsl.pipeline(name="line")
def line(settings: dict = {"alpha": 1, "beta": 2, "gamma": 3, "delta": 4}):
    show(settings=settings)


compiler.Compiler().compile(line, sys.argv[1])
PYTHON
for run in 1 2 3 4 5 6 7 8; do
    PYTHONHASHSEED=0 "$work/venv/bin/python" -W ignore "$work/line.py" "$work/$run.yaml"
done
"$work/venv/bin/python" - "$work" <<'PYTHON'
import sys
from pathlib import Path

files = [path.read_text() for path in sorted(Path(sys.argv[1]).glob("*.yaml"))]
below = ["".join(line for line in text.splitlines(True) if not line.startswith("#")) for text in files]
heads = [{line for line in text.splitlines() if line.startswith("#")} for text in files]
differing = set.union(*heads) - set.intersection(*heads)
print(f"processes with one hash seed: {len(files)}, different files: {'more than one' if len(set(files)) > 1 else 'one'}")
print("different below the comment:", len(set(below)))
print("the lines that differ name the input:", all("settings" in line for line in differing))
sys.exit(not (len(set(files)) > 1 and len(set(below)) == 1))
PYTHON
