#!/usr/bin/python3
"""Tokens of transformers' CLIPTokenizerFast for prompts in many scripts.

Writes tests/data/vectors/tokens.json (CLIP's vocabulary, of the folder $TIMBRE_TEST_DATA/clip) and
tokens_tiny.json (tests/data/models/tiny/tokenizer). Tokens are as the reference gives them, without
bos and eos and not cut. Needs transformers 4.36.2 and tokenizers 0.15.2; without them, or without
the vocabulary, nothing is written.
"""
# ruff: noqa: RUF001 -- phrases of other scripts look like Latin ones here and there

from __future__ import annotations

import hashlib
import json
import os
import random
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

try:
    import tokenizers
    import transformers
except ImportError:
    print("token_vectors: left out, it needs transformers 4.36.2", file=sys.stderr)
    sys.exit(0)

ROOT = Path(__file__).parents[3]
SEED = 20261122
N_PROMPTS = 2200
N_TINY = 300

# A phrase about music, three or more, in each script.
SCRIPTS = {
    "latin": [
        "funk bassline with a jazzy saxophone solo",
        "Acid House, 303 squelch",
        "church bells",
    ],
    "accented": [
        "café tango à Montréal",
        "Ängsblommor på fiol",
        "żywiołowy oberek",
        "tiếng sáo trúc",
    ],
    "turkish": ["İstanbul'da ıssız bağlama", "ÇİFTETELLİ ŞARKISI", "ağır zeybek"],
    "cyrillic": ["цыганский джаз", "МЕДЛЕННЫЙ ВАЛЬС", "їхня бандура", "ђердан и хармоника"],
    "greek": ["ρεμπέτικο με μπουζούκι", "ΧΑΣΑΠΟΣΕΡΒΙΚΟΣ ΧΟΡΟΣ", "ᾠδὴ εἰς τὸν ἥλιον"],
    "armenian": ["դուդուկի մեղեդի", "ԿՈՄԻՏԱՍ ԵՐԳԵՐ", "և պարերգ"],
    "georgian": ["ქართული პოლიფონია", "ᲡᲣᲤᲠᲣᲚᲘ ჩაკრულო", "ფანდური"],
    "hebrew": ["ניגון חסידי", "שִׁיר הַשִּׁירִים", "מוזיקת כליזמר"],
    "arabic": ["موسيقى عود هادئة", "مَقَامُ رَاسْت", "طبلة ۱۲۳ ٤٥٦", "قوالی با سنتور"],
    "devanagari": ["धीमी सितार राग यमन", "क़व्वाली और तबला", "मराठी लावणी १२३"],
    "bengali": ["বাউল গান একতারা", "রবীন্দ্রসঙ্গীত ৪৫", "ঢোলের তাল"],
    "gurmukhi": ["ਭੰਗੜਾ ਢੋਲ ਬੀਟ", "ਤੂੰਬੀ ਦਾ ਸੁਰ ੭", "ਗਿੱਧਾ"],
    "gujarati": ["ગરબા ની ધૂન", "ડાંડિયા રાસ ૯", "ભજન"],
    "tamil": ["நாதஸ்வரம் இசை", "கர்நாடக சங்கீதம் ௧௨", "பறை மேளம்"],
    "telugu": ["వీణ సంగీతం", "త్యాగరాజ కీర్తన ౩", "డప్పు"],
    "kannada": ["ಕರ್ನಾಟಕ ಸಂಗೀತ", "ಯಕ್ಷಗಾನ ಚೆಂಡೆ ೪", "ಜಾನಪದ"],
    "malayalam": ["ചെണ്ടമേളം", "സോപാന സംഗീതം ൫", "ഇടയ്ക്ക"],
    "sinhala": ["ගැට බෙර වාදනය", "සින්දු සහ රබාන", "කෝලම්"],
    "thai": ["ดนตรีไทยเดิม", "หมอลำซิ่ง ๑๒๓", "ระนาดเอก"],
    "lao": ["ແຄນ ລຳວົງ", "ເພງລາວ ໑໒", "ດົນຕີ"],
    "khmer": ["ភ្លេងពិណពាទ្យ", "ចម្រៀងខ្មែរ ៣", "រនាត"],
    "myanmar": ["စောင်းကောက်သံ", "ဆိုင်းဝိုင်း ၄၅", "ပတ္တလား"],
    "tibetan": ["བོད་ཀྱི་གླུ་གཞས", "དུང་ཆེན ༡༢", "སྒྲ་སྙན"],
    "ethiopic": ["የኢትዮጵያ ጃዝ", "ማሲንቆ እና ክራር ፲፪", "እስክስታ"],
    "hangul": ["가야금 산조", "신나는 트로트 댄스", "판소리 1번"],
    "kana": ["しずかな琴のしらべ", "シティポップ・ドライブ", "ﾃｸﾉﾎﾟｯﾌﾟ"],
    "han": ["古筝独奏 高山流水", "二胡與鋼琴", "京剧锣鼓 第3场", "爵士樂"],
    "cherokee": ["ᏗᎧᏃᎩᏍᏗ ᏣᎳᎩ", "ꮧꭷꮓꭹꮝꮧ", "ᎠᏂᏃᎩᏍᎩ"],
    "other": ["𝄞 𝄢 𝅘𝅥𝅮", "ᚠᚢᚦᚨᚱᚲ", "ᠮᠣᠩᠭᠣᠯ ᠬᠥᠮᠡᠢ", "ⵜⴰⵎⴰⵣⵉⵖⵜ", "𐐔𐐇𐐝𐐀𐐡𐐇𐐓", "ⲙⲟⲩⲥⲓⲕⲏ"],
}
ODD = [
    "",
    " ",
    "\t\n\r\v\f",
    "\u0000",
    "a\u0000b",
    "\u001c\u001d\u001e\u001f",
    "\u0085 next line \u2028 line \u2029 paragraph",
    "no\u00a0break\u202fspace\u3000wide\u2003em\u200bzero\u2060joiner\ufeffmark",
    "\u180e mongolian",
    "don't DON'T won't've we're I'll he'd I'm 'twas rock'n'roll ''s 's 'S ' s",
    "it\u2019s they\u02bcre \uff07s",
    "o'clock's'll've",
    "<|startoftext|>",
    "<|endoftext|>",
    "a <|endoftext|> b",
    "a<|endoftext|>b<|startoftext|><|endoftext|>",
    "<|EndOfText|><|STARTOFTEXT|>",
    "<|endoftext|",
    "<|endo ftext|>",
    "<|\u0130endoftext|>",
    "<|endoftext|>\u0338 <|endoftext|\u226f",
    "'<|endoftext|>s",
    "<|\uff45ndoftext|>",
    "[PAD] <unk> </w> a</w> <w>",
    "&amp; &lt;b&gt; &#39;rock&#39; &amp;amp;nbsp; R&amp;B",
    "\u0130 \u0131 \u1e9e \u00df \u03a3\u03a3 \u01c5 \u01c8 \u1f88 "
    "\u2160\u2170 \u24b6\u24d0 \u212a\u212b\u2126",
    "\ufb01ddle \ufb03 \u33c2 \u00bd \u00b2\u00b3 \u2460 \u3220 \U0001d7d8\U0001d7ff",
    "e\u0301e\u0323\u0301e\u0301\u0323 q\u0307\u0323 \u0344 \u0958 \u2adc",
    "\u1112\u1161\u11ab\u1100\u1173\u11af \u1100\u1161\u11a8 \uac00\u11a8",
    "\u0301 \u0301a \u0345\u0334",
    "\U00011935\U00011930 \u07fd\u0301\u0323 \u1df6\u0301 \u0d3b\u0301",
    "\u200d\u200c\u202e\u202c\u2066\u2069\u00ad\u034f",
    "\U0001f468\u200d\U0001f3a4 \U0001f3b8\U0001f525\U0001f3b7 "
    "\U0001f1e7\U0001f1f7 1\ufe0f\u20e3 \u2764\ufe0f\U0001f44d\U0001f3fd",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466\U0001f3b9\U0001f941\U0001fa97",
    "\ue000\uf8ff\ufffd\ufffe\U0010ffff\U000e0041",
    "120bpm 4/4 7/8 808s 303 1980s 0.5x 1e9 -12dB +3 #1 C#m7b5 A\u266d B\u266f",
    "lo-fi, (chill:1.3) [noise] {x|y} \\( \\) a/b ~*~ _under_score_ $%^ @home",
    "!!! ??? ... --- '''''' \"\"\" ,,, !?!? :-) <3",
    "\u00a1Vamos! \u00bfQu\u00e9? \u00abbon\u00bb \u201equoted\u201c "
    "\u3010\u97f3\u697d\u3011\u300c\u66f2\u300d",
    "a" * 300,
    "ab" * 150 + "!" * 100,
    "supercalifragilisticexpialidocious" * 6,
    "\u0415\u0301" * 60,
    "\u97f3\u697d" * 60,
    "\U0001f3b5" * 40,
    "1234567890" * 12,
    "x " * 100,
]
ENDINGS = ["!", "...", " 4/4", "'s", " \U0001f3b6", " 90s", "\u0301", " x2"]


