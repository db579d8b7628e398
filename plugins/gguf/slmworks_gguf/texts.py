"""Short texts on which tokenizers tend to differ: scripts, digits, spaces, code, marks, emoji.

All are in Unicode's composed form (NFC) except `DECOMPOSED`: some tokenizers compose first, llama.cpp
never does.
"""

import unicodedata

_SENTENCES = (
    "The quick brown fox jumps over the lazy dog.",
    "I've been told he's there, we'll see; they'd say you're right, aren't you?",
    "I'VE SAID IT'S FINE, WE'LL SEE, THEY'RE HERE",
    "rock'n'roll, o'clock, 'tis, dogs' tails, ''quoted'', it''s",
    "Dr. Müller wohnt in der Königsstraße 12a, 80331 München.",
    "Où est la bibliothèque ? Ça va, très bien !",
    "¿Cuántos años tienes? ¡Feliz cumpleaños!",
    "Zażółć gęślą jaźń. Příliš žluťoučký kůň.",
    "Iğdır'da ışık, İstanbul'da ılık",
    "Съешь же ещё этих мягких французских булок",
    "Нещо на Български, Ђурђевак, Їжак",
    "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία",
    "עברית: שלום עולם",
    "مرحبا بالعالم، كيف الحال؟",
    "هذا نَصٌّ مُشَكَّلٌ",
    "नमस्ते दुनिया, आप कैसे हैं?",
    "বাংলা লেখা, தமிழ் எழுத்து, తెలుగు లిపి",
    "ภาษาไทยไม่มีช่องว่างระหว่างคำ",
    "កាន់តែពិសេសអាច",
    "Գրիգոր Նարեկացի, საქართველო",
    "አማርኛ ፊደል",
    "我想在apple工作1314151天～",
    "中文标点：，。！？（）【】《》“”",
    "日本語のテキスト、カタカナとひらがな。",
    "한국어 문장입니다. 띄어쓰기가 있어요.",
    "Tiếng Việt có nhiều dấu: ế, ộ, ữ, ẵ",
    "fullwidth ＡＢＣ１２３ and ﬁne ligatures ﬂ",
    "½ + ¼ = ¾; x² + y³; Ⅳ, ⅷ; ①②③; ٣٤٥; १२३; 三",
)
_NUMBERS = (
    "0",
    "7 77 777 7777 77777 777777 7777777 77777777",
    "3.14159 1,000,000.00 1e-10 0x1F 0b1010 007",
    "2024-02-29T23:59:59.999Z +49 (0)89 1234-5678",
    "a1b22c333d4444e",
    " 1  22   333",
    "192.168.0.1:8080, v1.2.3-rc4, #42, 50%, $9.99, €5",
    "1st 2nd 3rd 4th; 10km; 5'11\"",
    "4111 1111 1111 1111",
    "12345678901234567890123456789012345678901234567890",
)
_SPACES = (
    " ",
    "  ",
    "   a",
    "a ",
    "a  b   c    d     e",
    "\n",
    "\n\n",
    "\n\n\n",
    "\n \n\n \n\n\n",
    " \n",
    "\n a",
    "a\n",
    "a\n\nb\n\n\nc",
    "\n\n1.",
    "\r\n",
    "a\r\nb\r\n\r\nc",
    "\t",
    "\t\t\tx",
    " \t \t\t x",
    "tab\tseparated\tvalues\n",
    "trailing spaces   \n  leading spaces",
    "no\u00a0break\u2009thin\u3000wide\u200bzero",
    "line\u2028separator\u2029paragraph\u0085next",
    "\x0b\x0c form feed",
)
_CODE = (
    "def f(x: int) -> str:\n    return f'{x:>10}'\n",
    "for (int i = 0; i < n; i++) { a[i] += b[i] << 2; }",
    "if (a != b && c >= d || !e) { return ~x ^ y; }",
    "SELECT * FROM t WHERE name LIKE '%o''brien%';",
    '{"card": ["3570 1113 3330 0505"], "email": null, "n": -1.5e3}',
    '<div class="a b">&amp;&lt;</div><!-- comment -->',
    "#include <stdio.h>\n#define MAX(a,b) ((a)>(b)?(a):(b))",
    "    indented\n        twice\n\tby a tab\n",
    "https://example.org/path/to?q=a%20b&c=d#fragment",
    "user.name+tag@mail.example.co.uk",
    "snake_case camelCase PascalCase kebab-case SCREAMING_SNAKE",
    "C:\\Users\\me\\file.txt /usr/local/bin ~/.config",
    "\\frac{a}{b} \\sum_{i=0}^{n} $x_i$ \\\\",
    "grep -rn 'foo' | awk '{print $1}' > /dev/null 2>&1",
    "x = lambda *a, **k: (a, k)  # noqa",
    "=== --- *** ### ``` ~~~ ||| &&& @@@",
)
_MARKS = (
    "!",
    "...",
    "......!!!!!!??????",
    "------=======",
    "''''''```````\"\"\"\"",
    "(a)[b]{c}<d>",
    "a,b;c:d.e!f?g",
    "–—―‐‑ ‘single’ “double” „low“ «guillemets» …",
    "© ® ™ § ¶ † ‡ • ° ± × ÷ ≠ ≤ ≥ ∞ ∑ √ ∫ → ⇒",
    "¤ ¥ £ ₹ ₽ ₿",
    "_a_ *b* ~c~ `d` ^e^",
    "/* a/b */ // c",
    "Hello,world!How are you?Fine.",
)
_EMOJI = (
    "🚀",
    "🚀 (normal) ✅ 🦙🦙",
    "👩‍👩‍👧‍👦 family, 😶‍🌫️ clouds",
    "👍🏽 tone, 🇩🇪🇫🇷 flags, 1️⃣ keycap",
    "text😀text 😀😀 😀",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝟙𝟚𝟛 𐍈 𓀀",
    "☺︎ ☺️ ♥ ♥️",
)
_ODD = (
    "",
    "a",
    "Ünïcödé",
    "\x00 nul \x01\x02 \x7f del",
    "\ufeffbyte order mark",
    "\ufffd replacement",
    "private \ue000\uf8ff use",
    "supercalifragilisticexpialidocious antidisestablishmentarianism",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "AbCdEfGhIjKlMnOpQrStUvWxYz",
    "ǅungla ǈubav ßẞ ŉ ĳ",
    "<s> </s> <unk> <pad> [INST] [/INST] <|endoftext|> <|im_start|>user\nHi<|im_end|>\n",
    "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>",
    "<start_of_turn>user\nHi<end_of_turn>\n",
)
_LETTERS = ("e\u0301a\u0308", "n\u0303o A\u030a", "\u1112\u1161\u11ab", "q\u0307\u0323")
COMPOSED = tuple(
    unicodedata.normalize("NFC", text)
    for text in (*_SENTENCES, *_NUMBERS, *_SPACES, *_CODE, *_MARKS, *_EMOJI, *_ODD)
)
"""Texts that a composing normalizer leaves as they are."""
DECOMPOSED = _LETTERS
"""Texts that a composing normalizer changes."""
