"""Near duplicates found, and different texts taken for them, in twelve languages. Prints a Markdown table.

    .venv/bin/python tests/benchmarks/near_duplicates.py [--texts 300]

The same sentences in every language: a draw of a word's number stands for a word of the same meaning, so rates
can be compared. Copies have one, two, three or five words replaced, or another order number at the end. Different
texts: one of six words is another word, spelt alike (`ball`, `bill`); or a run of a third of the words is replaced.
"words only" are 3-grams of what `\\w+` matches, whatever the script.
"""

import argparse
import random
import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow as pa
from rensa import RMinHash

from slmworks_text import minhash, shingle_sets
from slmworks_text.joins.components import Components
from slmworks_text.shingles import shingles

Shingles = Callable[[str], frozenset[str]]
Pair = tuple[list[str], list[str]]

WORDS = {
    "English": """i you my your want need can not please order parcel account card bank money price refund
        payment shop phone password address number name today yesterday tomorrow week month new old broken
        late cancel change open close send buy help""",
    "Russian": """я вы мой ваш хочу нужно могу не пожалуйста заказ посылка счёт карта банк деньги цена возврат
        оплата магазин телефон пароль адрес номер имя сегодня вчера завтра неделя месяц новый старый сломан
        поздно отменить изменить открыть закрыть отправить купить помощь""",
    "Arabic": """أنا أنت لي لك أريد أحتاج أستطيع لا رجاء طلب طرد حساب بطاقة بنك مال سعر استرداد دفع متجر هاتف كلمة
        عنوان رقم اسم اليوم أمس غدا أسبوع شهر جديد قديم مكسور متأخر إلغاء تغيير فتح إغلاق إرسال شراء مساعدة""",
    "Hebrew": """אני אתה שלי שלך רוצה צריך יכול לא בבקשה הזמנה חבילה חשבון כרטיס בנק כסף מחיר החזר תשלום חנות טלפון
        סיסמה כתובת מספר שם היום אתמול מחר שבוע חודש חדש ישן שבור מאוחר לבטל לשנות לפתוח לסגור לשלוח לקנות עזרה""",
    "Hindi": """मैं आप मेरा आपका चाहिए ज़रूरत सकता नहीं कृपया ऑर्डर पार्सल खाता कार्ड बैंक पैसा कीमत वापसी भुगतान दुकान
        फ़ोन पासवर्ड पता नंबर नाम आज कल परसों सप्ताह महीना नया पुराना टूटा देर रद्द बदलना खोलना बंद भेजना खरीदना
        मदद""",
    "Tamil": """நான் நீங்கள் என் உங்கள் வேண்டும் தேவை முடியும் இல்லை தயவுசெய்து ஆர்டர் பார்சல் கணக்கு அட்டை வங்கி பணம்
        விலை திருப்பி கட்டணம் கடை தொலைபேசி கடவுச்சொல் முகவரி எண் பெயர் இன்று நேற்று நாளை வாரம் மாதம் புதிய பழைய
        உடைந்த தாமதம் ரத்து மாற்ற திறக்க மூட அனுப்ப வாங்க உதவி""",
    "Korean": """나는 당신은 나의 당신의 원해요 필요해요 가능해요 아니 부디 주문 소포 계좌 카드 은행 돈 가격 환불 결제 가게
        전화 비밀번호 주소 번호 이름 오늘 어제 내일 일주일 한달 새로운 오래된 고장난 늦은 취소 변경 열다 닫다 보내다
        사다 도움""",
    "Chinese": """我 你 我的 你的 想要 需要 可以 不 请 订单 包裹 账户 银行卡 银行 钱 价格 退款 付款 商店 电话 密码 地址 号码
        名字 今天 昨天 明天 星期 月 新 旧 坏了 晚 取消 更改 打开 关闭 发送 买 帮助""",
    "Japanese": """私は あなたは 私の あなたの 欲しい 必要 できる ない ください 注文 荷物 口座 カード 銀行 お金 値段 返金
        支払い 店 電話 パスワード 住所 番号 名前 今日 昨日 明日 週間 月 新しい 古い 壊れた 遅い キャンセル 変更 開く
        閉じる 送る 買う 助けて""",
    "Thai": """ฉัน คุณ ของฉัน ของคุณ อยากได้ ต้องการ สามารถ ไม่ กรุณา คำสั่งซื้อ พัสดุ บัญชี บัตร ธนาคาร เงิน ราคา คืนเงิน
        ชำระเงิน ร้าน โทรศัพท์ รหัสผ่าน ที่อยู่ หมายเลข ชื่อ วันนี้ เมื่อวาน พรุ่งนี้ สัปดาห์ เดือน ใหม่ เก่า เสีย ช้า
        ยกเลิก เปลี่ยน เปิด ปิด ส่ง ซื้อ ช่วย""",
    "Khmer": """ខ្ញុំ អ្នក របស់ខ្ញុំ របស់អ្នក ចង់ ត្រូវការ អាច មិន សូម បញ្ជាទិញ កញ្ចប់ គណនី កាត ធនាគារ លុយ តម្លៃ សងវិញ
        បង់ប្រាក់ ហាង ទូរស័ព្ទ ពាក្យសម្ងាត់ អាសយដ្ឋាន លេខ ឈ្មោះ ថ្ងៃនេះ ម្សិលមិញ ស្អែក សប្តាហ៍ ខែ ថ្មី ចាស់ ខូច យឺត
        បោះបង់ ប្តូរ បើក បិទ ផ្ញើ ទិញ ជួយ""",
    "Burmese": """ကျွန်တော် ခင်ဗျား ကျွန်တော့် ခင်ဗျား၏ လိုချင် လိုအပ် နိုင် မဟုတ် ကျေးဇူးပြု အမှာစာ ပါဆယ် အကောင့် ကတ် ဘဏ် ငွေ
        စျေးနှုန်း ပြန်အမ်း ငွေပေး ဆိုင် ဖုန်း စကားဝှက် လိပ်စာ နံပါတ် အမည် ယနေ့ မနေ့က မနက်ဖြန် အပတ် လ အသစ် အဟောင်း ပျက်
        နောက်ကျ ပယ်ဖျက် ပြောင်း ဖွင့် ပိတ် ပို့ ဝယ် ကူညီ""",
}
FUNCTION_WORDS = {
    "English": "is in of and the to this with",
    "Russian": "это в от и тот к этот с",
    "Arabic": "هو في من و ذلك إلى هذا مع",
    "Hebrew": "הוא ב של ו את ל זה עם",
    "Hindi": "है में का और वह को यह से",
    "Tamil": "ஆகும் இல் உடைய மற்றும் அந்த க்கு இந்த உடன்",
    "Korean": "은 에 의 와 그 로 이 로써",
    "Chinese": "是 在 的 和 那 给 这 用",
    "Japanese": "です に の と その へ この で",
    "Thai": "เป็น ใน ของ และ นั้น ให้ นี้ กับ",
    "Khmer": "ជា ក្នុង នៃ និង នោះ ទៅ នេះ ដោយ",
    "Burmese": "ဖြစ် မှာ ရဲ့ နှင့် ထို သို့ ဒီ ဖြင့်",
}
"""Each is drawn three times as often as one of the others."""
ALIKE = {
    "English": "ball bill cat cut hat hot",
    "Russian": "дом дым кот кит лес лис",
    "Arabic": "عِلْم عَلَم كَتَبَ كُتُب مَلِك مُلْك",
    "Hebrew": "סֵפֶר סַפָּר חָלָב חֵלֶב בֹּקֶר בָּקָר",
    "Hindi": "कल काल दिन दीन बिल बाल",
    "Tamil": "கல் கால் பல் பால் மணி மாணி",
    "Korean": "공 곰 말 물 불 볼",
    "Chinese": "买 卖 左边 右边 收到 收回",
    "Japanese": "買う 飼う 右 左 かき かぎ",
    "Thai": "มา ม้า ใกล้ ไกล เสื้อ เสือ",
    "Khmer": "កា កី ទឹក ទូក ដី ដៃ",
    "Burmese": "စာ စား လာ လား ကို ကူ",
}
"""Words in pairs."""
UNSPACED = ("Chinese", "Japanese", "Thai", "Khmer", "Burmese")
COPIES = ("1 word", "2 words", "3 words", "5 words", "number")
DIFFERENT = ("alike", "a third")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--texts", type=int, default=300)
    count = parser.parse_args().texts
    for threshold in (0.6, 0.8):
        print(f"\nThreshold {threshold}: % of {count} pairs joined; copies, then different texts\n")
        print("| | shingles | " + " | ".join((*COPIES, *DIFFERENT)) + " |")
        print("|---|---|" + "---:|" * len((*COPIES, *DIFFERENT)))
        for language in WORDS:
            for name, cut in (("words only", words_only), ("by script", shingles)):
                found = [joined(pairs(language, kind, count), language, cut, threshold)
                         for kind in (*COPIES, *DIFFERENT)]  # fmt: skip
                print(f"| {language} | {name} | " + " | ".join(f"{100 * rate:.0f}" for rate in found) + " |")


