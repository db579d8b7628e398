"""A JSON Schema as an option of a plugin: what is wrong with it is said when the recipe is read."""

import json
from typing import Annotated, Any

from pydantic import AfterValidator

from slmworks.model_tasks.text_generation.json_answers import NO_OBJECT, parsed, schema_flaw

MORE = "see json-schema.org for what a schema may say"


def _sound(said: Any) -> Any:
    """The schema as it is; ValueError for a bad one. Without jsonschema, all that is asked is an object."""
    try:
        text = said if isinstance(said, str) else json.dumps(said)
    except (TypeError, ValueError) as error:
        raise ValueError(f"is no JSON ({error}); {MORE}") from error
    if not text:
        return said
    if found := schema_flaw(text) if isinstance(parsed(text), dict) else NO_OBJECT:
        raise ValueError(f"{found}; {MORE}")
    return said


JsonSchema = Annotated[dict[str, Any], AfterValidator(_sound)]
"""As a mapping; an empty one allows everything."""

JsonSchemaOrText = Annotated[dict[str, Any] | str, AfterValidator(_sound)]
"""As a mapping or as JSON text; an empty text is none."""
