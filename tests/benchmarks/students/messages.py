"""Makes `messages.csv` for `bookings.yaml`: messages to a restaurant without the bookings in them.

    PYTHONPATH=pipelines/examples python tests/benchmarks/students/messages.py > tests/benchmarks/students/messages.csv

People, days, times and names are said as in `bookings.csv`, in other wordings: nearly every message has one of its
own, put together of a request, what people write before and behind it, and what they write besides. No wording of
`bookings.py` is among them. The bookings are what a teacher is asked for.
"""

import csv
import random
import sys

from bookings import WORDINGS, day, name, people, rendered, time

ROWS = 1600
NAMED = 0.85
"""Share of messages that say a name."""

REQUESTS = (
    "I want to book for {people}, {day} at {time}.",
    "Can you fit {people} of us in on {day} at {time}?",
    "{people} of us would love to dine with you on {day}, about {time}.",
    "Could we get {people} seats on {day}? We were thinking of {time}.",
    "We need a spot for {people} at {time} on {day}.",
    "On {day} there will be {people} of us, arriving at {time}.",
    "Would you have room for {people} guests at {time} on {day}?",
    "Please keep {people} places free at {time} {day}.",
    "I'm planning a meal for {people} on {day}, starting at {time}.",
    "Please note a booking: {day}, {time}, {people} people.",
    "How about {day} at {time}? It'd be {people} of us.",
    "Are you open on {day}? If so, {people} at {time} please.",
    "We hope to see you {day} at {time}; we are a party of {people}.",
    "Set aside a table for {people} please, {day}, {time}.",
    "{day} {time}, can you seat {people}?",
    "Is {time} possible on {day}? We would be {people} persons.",
    "{people} guests on {day}. {time} if you can.",
    "I'm writing to ask for a table on {day} at {time}, number of guests {people}.",
    "Could you reserve something at {time} for {people} people? For {day}.",
    "We'd like {time} on {day}. {people} of us will come.",
    "Got space at {time}? {people} people, {day}.",
    "Let's say {day}, {time}, and {people} people.",
    "A reservation, please: {people} persons at {time}, {day}.",
    "My colleagues and I ({people} altogether) would come {day} around {time}.",
    "There are {people} of us and we'd arrive at {time} on {day}.",
    "Put us down for {time} {day}, {people} persons.",
    "Family dinner for {people} on {day} at {time}.",
    "I was hoping you had a table free on {day}: {people} guests, {time}.",
    "We were {people} last time and are {people} again. {day}, {time}?",
    "Could I come by with {people} people in total at {time} on {day}?",
    "Do you still have something on {day}, for {people}, at {time} or so?",
    "Table, {people} persons, {time}, {day}.",
    "I'd like to bring {people} guests {day}, and {time} suits us best.",
    "When: {time} on {day}. How many: {people}.",
    "Day: {day}. People: {people}. Time: {time}.",
    "{people} ppl {day} {time}",
    "{time} on {day} for {people}",
    "{day}, {time}, party of {people}",
    "{people} at {time}, {day}",
    # something is left open
    "I want to come on {day} with {people} people, the hour is up to you.",
    "Do you have a table for {people} on {day}, at whatever time?",
    "{day} for {people}, and you choose the time.",
    "We're {people}. {day} evening if you have room.",
    "When could you seat {people} at {time}? Every day is good for us.",
    "{people} of us, {time}, the day doesn't matter.",
    "Which day could you take {people} at {time}?",
    "A table on {day} at {time}, and I don't know for how many yet.",
    "We'd come on {day} around {time}, number of people to follow.",
    "Keep {time} free on {day} for our group, please; I'll count heads later.",
)
BEFORE = (
    "Hello there!",
    "Good evening.",
    "Dear restaurant team,",
    "Hi,",
    "Excuse me.",
    "A quick question.",
    "Good day,",
    "Hey guys,",
    "Greetings!",
    "Afternoon!",
)
BEHIND = (
    "Thank you very much!",
    "Please let me know.",
    "Many thanks in advance.",
    "Looking forward to it.",
    "Would that work?",
    "Please confirm.",
    "See you then!",
    "That would be wonderful.",
)
NAMED_BEFORE = (
    "My name is {name}.",
    "It's {name}.",
    "{name} calling.",
    "I am {name}, a regular guest.",
    "Hi, {name} again.",
    "Hello, this is {name} from next door.",
    "{name} -",
    "Message from {name}:",
    "On behalf of {name}:",
)
NAMED_BEHIND = (
    "Put it under {name}.",
    "The reservation is for {name}.",
    "Yours, {name}",
    "- {name}",
    "{name}",
    "Name's {name}.",
    "Many greetings, {name}",
    "Please book it as {name}.",
    "You can write down {name}.",
    "Under the name {name}, please.",
    "Thanks from {name}.",
    "Talk soon, {name}",
    "I'm {name}, by the way.",
    "({name})",
    "Warm regards from {name}",
)
BESIDES = (
    "It's our anniversary.",
    "We'll bring a pram.",
    "Outside, if the weather holds.",
    "We loved it last time.",
    "Some of us don't eat meat.",
    "My mother will be there, too.",
    "We won't stay long.",
    "No hurry with the answer.",
)


def wording(chance: random.Random) -> str:
    """A message with places for people, day, time and name."""
    parts = [chance.choice(REQUESTS)]
    if chance.random() < 0.25:
        parts.insert(chance.randint(0, 1), chance.choice(BESIDES))
    if chance.random() < NAMED:
        if chance.random() < 0.4:
            parts.insert(0, chance.choice(NAMED_BEFORE))
        else:
            parts.append(chance.choice(NAMED_BEHIND))
    if chance.random() < 0.35 and "name" not in parts[0]:
        parts.insert(0, chance.choice(BEFORE))
    if chance.random() < 0.3 and "name" not in parts[-1]:
        parts.append(chance.choice(BEHIND))
    made = " ".join(parts)
    return made if chance.random() < 0.8 else made.replace(".", ",").removesuffix(",")


def main() -> None:
    """Write the rows as csv."""
    chance = random.Random(0)
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(("wording", "message", "booking"))
    for number in range(1, ROWS + 1):
        made = wording(chance)
        while made in WORDINGS:
            made = wording(chance)
        said = {slot.__name__: slot(chance)[0] for slot in (people, day, time, name)}
        out.writerow((number, rendered(made, said, chance), ""))


if __name__ == "__main__":
    main()
