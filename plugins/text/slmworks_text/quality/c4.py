"""Rules of C4, which leave out lines first, then judge what is left.

Raffel et al., "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer" (2020),
section 2.2. Not here: its list of bad words (see `words`), its language (see `language`), and sentences that
recur in other documents, which compares rows.
"""

import re

from slmworks_text.quality.rule import Rule

ENDS = tuple(".!?\"'”’")
POLICIES = (
    "terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies",
)  # fmt: skip
CITATION = re.compile(r"\[(?:\d+|edit|citation needed)\]", re.IGNORECASE)
SENTENCE = re.compile(r"(?<![.!?])[.!?]++[\"'”’)]*+(?:\s|$)")


def without_lines(text: str, *, ends: bool) -> str:
    """The text without lines of fewer than five words, about scripts or policies, and citation marks.

    `ends`: also without those that no sign ends as it ends a sentence.
    """
    kept = (CITATION.sub("", line).strip() for line in text.splitlines())
    return "\n".join(line for line in kept if _stays(line, ends=ends))


def _stays(line: str, *, ends: bool) -> bool:
    low = line.lower()
    return (
        len(line.split()) >= 5
        and (not ends or (line.endswith(ENDS) and not line.endswith("...")))
        and "javascript" not in low
        and not any(policy in low for policy in POLICIES)
    )


RULES = (
    Rule("placeholder-text", lambda d: "lorem ipsum" in d.text.lower(), most=0),
    Rule("curly-brackets", lambda d: d.text.count("{"), most=0, unit="curly brackets"),
    Rule("sentences", lambda d: len(SENTENCE.findall(d.text)), least=3, unit="sentences"),
)
