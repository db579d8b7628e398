"""Comparison of a version with the champion that it would replace.

A gate compares with the champion of the day its run began. Since then somebody may have approved another.
"""

from typing import TYPE_CHECKING

from slmworks.contract.artifact import Artifact
from slmworks.contract.errors import BadRequest, CorruptObject

if TYPE_CHECKING:
    from slmworks.registry.state import ModelState, Version
    from slmworks.store import Store


def not_compared(store: "Store", state: "ModelState", version: "Version") -> str:
    """A sentence about a version that was not judged against today's champion; empty if it was."""
    champion = state.champion
    if champion is None or version.status in ("approved", "rejected"):  # the log itself refuses those
        return ""
    judged = _judged_against(store, version.registered.verdict)
    if judged == champion.registered.model_digest:
        return ""
    then = next(
        (one.number for one in state.versions if judged and one.registered.model_digest == judged), None
    )
    said = f"was judged against v{then}, not against" if then else "was not compared with"
    return f"{state.name} v{version.number} {said} today's champion, v{champion.number}."


def _judged_against(store: "Store", verdict: str) -> str:
    """Digest of the champion in a verdict; empty where there was none, or the verdict is gone."""
    try:
        return Artifact.open(store.folder(verdict)).refs.get("champion_model", "")
    except (BadRequest, CorruptObject):
        return ""