def digits() -> list[str]:
    """The ten digits of every script, and other numbers."""
    found: dict[int, str] = {}
    other = ""
    for code in range(0x110000):
        char = chr(code)
        if unicodedata.category(char) == "Nd":
            found.setdefault(code - unicodedata.decimal(char), "")
            found[code - unicodedata.decimal(char)] += char
        elif unicodedata.category(char) in ("Nl", "No"):
            other += char
    return [f"{d[:4]} {d[4:]}bpm" for d in found.values()] + [
        other[i : i + 12] for i in range(0, 240, 12)
    ]


def changed(phrase: str, rng: random.Random) -> str:
    """As people write it, and as they do not."""
    forms: list[Callable[[str], str]] = [
        str.upper,
        str.title,
        str.swapcase,
        lambda s: unicodedata.normalize("NFD", s),
        lambda s: unicodedata.normalize("NFKC", s),
        lambda s: s.replace(" ", rng.choice(["  ", "\u00a0", "\n", "-", "", ", ", "\u3000"])),
        lambda s: s + rng.choice(ENDINGS),
        lambda s: "".join(rng.sample(s, len(s))),
        lambda s: s[: rng.randint(1, len(s))],
        lambda s: s,
        lambda s: s,
    ]
    return rng.choice(forms)(phrase)


