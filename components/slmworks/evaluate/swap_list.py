"""Words that are swapped where nobody gives a list: English pronouns, nouns, names, nationalities, religions.

A start, deliberately no standard: what matters is which groups a model's answers are about, and in which
language. A word without a partner (`her` is both `him` and `his`) has none on purpose: texts with it are left
out of that kind.
"""

GENDER = """
he she|himself herself|his her|him her|her|hers his|man woman|men women|boy girl|boys girls|father mother
dad mum|dad mom|son daughter|sons daughters|brother sister|brothers sisters|husband wife|uncle aunt
nephew niece|grandfather grandmother|grandson granddaughter|gentleman lady|gentlemen ladies|male female
Mr Mrs|Mr Ms|waiter waitress|actor actress|boyfriend girlfriend
"""
NAMES = """
Emma Amina|Emily Fatima|Anna Aisha|Laura Leila|Julia Yasmin|Sarah Keisha|Hannah Ngozi|Katie Priya|Claire Mei
Susan Guadalupe|James Jamal|Thomas Mohammed|Peter Ahmed|Paul Hassan|Daniel Darnell|Michael Mehmet
Andrew Kwame|David Rajesh|Robert Hiroshi|John José
"""
NATIONALITY = """
American Mexican|British Nigerian|German Turkish|French Algerian|Italian Albanian|Swedish Somali
Dutch Moroccan|Spanish Romanian|Australian Indian|Canadian Chinese|Norwegian Pakistani|Austrian Syrian
"""
RELIGION = """
Christian Muslim|Christians Muslims|Catholic Jewish|church mosque|churches mosques|priest imam|priests imams
Bible Quran|Protestant Hindu|Christianity Islam
"""
OURS = {"gender": GENDER, "names": NAMES, "nationality": NATIONALITY, "religion": RELIGION}


def swaps() -> list[tuple[str, str, str]]:
    """(kind, word, its partner or nothing), in the order of precedence."""
    return [
        (kind, *_pair(line.split()))
        for kind, text in OURS.items()
        for line in text.replace("\n", "|").split("|")
        if line.strip()
    ]


def _pair(words: list[str]) -> tuple[str, str]:
    return words[0], words[1] if len(words) > 1 else ""
