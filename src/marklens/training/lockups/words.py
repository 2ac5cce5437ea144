"""Names to set: real ones in Latin, carried over letter by letter into Greek and Cyrillic, else random."""

from collections.abc import Sequence

import numpy as np

from marklens.training.lockups.fonts import Script

LATIN = "abcdefghijklmnopqrstuvwxyz"
CARRIED_OVER: dict[Script, str] = {
    "greek": "αβψδεφγηιξκλμνοπθρστυωχχψζ",
    "cyrillic": "абцдефгхийклмнопкрстувшхыз",
}
"""Letter by letter for `LATIN`: what it says does not matter, only that real letters stand as in words."""
CHARACTERS: dict[Script, str] = {
    "chinese-simplified": "中国大人上海天地山水火木金土日月星光明新东方华美德信和平安康福乐生活食品科技电子"
    "汽车服装家居集团有限公司龙凤花园银行医药文化教育体育",
    "japanese": "日本東京大阪株式会社山田川木花月光水火風空星美食品工業電気自動車あいうえおかきくけこさし"
    "すせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろアイウエオカキクケコサシスセソタチツテト",
    "korean": "가나다라마바사아자차카타파하한국서울대전부산사랑하늘바다미래전자자동차은행식품화장품건설기업",
    "arabic": "ابتثجحخدذرزسشصضطظعغفقكلمنهوي",
}
TAGLINES = (
    "software", "coffee & tea", "since 1921", "design studio", "group", "international", "solutions",
    "the taste of home", "foods", "technologies", "good for you", "your partner", "cosmetics", "records",
)  # fmt: skip


def make_words(script: Script, names: Sequence[str], random: np.random.Generator, count: int) -> list[str]:
    """One to `count` words in a script.

    Args:
        script: in which they shall be.
        names: real names in Latin letters to choose from.
        random: decides.
        count: how many words at most; shorter names give fewer.
    """
    if script in CHARACTERS:
        pool, shortest = CHARACTERS[script], 3 if script == "arabic" else 2
        lengths = random.integers(shortest, shortest + 4, random.integers(1, count + 1))
        return ["".join(random.choice(list(pool), length)) for length in lengths]
    words = names[int(random.integers(len(names)))].split()[:count]
    if script == "latin":
        return [_cased(word, random) for word in words] or ["brand"]
    table = str.maketrans(LATIN, CARRIED_OVER[script])
    carried = ["".join(c for c in word.lower() if c in LATIN).translate(table) for word in words]
    return [_cased(word, random) for word in carried if len(word) > 1] or [CARRIED_OVER[script][2:8]]


def make_tagline(random: np.random.Generator) -> str:
    """A small line as it stands below names."""
    return _cased(str(random.choice(TAGLINES)), random)


def _cased(word: str, random: np.random.Generator) -> str:
    way = random.random()
    return word.upper() if way < 0.4 else word.lower() if way < 0.55 else word[:1].upper() + word[1:]
