"""The engine file: what it may say, and what every mistake in it costs (one line)."""

from pathlib import Path

import jsonschema
import pytest

from slmworks.contract.errors import BadRequest
from slmworks.engines.engine_file import EngineFile, engine_schema
from slmworks.recipe.lower import plan
from slmworks.recipe.recipe import Recipe

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = ROOT / "pipelines/engines/kubeflow.yaml"


def test_the_shipped_example_is_read_and_fits_the_schema() -> None:
    from slmworks.recipe.yaml_file import load

    engine = EngineFile.read(EXAMPLE)
    assert engine.settings.kubeflow.on_approval == "submit"
    value = load(EXAMPLE.read_text(), "x", "x", needs="")[0]
    jsonschema.Draft202012Validator(engine_schema()).validate(value)


def test_the_shipped_schema_is_today_s() -> None:
    import json

    shipped = json.loads((ROOT / "pipelines/engines/engine.schema.json").read_text())
    assert shipped == engine_schema(), "run `make schema`"


def test_every_setting_has_a_meaning() -> None:
    schema = engine_schema()
    for name, part in {"": schema, **schema["$defs"]}.items():
        for word, said in part.get("properties", {}).items():
            assert said.get("description"), f"{name}.{word}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stor: x", "e.yaml:1 stor: no such setting. Did you mean 'store'?"),
        ("store: 5", "e.yaml:1 store: input should be a valid string, got '5'; write it in quotes: '5'."),
        ("- store", "an engine file is a mapping"),
        ("", "the file is empty; an engine file needs at least `store`."),
        ("store: x\nfamilies:\n  slmworks:\n    imag: a:1", "e.yaml:4 families.slmworks.imag: no such setting. Did you mean 'image'?"),
        ("families: {slmworks: {image: core}}", "name a tag (not `latest`) or a digest"),
        ("families: {slmworks: {image: 'core:latest'}}", "name a tag (not `latest`)"),
        ("families: {slmworks: {image: 'Core Image:1'}}", "not the name of an image"),
        ("families: {slmworks: {image: 'a@sha256:12'}}", "not the name of an image"),
        ("defaults: {cpu: lots}", "e.yaml:1 defaults.cpu: must match"),
        ("defaults: {memory: 4}", "defaults.memory:"),
        ("defaults: {memory: 4 GB}", "defaults.memory:"),
        ("defaults: {timeout: 3600}", "defaults.timeout:"),
        ("defaults: {retries: -1}", "defaults.retries: input should be greater than or equal to 0, got '-1'."),
        ("stages: {finetun: {cpu: 1}}", "stages.finetun: no such stage. Did you mean 'finetune'?"),
        ("stages: {finetune: {tolerations: [{kee: a}]}}", "stages.finetune.tolerations.0.kee: no such setting. Did you mean 'key'?"),
        ("stages: {finetune: {accelerator: {count: 1}}}", "stages.finetune.accelerator.type: is needed."),
        ("secrets: {TOKEN: hunter2}", "e.yaml:1 secrets.TOKEN: must be a mapping of secret, key."),
        ("env: {AZURE_STORAGE_CONNECTION_STRING: 'AccountName=a;AccountKey=hunter2'}", "looks like a secret"),
        ("env: {HTTPS_PROXY: 'bob:hunter2@proxy:3128'}", "looks like a secret"),
        ("env: {NOTE: 'see mysql://bob:hunter2@h/x'}", "looks like a secret"),
        ("env: {PGPASS: hunter2}", "looks like a secret"),
        ("families: {slmworks-core: {image: 'a:1'}}", "families.slmworks-core: the core's family is called slmworks."),
        ("volumes: [{claim: a, path: /x}, {claim: a, path: /y}]", "volumes.1.claim: is mounted already"),
        ("volumes: [{claim: a, path: /x}, {config_map: b, path: /x}]", "volumes.1.path: is mounted already"),
        ("stages: {finetune: {volumes: [{claim: a, secret: b, path: /x}]}}", "stages.finetune.volumes.0: name one of `claim`, `config_map` and `secret`"),
        ("volumes: [{path: /x}]", "name one of `claim`, `config_map` and `secret`"),
        ("families: {slmworks: {env: {TOKEN: hunter2}}}", "families.slmworks.env.TOKEN: looks like a secret"),
        ("secrets: {A: {secret: s, key: k}}\nsteps: {small: {env: {A: x}}}", "steps.small.env.A: is among `secrets` too"),
        ("defaults: {labels: {team: true}}", "defaults.labels.team: input should be a valid string, got 'true'; write it in quotes: 'true'."),
        ("defaults: {labels: {team: 'a b'}}", "defaults.labels.team: must match"),
        ("defaults: {annotations: {'a b': x}}", "defaults.annotations.a b"),
        ("defaults: {limits: {cpu: lots}}", "defaults.limits.cpu"),
        ("stages: {finetune: {shm: much}}", "stages.finetune.shm: must match"),
        ("stages: {finetune: {pull_policy: Sometimes}}", "stages.finetune.pull_policy: input should be 'Always', 'IfNotPresent' or 'Never'"),
        ("stages: {finetune: {node_affinity: [{match: [{key: zone}]}]}}", "`operator: In` takes a list of values"),
        ("stages: {finetune: {node_affinity: [{match: [{key: zone, operator: Exists, values: [a]}]}]}}", "`operator: Exists` takes no values"),
        ("digests: {slmworks-core: 'sha256:12'}", "digests.slmworks-core: must match"),
        ("defaults: {cpu: 0}", "defaults.cpu: must match"),
        ("images: 'http://registry.example'", "images: must match"),
        ("secrets: {TOKEN: {secret: s}}", "secrets.TOKEN.key: is needed."),
        ("env: {AWS_SECRET_ACCESS_KEY: hunter2}", "env.AWS_SECRET_ACCESS_KEY: looks like a secret"),
        ("env: {DB_PASSWORD: hunter2}", "looks like a secret"),
        ("env: {A: 'http://me:hunter2@host/'}", "env.A: holds a user, a password or a token"),
        ("env: {A-B: x}", "env.A-B"),
        ("tracking: http://me:hunter2@mlflow", "tracking: holds a user, a password or a token"),
        ("kubeflow: {host: 'https://me:hunter2@kf'}", "kubeflow.host: holds a user"),
        ("kubeflow: {on_approval: deploy}", "kubeflow.on_approval:"),
        ("secrets: {A: {secret: s, key: k}}\nenv: {A: x}", "e.yaml:2 env.A: is among `secrets` too; keep one."),
        ("stages: {register: {secrets: {A: {secret: s, key: k}}}}\nenv: {A: x}", "e.yaml:2 env.A: is among `secrets` too"),
        ("stages: {register: {secrets: {A: hunter2}}}", "e.yaml:1 stages.register.secrets.A: must be a mapping of secret, key."),
        ("stages: {register: {secret: {A: {secret: s, key: k}}}}", "stages.register.secret: no such setting. Did you mean 'secrets'?"),
        ("steps: {small: {secrets: {A: {secret: s, key: k}}}}", "steps.small.secrets: no such setting."),
        ("volumes: [{claim: store, path: data}]", "volumes.0.path"),
        ("costs: {watts_per_core: 0}", "e.yaml:1 costs.watts_per_core: input should be greater than 0, got '0'."),
        ("costs: {watts: 12}", "e.yaml:1 costs.watts: no such setting."),
        ("reviewers: {ml: [{id: '3', nam: anna}]}", "e.yaml:1 reviewers.ml.0.nam: no such setting. Did you mean 'name'?"),
        ("reviewers: {ml: [{id: '3'}]}", "e.yaml:1 reviewers.ml.0.name: is needed."),
        ("reviewers: {ml: [3]}", "e.yaml:1 reviewers.ml.0: input should be a valid string, got '3'; write it in quotes: '3'."),
        ("deploy: {m: 3}", "e.yaml:1 deploy.m: must be a mapping of uses, with, got"),
        ("deploy: {m: {uses: kubernetes, wiht: {}}}", "e.yaml:1 deploy.m.wiht: no such setting. Did you mean 'with'?"),
        ("deploy: {m: {uses: {a: b}}}", "e.yaml:1 deploy.m.uses: input should be a valid string"),
        ("store: x\nstore: y", "written twice (first in line 1)"),
        ("store: &a x", "no anchors or aliases"),
        ("store: [", "not YAML"),
    ],
)  # fmt: skip
def test_a_mistake_costs_one_line(text: str, said: str) -> None:
    with pytest.raises(BadRequest) as caught:
        EngineFile.parse(text, file="e.yaml")
    message = str(caught.value)
    assert said in message
    assert "\n" not in message
    assert "hunter2" not in message


