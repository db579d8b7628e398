"""Makes `bookings.csv` for `first-generator.yaml`: messages to a restaurant, and the booking in each as JSON.

    python pipelines/examples/bookings.py > pipelines/examples/bookings.csv

Every message is made from one of the wordings below, so that a test with *other* wordings asks what was
learnt. People, day and time are said in several ways and answered in one: "half past seven" is 19:30, for
tables are booked from noon to eleven at night. A message that leaves something out gets null for it.
"""

import csv
import json
import random
import re
import sys
from collections.abc import Mapping

ROWS = 22
"""Messages of each wording."""

WORDINGS = (
    "Table for {people} on {day} at {time}, please. The name is {name}.",
    "Hi, could I book a table for {people} {day} at {time}? {name}",
    "{name} here. We'd like to come {day}, {time}, {people} of us.",
    "Good morning, I would like to reserve for {people} people on {day} around {time}. Regards, {name}",
    "Do you have anything for {people} at {time} on {day}? It's for {name}.",
    "We are {people} and hope for {time} {day}. My name is {name}.",
    "Please put {name} down for {day}, {people} persons, {time}.",
    "reservation {day} {time} {people} pers {name}",
    "Booking for {name}: {people} guests, {day}, {time}.",
    "Can you squeeze in {people} at {time}? {day} that is. {name}",
    "It's {name} again! Same as always, {people} at {time}, but on {day} this time.",
    "Dinner {day}? We'd be {people}, at {time} if possible. Thanks, {name}",
    "Hello! {day} at {time} for {people}, under {name}.",
    "I need a table {day}. {people} people. {time}. {name}.",
    "Would {time} on {day} work for {people} guests? Best, {name}",
    "My wife and I and some friends, {people} in all, want to eat at {time} on {day}. {name}",
    "Please reserve a quiet corner at {time} {day} for {people}, name of {name}.",
    "{people} for {day}, {time}, {name}",
    "A table by the window for {people}, {day} {time}, if you have one. Kind regards, {name}",
    "This is {name}. Is there room for {people} of us at {time} {day}?",
    "Looking to book {day} at {time}. There will be {people} of us. {name} is the name.",
    "Hey, {name}. {day}, {people} people, {time}. Possible?",
    "At {time} on {day} we'd love to have a table for {people}. {name}",
    "Could you hold a table for {name} at {time}? It is for {day} and we are {people}.",
    "Lunch or dinner, whatever: {people} people, {day}, {time}. Cheers, {name}",
    "{day} please, {people} adults, {time}, {name}.",
    "I'd like to make a reservation under {name} for {people}. {day}, {time}.",
    "May we come at {time} on {day}? We're a group of {people}. Sincerely, {name}",
    "For {day}: {people} seats at {time}. Ask for {name}.",
    "Name {name}, day {day}, time {time}, people {people}.",
    "Is {day} at {time} still free? {people} people, booked by {name}.",
    "{name} would like {people} places {day} at {time}.",
    "Save us {people} seats for {day}, will you? We arrive at {time}. {name}",
    "Our party of {people} is coming {day} at {time}. It's under {name}.",
    "Just checking whether you could take {people} of us on {day}, say {time}. {name}",
    "{time} {day}, {people} persons, thank you, {name}",
    "We want to celebrate {day}! {people} people from {time}. Signed, {name}",
    "To whom it may concern: {people} covers for {day}, {time}, on behalf of {name}.",
    "Hiya, got a spot {day} for {people}? {time} would be great. {name} x",
    "Booking request. Guests: {people}. When: {day}, {time}. Who: {name}.",
    "Any chance of a table at {time} for {people} on {day}? Call me {name}.",
    "I'll be with you {day} at {time}, {people} heads. {name}",
    "Reserve {people} for me, {day} {time}, surname {name}.",
    "We'd be glad of a table on {day}. Time: {time}. Number: {people}. Name: {name}.",
    "{name}, {people}, {day}, {time}. Thanks!",
    # without a name
    "Do you take bookings? {people} of us on {day} at {time}.",
    "Table for {people}, {day}, {time}.",
    "Is there space for {people} {day} at {time}?",
    "hi can we get a table {day} {time} we are {people}",
    "We'd come at {time} on {day}, {people} of us. Would that be all right?",
    "Anything left for {people} at {time} {day}?",
    # without a time
    "Can I have a table for {people} on {day}? Any time is fine. {name}",
    "{name} speaking. {people} people for {day}, time doesn't matter.",
    "We're {people} on {day}, whenever suits you. Love, {name}",
    "Please book {name} in on {day} with {people} guests.",
    # without a day
    "A table for {people} at {time}, please. {name}",
    "{name} for {people} at {time}, when is the next free day?",
    "We would like to eat at {time}, {people} persons, on any day. {name}",
    # without people
    "Hold me a table on {day} at {time}. {name}",
    "{day}, {time}, name {name}, I'll tell you how many later.",
    "This is {name}, we don't know yet how many, but {day} at {time} it is.",
    "Could {name} get a table {day} at {time}?",
)

