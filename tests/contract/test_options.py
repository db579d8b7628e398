"""What is said of an option that is wrong."""

import pytest

from slmworks.contract.options import OptionError, configure
from slmworks_text.curate import CurateText


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"columns": "class"}, "columns: input should be a valid array, got 'class'; a list is written in "
         "brackets: [class]."),
        ({"transfer": 3}, "got 3; a list is written in brackets: [3]."),
        ({"rows": "many"}, "rows: input should be a valid integer, got 'many'."),
    ],
    ids=["word", "number", "no-list"],
)  # fmt: skip
def test_one_word_where_a_list_is_wanted(options: dict[str, object], said: str) -> None:
    with pytest.raises(OptionError) as caught:
        configure(CurateText, "text", options)
    assert said in str(caught.value)