def test_what_computing_costs_is_in_the_run_s_record_and_in_no_identity() -> None:
    from slmworks.execution.records import RunRecord
    from slmworks.recipe.plan import plan_record

    planned = plan(Recipe.parse(RECIPE, folder=ROOT))
    costs = EngineFile.parse("costs: {watts_per_core: 12, grams_co2_per_kwh: 380}").settings.costs
    record = RunRecord.of("r", "done", plan_record(planned, costs), started="2026")
    assert record.costs == costs
    assert "costs" not in plan_record(planned)
    assert plan_record(planned, costs)["plan"] == plan_record(planned)["plan"]


def test_what_only_sounds_like_a_secret_is_none() -> None:
    EngineFile.parse(
        "env: {TOKENIZERS_PARALLELISM: 'false', GOOGLE_APPLICATION_CREDENTIALS: /var/key.json, "
        "AWS_WEB_IDENTITY_TOKEN_FILE: /var/token, AWS_ENDPOINT_URL: 'http://minio:9000'}"
    )


RECIPE = """\
name: line
steps:
  raw: {stage: fetch, from: {train: "https://example.com/a.csv"}}
  curate: {uses: text, from: {data: raw}}
  teacher: {stage: finetune, uses: classifier, from: {model: "hf://a/b@main", data: curate}}
  small: {stage: distill, uses: logit-kd, from: {teacher: teacher, data: curate}}
  baseline: {stage: evaluate, uses: quality, from: {model: teacher, data: curate}}
"""

