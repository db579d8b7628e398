"""Reading a question: whatever is wrong with it is found out once, however often it is there."""

import pytest
from pydantic import ValidationError

from slmworks.contract.catalog import model_task
from slmworks_serve.limits import Limits, Refused
from slmworks_serve.messages import RowsReader

READER = RowsReader(model_task("text-classification"))
MANY_NUMBERS = b'{"texts":[' + b",".join([b"1"] * 50_000) + b"]}"
MANY_KEYS = b"{" + b",".join(b'"key%d":1' % number for number in range(50_000)) + b"}"


@pytest.mark.parametrize(
    ("body", "line"),
    [(MANY_NUMBERS, "texts.0: Input should be a valid string"), (MANY_KEYS, "key0: Extra inputs are not")],
)
def test_a_body_full_of_mistakes_is_refused_at_the_first(body, line):
    with pytest.raises(ValidationError) as found:
        READER.adapter.validate_json(body)
    assert found.value.error_count() == 1
    with pytest.raises(Refused, match=line) as refused:
        READER.read(body, Limits())
    assert refused.value.status == 422
    assert len(refused.value.line) < 200


def test_the_schema_for_programs_names_both_fields_and_no_others():
    schema = READER.adapter.json_schema()
    assert (list(schema["properties"]), schema["additionalProperties"]) == (["text", "texts"], False)
