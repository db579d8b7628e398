"""Encodings that Python knows, and what is said of bytes that one can't read."""

from collections.abc import Callable

import pytest

from slmworks.contract.artifact import Dataset
from slmworks.contract.errors import BadRequest
from slmworks.contract.options import OptionError, configure
from slmworks_text.curate import CurateText

Curated = Callable[..., Dataset]

TEXTS = {
    "gbk": "您的订单编号{i}已经发货",
    "gb18030": "您的订单编号{i}已经发货",
    "big5": "您的訂單編號{i}已經出貨",
    "shift_jis": "ご注文番号{i}は発送済みです",
    "cp932": "ご注文番号{i}は発送済みです",
    "euc_jp": "ご注文番号{i}は発送済みです",
    "iso2022_jp": "ご注文番号{i}は発送済みです",
    "cp949": "주문 번호 {i} 발송되었습니다",
    "euc_kr": "주문 번호 {i} 발송되었습니다",
    "cp1251": "заказ номер {i} отправлен",
    "koi8_r": "заказ номер {i} отправлен",
    "cp1253": "η παραγγελία {i} εστάλη",
    "cp1254": "İndirimli ürün {i} gönderildi",
    "cp1255": "הזמנה {i} נשלחה",
    "cp1250": "zamówienie {i} wysłano",
    "utf-16-le": "café {i} 🚲",
    "utf-32": "café {i} 🚲",
    "windows-1252": "café {i} – très bon",
}


def table(text: str, count: int = 20) -> str:
    return "text,label\n" + "".join(f"{text.format(i=i)},{'ab'[i % 2]}\n" for i in range(count))


def texts(data: Dataset) -> set[str]:
    return {text for split in data.splits for text in data.columns(split, "text")[0]}


@pytest.mark.parametrize("encoding", TEXTS)
def test_files_of_every_country(curate: Curated, encoding: str) -> None:
    content = table(TEXTS[encoding]).encode(encoding)
    found = texts(curate({"all": {"a.csv": content}}, encoding=encoding))
    assert found == {TEXTS[encoding].format(i=i) for i in range(20)}
    own = {"all": {"encoding": encoding}}
    assert texts(curate({"all": {"a.csv": content}}, inputs=own)) == found


@pytest.mark.parametrize("encoding", ["utf-8", "UTF8", "utf-16-le", "utf-16-be", "utf-32-le", "gb18030"])
@pytest.mark.parametrize("file", ["a.csv", "a.json"])
def test_a_byte_order_mark_is_no_part_of_the_header(curate: Curated, encoding: str, file: str) -> None:
    rows = ",".join(f'{{"text": "item {i}", "label": "{"ab"[i % 2]}"}}' for i in range(20))
    content = "\ufeff" + (table("item {i}") if file == "a.csv" else f"[{rows}]")
    found = texts(curate({"all": {file: content.encode(encoding)}}, encoding=encoding))
    assert found == {f"item {i}" for i in range(20)}


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("gkb", r"\(did you mean 'gbk'\?\)"),
        ("utf-8-repalce", r"\(did you mean 'utf-8-replace'\?\)"),
        ("cp1257x", r"\(did you mean 'cp1257'\?\)"),
        ("hex", r"\(usual ones: utf-8, .*gbk"),
        ("undefined", r"\(usual ones: "),
        ("", r"\(usual ones: "),
    ],
)
def test_other_names_are_refused_with_the_options(name: str, hint: str) -> None:
    message = f"encoding: not an encoding of text that Python knows {hint}"
    with pytest.raises(OptionError, match=message) as caught:
        configure(CurateText, "text", {"encoding": name})
    assert caught.value.where == ("encoding",)


@pytest.mark.parametrize(
    ("content", "encoding", "message"),
    [
        (table("您好{i}").encode("gbk"), "utf-8", r"a\.csv:2: byte 11 \(0xc4\) is not utf-8; set encoding to the one"),
        (table("a{i}").encode() + b"\xff\n", "gbk", r"a\.csv:22: byte 121 \(0xff\) is not gbk; set encoding to"),
        (table("a{i}").encode("utf-16"), "utf-8", r"a\.csv:1: .* begins with the mark of utf-16: set encoding: utf-16\."),
        (table("a{i}").encode("utf-16-le"), "utf-16", r"a\.csv: not utf-16 \(UTF-16 stream does not start with BOM\)"),
        (table("é{i}").encode("utf-8-sig"), "ascii", r"a\.csv:1: .* begins with the mark of utf-8: set encoding: utf-8"),
        (table("a{i}").encode() + "é".encode()[:1], "utf-8", r"a\.csv:22: byte 121 \(0xc3\) is not utf-8"),
        (table("a{i}").encode("utf-32"), "utf-8", r"a\.csv:1: .* begins with the mark of utf-32: set encoding: utf-32\."),
        (table("a{i}").encode("utf-16-le"), "utf-8", r"a\.csv: many NUL bytes: .* set encoding to utf-16-le\."),
        (table("`O{i}").encode("utf-16-be"), "latin-1", r"a\.csv: many NUL bytes"),
    ],
)  # fmt: skip
def test_wrong_bytes(curate: Curated, content: bytes, encoding: str, message: str) -> None:
    with pytest.raises(BadRequest, match=message) as caught:
        curate({"all": {"a.csv": content}}, encoding=encoding)
    assert "latin-1" not in str(caught.value)
    assert "\n" not in str(caught.value)
