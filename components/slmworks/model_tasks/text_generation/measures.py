"""What an answer adds to each measure: exact match, token F1, ROUGE, valid JSON, groundedness."""

import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from itertools import pairwise
from typing import Any

from slmworks.contract.model_task import Answer, Row
from slmworks.model_tasks.text_generation import json_answers
from slmworks.model_tasks.text_generation.messages import TOOLS

GROUNDED = 0.5
"""Share of a true answer's words that come from the conversation, from which on answers should, too."""
_WORD = re.compile(r"\w+")


def exact(row: Row, answer: Answer) -> tuple[float, ...]:
    """(1, 1) for the very answer, outer blanks apart; JSON objects and lists are equal as values."""
    return (float(same(str(row["completion"]), str(answer["text"]))), 1.0)


def token_f1(row: Row, answer: Answer) -> tuple[float, ...]:
    """(F1 of the words in both, as a bag, 1): as SQuAD has it (Rajpurkar et al., 2016).

    Words are runs of letters and digits in lower case; articles count, for they are English only.
    """
    return (_shared_f1(*_pair(row, answer)), 1.0)


def rouge_1(row: Row, answer: Answer) -> tuple[float, ...]:
    """(F1 of the words in both, as a bag, 1): ROUGE-1 (Lin, 2004), without stemming."""
    return (_shared_f1(*_pair(row, answer)), 1.0)


def rouge_2(row: Row, answer: Answer) -> tuple[float, ...]:
    """(F1 of the pairs of neighbouring words in both, 1): ROUGE-2; a text of one word has none."""
    truth, said = (list(pairwise(words)) for words in _pair(row, answer))
    return (_shared_f1(truth, said) if truth or said else 0.0, 1.0)


def rouge_l(row: Row, answer: Answer) -> tuple[float, ...]:
    """(F1 of the longest common subsequence of words, 1): ROUGE-L (Lin, 2004), without stemming."""
    truth, said = _pair(row, answer)
    return (_f1(longest_common(truth, said), truth, said), 1.0)


def valid_json(row: Row, answer: Answer) -> tuple[float, ...]:
    """(1, 1) for an answer that parses and follows the row's schema; (0, 0) for a row that wants no JSON."""
    if not wants_json(row):
        return (0.0, 0.0)
    found = json_answers.parsed(str(answer["text"]))
    schema = row.get("schema") or ""
    valid = found is not json_answers.NOTHING and (not schema or json_answers.follows(found, schema))
    return (float(valid), 1.0)


def grounded(row: Row, answer: Answer) -> tuple[float, ...]:
    """(share of the answer's words that are in the conversation, 1): K-Precision (Adlakha et al., 2024).

    (0, 0) for a row whose true answer itself has less than half of its words from there: it asks for what the
    model knows. A word counts as often as the conversation has it; an answer without words adds (0, 1).
    """
    given = Counter(_words(_conversation(row)))
    if _supported(str(row["completion"]), given) < GROUNDED:
        return (0.0, 0.0)
    return (_supported(str(answer["text"]), given), 1.0)


def _conversation(row: Row) -> str:
    """All that is said before the answer; schemas of tools are none of it."""
    return "\n".join(str(one["content"]) for one in row["messages"] if one["role"] != TOOLS)


def _supported(text: str, given: "Counter[str]") -> float:
    """Share of a text's words that are among the given ones; of JSON, of its values' words."""
    value = json_answers.parsed(text)
    said = _values(value) if json_answers.structured(value) else _words(text)
    return sum((Counter(said) & given).values()) / len(said) if said else 0.0


def _values(value: Any) -> list[str]:
    """Words of all values in a JSON value; names of fields are form, and true, false and null say no word."""
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return [word for one in inner for word in _values(one)]
    return [] if value is None or isinstance(value, bool) else _words(str(value))


def wants_json(row: Row) -> bool:
    """True for a row with a schema, or whose completion is a JSON object or list."""
    return bool(row.get("schema")) or json_answers.structured(json_answers.parsed(str(row["completion"])))


def same(one: str, other: str) -> bool:
    """True for equal texts, outer blanks apart, and for JSON objects or lists of equal value."""
    if one.strip() == other.strip():
        return True
    values = [json_answers.parsed(text) for text in (one, other)]
    return all(map(json_answers.structured, values)) and json_answers.same(*values)


def longest_common(one: Sequence[str], other: Sequence[str]) -> int:
    """Length of the longest common subsequence, by bits of one large number (Hyyrö, 2004)."""
    places: defaultdict[str, int] = defaultdict(int)
    for place, word in enumerate(one):
        places[word] |= 1 << place
    every = (1 << len(one)) - 1
    open_places = every
    for word in other:
        hit = open_places & places[word]
        open_places = ((open_places + hit) | (open_places - hit)) & every
    return len(one) - open_places.bit_count()


def _pair(row: Row, answer: Answer) -> tuple[list[str], list[str]]:
    return _words(str(row["completion"])), _words(str(answer["text"]))


def _words(text: str) -> list[str]:
    """Words in lower case; of a text without any, what stands between blanks."""
    return _WORD.findall(text.lower()) or text.split()


def _shared_f1(truth: Sequence[Hashable], said: Sequence[Hashable]) -> float:
    return _f1(sum((Counter(truth) & Counter(said)).values()), truth, said)


def _f1(shared: int, truth: Sequence[Hashable], said: Sequence[Hashable]) -> float:
    return 2 * shared / (len(truth) + len(said)) if truth or said else 1.0
