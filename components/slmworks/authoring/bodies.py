"""Parts of skeletons, stage by stage."""

from slmworks.authoring.body import Body
from slmworks.authoring.data_bodies import CURATE, FETCH
from slmworks.authoring.judging_bodies import EVALUATE, GATE, SELECT

# --- stages that make a model from a model ---------------------------------------------------------------

COPY = """\
        shutil.copytree($given.path, task.output, dirs_exist_ok=True, copy_function=shutil.copyfile)
        task.say("handed on as it was")
        return Model(path=task.output, format=$given.format, meta=dict($given.meta))
"""

COPY_TEST = '''\
"""The model comes out as it went in."""

from pathlib import Path

from slmworks import $kinds
from slmworks.testing import Bench

from $package.$stage import $cls


def test_it_hands_on_the_model_as_it_is(tmp_path: Path) -> None:
    """Files and meta are those of the input."""
    bench = Bench(tmp_path)
    (tmp_path / "given").mkdir()
    (tmp_path / "given/model.safetensors").write_bytes(b"weights")
    given = bench.keep(Model(path=tmp_path / "given", meta={"max_length": 32}))
    plugin = $cls()
    made = plugin.run($arguments, task=bench.task("run"))
    assert (made.path / "model.safetensors").read_bytes() == b"weights"
    assert made.meta == given.meta
'''


def _copying(data: str = "", *leaves_out: str) -> Body:
    """A step that hands on the model; `data`: its port for rows."""
    reads = f'    reads: ClassVar = {{"{data}": ("train", "validation")}}\n' if data else ""
    return Body(
        description="Hand on the model as it is.",
        promise="Copy the model's files.",
        run=COPY,
        test=COPY_TEST,
        fields=f"{reads}    deterministic: ClassVar = True\n",
        imports=("import shutil", "from typing import ClassVar"),
        leaves_out=leaves_out,
    )


# --- register, approve and deploy: nobody else's registry, reviewers or machines can be guessed -----------

REFUSE_TEST = '''\
"""What isn't written yet is refused in one line."""

from pathlib import Path

import pytest
from slmworks import BadRequest, $kinds
from slmworks.testing import Bench

from $package.$stage import $cls


def test_it_says_what_is_missing(tmp_path: Path) -> None:
    """Nothing is done halfway."""
    bench = Bench(tmp_path)
    plugin = $cls()
    with pytest.raises(BadRequest, match="not written yet"):
        plugin.run($arguments, task=bench.task("run"))
'''


def _refusing(description: str, missing: str) -> Body:
    """A step that refuses to run, with the sentence about the part that is missing."""
    return Body(
        description=description,
        promise="Not written yet.",
        run=f'        missing = "{missing}"\n'
        '        raise BadRequest(f"$stage $name is not written yet: {missing}")\n',
        test=REFUSE_TEST,
        fields="    light: ClassVar = True\n",
        ours=("BadRequest",),
    )


BODIES = {
    "fetch": FETCH,
    "curate": CURATE,
    "finetune": _copying("data"),
    "distill": _copying("data", "student"),
    "align": _copying("data"),
    "prune": _copying("", "data"),
    "factorize": _copying("", "data"),
    "quantize": _copying("", "calibration"),
    "export": _copying("", "calibration"),
    "evaluate": EVALUATE,
    "select": SELECT,
    "gate": GATE,
    "register": _refusing(
        "Enter the chosen model in a registry.",
        "make the release in task.output and return a Release with name and version in its meta.",
    ),
    "approve": _refusing(
        "Hand on a release that a person approved.",
        "look up who decided, and return the release or raise BadRequest.",
    ),
    "deploy": _refusing(
        "Put an approved release where it answers.",
        "verify the approval, deploy, and write deployment.json into task.output.",
    ),
}
"""Stage -> the parts of its skeleton."""
