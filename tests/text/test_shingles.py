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
    ("turn on 4 lights", "turn on 5 lights"),
    ("price is 5.00", "price is 500"),
    ("½ cup sugar", "¼ cup sugar"),
    ("m² area", "m³ area"),
    ("10 °C now", "10 °F now"),
    ("👩\u200d🚀 nice", "👨\u200d🚀 nice"),
    ("🇩🇪 visa please", "🇫🇷 visa please"),
    ("❤️ you", "💔 you"),
    ("ကောင်းတယ်", "ကောင်းဘူး"),
    ("মাছ খাই", "মাঝ খাই"),
    ("قلب", "كلب"),
    ("가다", "가라"),
    ("if a && b", "if a || b"),
    ("if (!ready) run()", "if (ready) run()"),
    ("return !x", "return x"),
    ("when a != b", "when a == b"),
    ("n += 1", "n -= 1"),
    ("i++ then stop", "i-- then stop"),
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
    ("Great! Really!Great!!", "great really great"),
    ("salt & pepper", "salt pepper"),
    ("news | a paper", "news - a paper"),
    ("نعم، شكرا.", "نعم شكرا"),
    ("আমি ভালো আছি।", "আমি ভালো আছি"),
    ("សួស្តី\u200bលោក", "សួស្តីលោក"),
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


@pytest.mark.parametrize(
    ("text", "number", "other"),
    [
        ("지난주에 주문한 상품 번호 {} 이 아직 도착하지 않아서 환불을 받고 싶습니다", "1001", "1002"),
        ("لم يصل الطلب رقم {} الذي طلبته الأسبوع الماضي وأريد استرداد أموالي قريبا", "١٠٠١", "١٠٠٢"),
        ("গত সপ্তাহে আমি যে {} নম্বর অর্ডার দিয়েছিলাম তা এখনও আসেনি তাই টাকা ফেরত চাই", "১০০১", "১০০২"),
        ("ההזמנה מספר {} שביצעתי בשבוע שעבר עדיין לא הגיעה ואני רוצה את הכסף בחזרה", "1001", "1002"),
        ("ការបញ្ជាទិញលេខ{}ដែលខ្ញុំបានបញ្ជាទិញកាលពីសប្តាហ៍មុនមិនទាន់មកដល់", "១០០១", "១០០២"),
        ("ပြီးခဲ့တဲ့အပတ်ကမှာယူခဲ့တဲ့အမှာစာနံပါတ်{}မရောက်သေးပါ", "၁၀၀၁", "၁၀၀၂"),
        ("ຂ້ອຍຍັງບໍ່ໄດ້ຮັບສິນຄ້າຕາມໃບສັ່ງຊື້ເລກທີ{}ທີ່ຂ້ອຍສັ່ງອາທິດແລ້ວ", "1001", "1002"),
        ("我上周购买的iPhone 15手机订单号{}还没有收到，请尽快处理并且退款给我", "1001", "1002"),
    ],
)  # fmt: skip
def test_a_changed_number_leaves_a_copy_in_every_script(text: str, number: str, other: str) -> None:
    assert 0.5 < jaccard(shingles(text.format(number)), shingles(text.format(other))) < 1


def test_a_text_without_words_is_its_own_shingle() -> None:
    assert shingles("?!") == {"?!"}
    assert shingles("") == {""}
