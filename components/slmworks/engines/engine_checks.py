"""What an engine file may not say: secrets and credentials, one volume twice, stages that don't exist."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from slmworks.contract.catalog import CORE, STAGES
from slmworks.contract.errors import BadRequest, did_you_mean
from slmworks.engines.pod_settings import Pod, Volume
from slmworks.engines.settings import Settings
from slmworks.fetch.secrets import is_secret_variable
from slmworks.fetch.url import refuse_credentials

if TYPE_CHECKING:
    from slmworks.engines.engine_file import EngineFile


def check(file: "EngineFile") -> None:
    """BadRequest for the first mistake of a file, with its place."""
    said = file.settings
    for stage in said.stages:
        if stage not in STAGES:
            raise BadRequest(f"{file.at('stages', stage)}: no such stage. {did_you_mean(stage, STAGES)}")
    if f"{CORE}-core" in said.families:
        raise BadRequest(f"{file.at('families', f'{CORE}-core')}: the core's family is called {CORE}.")
    for where, volumes in sayings(said, "volumes"):
        _check_volumes(file, where, volumes)
    for word in ("store", "tracking", "images"):
        _refuse_credentials(file, getattr(said, word) or "", word)
    _refuse_credentials(file, said.kubeflow.host or "", "kubeflow", "host")
    for where, env in sayings(said, "env"):
        _check_env(file, where, env)


def refuse(file: "EngineFile", setting: str, why: str) -> None:
    """BadRequest with its first place if a setting of pods is said anywhere."""
    for where, _ in sayings(file.settings, setting):
        raise BadRequest(f"{file.at(*where)}: {why}")


def sayings(said: Settings, setting: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Each place that says a setting of pods, and what it says; some stand at the top of the file too."""
    if setting in Settings.model_fields:
        yield (setting,), getattr(said, setting)
    places: dict[tuple[str, ...], Pod] = {("defaults",): said.defaults}
    for word in ("families", "stages", "steps"):
        places |= {(word, name): pod for name, pod in getattr(said, word).items()}
    for where, pod in places.items():
        if (found := getattr(pod, setting)) is not None:
            yield (*where, setting), found


def _check_env(file: "EngineFile", where: tuple[str, ...], env: Mapping[str, str]) -> None:
    said = file.settings
    secrets = set(said.secrets).union(*(one.secrets for one in said.stages.values()))
    for variable, value in env.items():
        _refuse_credentials(file, value, *where, variable)
        if variable in secrets:
            raise BadRequest(f"{file.at(*where, variable)}: is among `secrets` too; keep one.")
        if is_secret_variable(variable, value):
            raise BadRequest(
                f"{file.at(*where, variable)}: looks like a secret, which this file is no place for; put "
                f"it into a Secret of the cluster: secrets: {{{variable}: {{secret: …, key: …}}}}."
            )


def _check_volumes(file: "EngineFile", where: tuple[str, ...], volumes: Sequence[Volume]) -> None:
    for number, volume in enumerate(volumes):
        for other in volumes[:number]:
            if volume.collides(other):
                word = "path" if volume.path == other.path else volume.kind
                raise BadRequest(f"{file.at(*where, number, word)}: is mounted already; name each once.")


def _refuse_credentials(file: "EngineFile", value: str, *where: str) -> None:
    try:
        refuse_credentials(value)
    except BadRequest:
        raise BadRequest(
            f"{file.at(*where)}: holds a user, a password or a token; leave them out of the address and "
            "give them by reference under `secrets`."
        ) from None
