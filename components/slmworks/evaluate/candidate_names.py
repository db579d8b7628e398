"""Names of models that are compared with each other, told apart where two are alike."""

from collections.abc import Mapping


def names(wanted: Mapping[str, str]) -> dict[str, str]:
    """Model -> name; where two models have one name, the start of the digest tells them apart."""
    taken = list(wanted.values())
    return {
        model: name if taken.count(name) == 1 else f"{name} {model[:6]}" for model, name in wanted.items()
    }
