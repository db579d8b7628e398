"""Makes `notices.csv` for `answers.yaml`: notices of clubs and classes, and questions about them.

    python pipelines/examples/notices.py > pipelines/examples/notices.csv

Every notice says some things, each in one of the wordings below, in any order; a question asks for one of
them, in one of its wordings. Generated, nobody's data.
"""

import csv
import random
import sys

NOTICES = 420
ASKED = 3
"""Questions about each notice."""
SAID = 5
"""Things that a notice says."""

NAMES = (
    "Mara Olsen", "Tom Adeyemi", "Ines Castillo", "Jun Watanabe", "Petra Novak", "Sam O'Brien",
    "Lena Fischer",
    "Amir Haddad", "Ruth Kowalski", "Diego Ramos", "Nadia Petrova", "Colin Murray", "Aisha Khan", "Erik Lund",
)  # fmt: skip
PLACES = (
    "the town hall", "the old mill", "Harbour Street 12", "the library", "Room 204", "the east gate",
    "the community centre", "Studio B", "the school gym", "Park Lane 7", "the boathouse", "the market square",
)  # fmt: skip
DAYS = (
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
    "the first of May",
    "12 June",
    "next weekend",
)
TIMES = (
    "6 pm",
    "7:30 pm",
    "half past eight",
    "noon",
    "10 in the morning",
    "a quarter to five",
    "18:15",
    "nine o'clock",
)
PRICES = (
    "12 euros",
    "5 pounds",
    "40 dollars",
    "nothing",
    "7.50 euros",
    "a small donation",
    "25 pounds a month",
    "100 crowns",
)
THINGS = (
    "a towel",
    "sturdy shoes",
    "your own cup",
    "a notebook",
    "warm clothes",
    "a racket",
    "some cake",
    "a torch",
    "a pencil and paper",
)
SIZES = ("twelve", "20", "eight", "35", "fifteen", "six", "a dozen", "50")
WHATS = (
    "chess club",
    "pottery class",
    "choir",
    "running group",
    "repair cafe",
    "book circle",
    "dance course",
    "bird walk",
    "Spanish class",
    "coding club",
)

KINDS = {
    "name": (
        NAMES,
        (
            "{} leads the {what}.",
            "Your teacher is {}.",
            "It is run by {}.",
            "Ask {} if you have questions.",
            "{} looks after newcomers.",
        ),
        ("Who leads the {what}?", "Who is in charge?", "Whom can I ask?", "Which person runs it?"),
    ),
    "place": (
        PLACES,
        (
            "We meet at {}.",
            "The {what} takes place in {}.",
            "Come to {}.",
            "You will find us at {}.",
            "Our home is {}.",
        ),
        ("Where does the {what} meet?", "Where is it?", "What place do I go to?", "Where can I find you?"),
    ),
    "day": (
        DAYS,
        (
            "It is on {}.",
            "The next meeting is {}.",
            "We start {}.",
            "See you {}.",
            "The {what} comes together {}.",
        ),
        ("On which day is it?", "What day does the {what} meet?", "Which day do you start?"),
    ),
    "time": (
        TIMES,
        (
            "Doors open at {}.",
            "We begin at {}.",
            "Be there by {}.",
            "From {} on everybody is welcome.",
            "Start: {}.",
        ),
        (
            "At what time does it begin?",
            "What time should I be there?",
            "When do doors open?",
            "How late does the {what} start?",
        ),
    ),
    "price": (
        PRICES,
        ("It costs {}.", "The fee is {}.", "You pay {}.", "We ask for {}.", "Members pay {}."),
        ("How much is it?", "What does the {what} cost?", "What is the fee?", "How much do I pay?"),
    ),
    "thing": (
        THINGS,
        ("Please bring {}.", "You need {}.", "Don't forget {}.", "Have {} with you.", "All it takes is {}."),
        ("What should I bring?", "What do I need for the {what}?", "What must I not forget?"),
    ),
    "size": (
        SIZES,
        (
            "There is room for {} people.",
            "At most {} can take part.",
            "The group has {} members.",
            "We have {} seats.",
            "It is limited to {}.",
        ),
        ("How many can take part?", "How many places are there?", "How large is the {what}?"),
    ),
}
FILLERS = (
    "No experience is needed.", "Everybody is welcome.", "We look forward to it.", "Last year was great fun.",
    "Children may come along.", "It goes on until summer.", "There will be tea.", "",
)  # fmt: skip


def main() -> None:
    """Write the table to the standard output."""
    chance = random.Random(11)
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(["question", "context", "answer", "answer_start"])
    for _ in range(NOTICES):
        what = chance.choice(WHATS)
        kinds = chance.sample(sorted(KINDS), SAID)
        context, starts = f"The {what} is open to new people.", {}
        for kind in kinds:
            values, wordings, _ = KINDS[kind]
            value, wording = chance.choice(values), chance.choice(wordings).replace("{what}", what)
            context += " "
            starts[kind] = (value, len(context) + wording.index("{}"))
            context += wording.format(value)
        context = f"{context} {chance.choice(FILLERS)}".strip()
        for kind in chance.sample(kinds, ASKED):
            value, start = starts[kind]
            out.writerow([chance.choice(KINDS[kind][2]).replace("{what}", what), context, value, start])


main()