NUMBERS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
HOURS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
NAMES = (
    "Okafor", "Lindqvist", "Moreau", "Tanaka", "Rossi", "Novak", "Haddad", "Fernandez", "Schmidt", "O'Brien",
    "Kowalski", "Nguyen", "Silva", "Johansson", "Dubois", "Patel", "Yilmaz", "Costa", "Petrov", "Andersen",
    "Garcia", "Meyer", "Ivanova", "Khan", "Olsen", "Bianchi", "Jansen", "Murphy", "Weber", "Suzuki",
    "Mbeki", "Larsson", "Horvat", "Nowak", "Castillo", "Fischer", "Evans", "Leclerc", "Papadakis", "Virtanen",
)  # fmt: skip
FIRST = ("Anna", "Ben", "Carla", "David", "Elena", "Frank", "Grace", "Hugo", "Ines", "Jonas", "Kira", "Leo")


def people(chance: random.Random) -> tuple[str, int]:
    """How many, as said and as a number."""
    count = chance.randint(2, 10)
    return chance.choice([str(count), NUMBERS[count - 2]]), count


def day(chance: random.Random) -> tuple[str, str]:
    """When, as said and in lower case."""
    named = chance.choice(DAYS)
    said, meant = chance.choice(
        [
            (named, named),
            (named, named),
            (f"this {named}", named),
            (named.lower(), named),
            ("tomorrow", "tomorrow"),
            ("today", "today"),
        ]
    )
    return said, meant.lower()


def time(chance: random.Random) -> tuple[str, str]:
    """A time from noon to half past ten at night, as said and on 24 hours."""
    hour, minute = chance.randint(12, 22), chance.choice([0, 0, 15, 30, 30, 45])
    if hour == 22:
        minute = min(minute, 30)
    twelve = hour - 12 or 12
    said = [f"{hour}:{minute:02}", f"{twelve}:{minute:02} pm"]
    if not minute:
        said += [f"{twelve} pm", f"{twelve} o'clock"] if hour > 12 else ["noon"]
    elif hour > 12:
        word, following = HOURS[hour - 13], HOURS[(hour - 12) % 10]
        said += {15: [f"quarter past {word}"], 30: [f"half past {word}"], 45: [f"quarter to {following}"]}[
            minute
        ]
    return chance.choice(said), f"{hour}:{minute:02}"


def name(chance: random.Random) -> tuple[str, str]:
    """Who, as said and meant: a surname, or both names."""
    said = chance.choice(NAMES)
    if chance.random() < 0.3:
        said = f"{chance.choice(FIRST)} {said}"
    return said, said


def booking(wording: str, chance: random.Random) -> tuple[str, str]:
    """A message, and the booking as JSON."""
    drawn = {slot.__name__: slot(chance) for slot in (people, day, time, name)}
    booked = {slot: meant if f"{{{slot}}}" in wording else None for slot, (_, meant) in drawn.items()}
    message = rendered(wording, {slot: said for slot, (said, _) in drawn.items()}, chance)
    return message, json.dumps(booked)


def rendered(wording: str, said: Mapping[str, str], chance: random.Random) -> str:
    """A wording with its slots filled in, now and then without a capital."""
    message = re.sub(r"\bon (?=today|tomorrow|this )", "", wording.format(**said))
    return message[0].upper() + message[1:] if chance.random() < 0.8 else message


def main() -> None:
    """Write the rows as csv."""
    chance = random.Random(0)
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(("wording", "message", "booking"))
    for number, wording in enumerate(WORDINGS, start=1):
        for _ in range(ROWS):
            out.writerow((number, *booking(wording, chance)))


if __name__ == "__main__":
    main()
