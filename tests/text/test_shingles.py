"""Shingles: equal texts by words, marks, signs and characters."""

import random
import re

import pytest

from slmworks_text.minhash import jaccard
from slmworks_text.shingles import shingles

DIFFERENT = [
    ("खाता बंद करना है मुझे आज", "खाता बंद करनी है मुझे आज"),
    ("काल मल का बिल कब आएगा", "कील मूल का बिल कब आएगा"),
    ("பல் வலி இருக்கிறது", "பால் வலி இருக்கிறது"),
    ("סֵפֶר טוב מאוד", "סַפָּר טוב מאוד"),
    ("عِلْم جديد هنا", "عَلَم جديد هنا"),
    ("ไกลมาก", "ใกล้มาก"),
    ("ม้าสวย", "มาสวย"),
    ("买新手机", "卖新手机"),
    ("飼う", "買う"),
    ("move it by -5 steps", "move it by +5 steps"),
    ("turn it to −5 degrees", "turn it to 5 degrees"),
    ("what is 2+2", "what is 2-2"),
    ("what is 3 * 4", "what is 3 / 4"),
    ("when x > 5 holds", "when x < 5 holds"),
    ("I love C++ most", "I love C# most"),
    ("blood type A+", "blood type A"),
    ("5% more", "$5 more"),
    ("it costs £5", "it costs €5"),
    ("5‰ more – ja", "5% more – ja"),
    ("great 😀", "great 😡"),
    ("nice work 👍🏻", "nice work 👍🏿"),
    ("great :)", "great :("),
    ("ends here → left", "ends here ← left"),
]
EQUAL = [
    ("yes", "yes!"),
    ("Don’t stop (now)", "don't stop - now"),
    ("good ❤️ day", "good ❤ day"),
    ("شكرا جزيلا لك", "شكـــرا جزيلا لك"),
    ("او می‌خواهم بروم", "او میخواهم بروم"),
    ("caf\u00e9 au lait", "cafe\u0301 au lait"),
    ("請給我訂單。", "請給我訂單"),
    ("订单 号码 今天", "订单号码今天"),
    ("Brand™ shoes ©", "brand shoes"),
    ("see <PHONE> there", "see PHONE there"),
    ("thank you :)", "thank you :-)"),
    ("thank you <3", "thank you 3"),
    ("pages 10-12", "pages 10–12"),
    ("Straße 5 links", "STRASSE 5 links"),
]


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_other_letters_marks_and_signs_are_another_text(one: str, other: str) -> None:
    assert jaccard(shingles(one), shingles(other)) < 0.5


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_punctuation_joiners_and_case_are_not(one: str, other: str) -> None:
    assert shingles(one) == shingles(other)


def test_words_are_grouped_by_three() -> None:
    assert shingles("The cat's on the well-made mat, (not) covid-19.") == {
        "the cat s", "cat s on", "s on the", "on the well", "the well made", "well made mat", "made mat not",
        "mat not covid", "not covid 19",
    }  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "Please send my parcel to the new address; it's late!",
        "Größe und Farbe, naïve façade – „schön“ … élève",
        "Größe: S-M; siehe https://example.org/größe-2",
        "я хочу вернуть новый телефон сегодня",
        "나는 오늘 새 전화를 사고 싶어요",
        "أريد أن أفتح حسابا جديدا اليوم",
    ],
)
def test_plain_words_have_no_other_way_to_be_read(text: str) -> None:
    words = re.findall(r"\w+", text.casefold())
    assert shingles(text) == {" ".join(words[i : i + 3]) for i in range(len(words) - 2)}


def test_characters_of_scripts_without_blanks_and_words_beside_them() -> None:
    assert shingles("我的iPhone 15坏") == {
        "我 的 iphone",
        "我 的 iphone 15",
        "的 iphone 15 坏",
        "iphone 15 坏",
    }
    assert shingles("เด็กมา") == {"เ ด็ ก ม า"}
    assert shingles("ខ្ញុំ") == {"ខ្ ញុំ"}
    assert shingles("ကခဂဃင") == {"က ခ ဂ ဃ", "က ခ ဂ ဃ င", "ခ ဂ ဃ င"}
    assert shingles("订单号码") == {"订 单 号", "订 单 号 码", "单 号 码"}
    assert shingles("订单") == {"订 单"}
    assert shingles("ｱｲ 5kg") == {"ｱ ｲ 5kg"}


@pytest.mark.parametrize(
    "letters", ["你我他订单包裹账户银行价格退款", "กขคงจฉชซ", "កខគឃងច", "ကခဂဃင", "アイウエオカキク"]
)
def test_a_changed_number_leaves_a_copy(letters: str) -> None:
    draw = random.Random(1)
    stem = "".join(draw.choices(letters, k=60))
    assert jaccard(shingles(f"{stem}1001"), shingles(f"{stem}1002")) > 0.8
    assert jaccard(shingles(stem), shingles("".join(draw.choices(letters, k=60)))) < 0.1


def test_a_text_without_words_is_its_own_shingle() -> None:
    assert shingles("?!") == {"?!"}
    assert shingles("") == {""}