ENGINE = """\
images: registry.example/works/
defaults: {cpu: 1, retries: 1}
families: {slmworks-torch: {cpu: 2, memory: 2Gi}}
stages: {finetune: {cpu: 3500m}}
steps: {teacher: {memory: 9Gi}, small: {image: x}}
"""


def test_the_narrowest_place_counts_and_a_step_s_own_fetch_is_no_part_of_it() -> None:
    engine = EngineFile.parse(ENGINE.replace(", small: {image: x}", ""))
    tasks = plan(Recipe.parse(RECIPE)).tasks
    seen = {
        name: (pod.cpu, pod.memory, pod.retries)
        for name, pod in ((n, engine.pod(t)) for n, t in tasks.items())
    }
    assert seen["raw"] == ("1", None, 1)
    assert seen["teacher"] == ("3500m", "9Gi", 1)
    assert seen["teacher.model"] == ("1", None, 1)
    assert seen["small"] == ("2", "2Gi", 1)
    assert engine.pod(tasks["teacher"]).threads == 3


def test_a_step_has_no_image_of_its_own() -> None:
    with pytest.raises(BadRequest, match=r"steps\.small\.image: no such setting"):
        EngineFile.parse(ENGINE)


def test_images_are_named_after_distributions_and_evaluation_runs_where_torch_is() -> None:
    engine = EngineFile.parse("images: registry.example/works/")
    tasks = plan(Recipe.parse(RECIPE)).tasks
    assert engine.image(tasks["raw"]) == "registry.example/works/slmworks-core:0.1.0"
    assert engine.image(tasks["curate"]) == "registry.example/works/slmworks-text:0.1.0"
    assert engine.image(tasks["baseline"]) == "registry.example/works/slmworks-torch:0.1.0"


def test_a_family_without_an_image_is_one_line() -> None:
    task = plan(Recipe.parse(RECIPE)).tasks["curate"]
    with pytest.raises(BadRequest) as caught:
        EngineFile.parse("store: x", file="e.yaml").image(task)
    assert str(caught.value) == (
        "e.yaml:1 families: no image for slmworks-text, which curate (curate text) runs in; "
        "add  slmworks-text: {image: …}."
    )


def test_a_folder_is_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "e.yaml").write_text("store: data/store")
    assert EngineFile.read(tmp_path / "e.yaml").open_store().root == tmp_path / "data/store"


@pytest.mark.parametrize("store", ["s3:/x", "ftp://x", "s3://user:pw@bucket"])
def test_a_store_that_is_none_is_said_with_its_place(store: str) -> None:
    with pytest.raises(BadRequest, match=r"^e\.yaml:1 store: "):
        EngineFile.parse(f"store: '{store}'", file="e.yaml").open_store()