def words_only(text: str) -> frozenset[str]:
    """3-grams of words, where marks and signs are borders."""
    words = re.findall(r"\w+", text.casefold())
    if len(words) < 3:
        return frozenset((" ".join(words) or text,))
    return frozenset(map(" ".join, zip(words, words[1:], words[2:], strict=False)))


def pairs(language: str, kind: str, count: int) -> list[Pair]:
    """Pairs of texts, as words. Every language is given the same draws."""
    draw, words = random.Random(kind), (WORDS[language] + 3 * f" {FUNCTION_WORDS[language]}").split()
    alike = ALIKE[language].split()
    found = []
    for number in range(count):
        if kind == "alike":
            sentence, pair = draw.choices(words, k=6), draw.randrange(len(alike) // 2)
            where = draw.randrange(6)
            first, second = (replaced(sentence, {where: alike[2 * pair + i]}) for i in range(2))
            found.append((first, second))
            continue
        sentence = draw.choices(words, k=draw.randint(20, 40))
        if kind == "number":
            found.append(([*sentence, f"{number}17"], [*sentence, f"{number}29"]))
            continue
        if kind == "a third":
            run = len(sentence) // 3
            start = draw.randrange(len(sentence) - run)
            places = list(range(start, start + run))
        else:
            places = draw.sample(range(len(sentence)), int(kind[0]))
        others = {i: draw.choice([w for w in words if w != sentence[i]]) for i in places}
        found.append((sentence, replaced(sentence, others)))
    return found


def replaced(words: list[str], others: dict[int, str]) -> list[str]:
    """The words with others at some places."""
    return [others.get(i, word) for i, word in enumerate(words)]


def joined(found: list[Pair], language: str, cut: Shingles, threshold: float) -> float:
    """Share of the pairs that are one component."""
    blank = "" if language in UNSPACED else " "
    texts = [blank.join(words) for pair in found for words in pair]
    components = Components(len(texts))

    def hashes(texts: Sequence[str]) -> tuple[Any, Any]:
        found = [np.array(one, "uint64") for one in RMinHash.hash_token_sets([cut(text) for text in texts])]
        return np.concatenate(found), np.cumsum([0, *map(len, found)]).astype("uint64")

    with (
        tempfile.TemporaryDirectory() as folder,
        patch.object(minhash, "token_hashes", hashes),
        patch.object(shingle_sets, "token_hashes", hashes),
    ):
        near = minhash.NearDuplicates(threshold, Path(folder))
        near.extend(pa.array(texts, pa.large_string()))
        near.join(components, list(range(len(texts))), lambda _done, _total: None)
        near.close()
    same = [components.find(i) == components.find(i + 1) for i in range(0, len(texts), 2)]
    return sum(same) / len(same)


if __name__ == "__main__":
    main()