def random_text(rng: random.Random) -> str:
    """Characters from anywhere that is assigned, between ordinary ones."""
    chars: list[str] = []
    while len(chars) < 8:
        code = rng.choice([rng.randrange(0x80, 0x3000), rng.randrange(0x3000, 0x20000)])
        if unicodedata.category(chr(code)) not in ("Cn", "Cs"):
            chars += [chr(code), rng.choice(["a", " ", "'s", "1", ".", "\u0301", ""])]
    return "".join(chars)


def prompts() -> list[str]:
    rng = random.Random(SEED)
    phrases = [p for group in SCRIPTS.values() for p in group]
    texts = ODD + digits() + phrases
    while len(texts) < N_PROMPTS:
        if rng.random() < 0.15:
            texts.append(random_text(rng))
            continue
        # most stay within a script, some mix
        group = list(SCRIPTS.values())[len(texts) % len(SCRIPTS)]
        parts = [changed(rng.choice(group), rng)]
        if rng.random() < 0.3:
            parts.append(changed(rng.choice(phrases), rng))
        texts.append(" ".join(parts))
    return texts


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write(name: str, folder: Path, texts: list[str]) -> None:
    tokenizer: Any = transformers.CLIPTokenizerFast.from_pretrained(str(folder))
    rows = []
    for text in texts:
        tokens = tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids
        rows.append(json.dumps([text, " ".join(map(str, tokens))]))
    head = {
        "script": "tools/golden/reference/token_vectors.py",
        "transformers": transformers.__version__,
        "tokenizers": tokenizers.__version__,
        "vocab_sha256": sha256(folder / "vocab.json"),
        "merges_sha256": sha256(folder / "merges.txt"),
    }
    lines = json.dumps(head, indent=0)[:-2] + ',\n"prompts": [\n' + ",\n".join(rows) + "\n]}\n"
    (ROOT / "tests/data/vectors" / name).write_text(lines)


def main() -> None:
    assert (transformers.__version__, tokenizers.__version__) == ("4.36.2", "0.15.2")
    texts = prompts()
    tiny = ROOT / "tests/data/models/tiny/tokenizer"
    write("tokens_tiny.json", tiny, texts[:: len(texts) // N_TINY])
    folder = Path(os.environ.get("TIMBRE_TEST_DATA", "")) / "clip"
    if (folder / "vocab.json").exists():
        write("tokens.json", folder, texts)
    else:
        print("token_vectors: tokens.json left out, no TIMBRE_TEST_DATA/clip", file=sys.stderr)


if __name__ == "__main__":
    main()
