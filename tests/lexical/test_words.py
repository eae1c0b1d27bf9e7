"""Words of all scripts: marks belong to them, what nobody sees does not count."""

import re
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from simrec.evaluate.tfidf_baseline import TfIdfBaseline
from simrec.lexical.characters import MARKS, fold
from simrec.lexical.tfidf import TfIdf
from simrec.lexical.words import words
from tests.conftest import speeches

TEXTS = [speech["text"] for speech in speeches()]
LIKE_OTHERS = "co\u00adop\u200bera\u2060tion"  # a soft hyphen, a zero-width space, a word joiner


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "भारत की क्रिकेट टीम ने मुंबई में विश्व कप जीता",
            "भारत क्रिकेट टीम मुंबई विश्व कप जीता",
        ),
        ("তিস্তা নদীর জলের উচ্চতা বেড়েছে", "তিস্তা নদীর জলের উচ্চতা বেড়েছে"),
        ("தமிழ்நாடு முதலமைச்சர் அறிவிப்பு", "தமிழ்நாடு முதலமைச்சர் அறிவிப்பு"),
        ("తెలుగు వార్తలు", "తెలుగు వార్తలు"),
        ("മലയാളം വാർത്ത", "മലയാളം വാർത്ത"),
        ("כִּי שָׁלוֹם", "כִּי שָׁלוֹם"),
        ("كِتَابٌ جَدِيدٌ", "كِتَابٌ جَدِيدٌ"),
        ("ọ̀rọ̀ Yorùbá", "ọ̀rọ̀ yorùbá"),
        ("ẩm thực Việt Nam", "ẩm thực việt nam"),
        ("ქართული ენა, አማርኛ, ἀρχή", "ქართული ენა አማርኛ ἀρχή"),
        ("한국어 뉴스", "한국어 뉴스"),
        ("x y z 7 é", ""),
    ],
)
def test_a_word_keeps_its_marks(text: str, expected: str) -> None:
    assert list(words(text)) == expected.split()
    assert list(words(unicodedata.normalize("NFD", text))) == expected.split()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ភាសាខ្មែរ។", "ភា សា ខ្ មែ រ ភាសា សាខ្ ខ្មែ មែរ"),
        ("ภาษาไทย", "ภ า ษ า ไ ท ย ภา าษ ษา าไ ไท ทย"),
        ("ที่นี่", "ที่ นี่ ที่นี่"),
        ("မြန်မာ", "မြ န် မာ မြန် န်မာ"),
        ("人々", "人 々 人々"),
        ("使用Python编程2024年", "使 用 使用 python 编 程 编程 2024 年"),
        ("ｶﾞｲﾄﾞ", "ガ イ ド ガイ イド"),
    ],
)
def test_scripts_without_spaces_are_characters_and_pairs(text: str, expected: str) -> None:
    assert list(words(text)) == expected.split()


@pytest.mark.parametrize(
    ("text", "same"),
    [
        (LIKE_OTHERS, "cooperation"),
        ("\ufefffirst \u200eword\u200f", "first word"),
        ("می\u200cخواهم", "میخواهم"),
        ("مـــحمد", "محمد"),
        ("ﻣﺤﻤﺪ", "محمد"),
        ("oﬃce ﬁve ĳs ſenate", "office five ijs senate"),
        ("ＡＢＣ１２３ ｎｅｗｓ", "abc123 news"),
        ("𝐁𝐫𝐞𝐚𝐤𝐢𝐧𝐠 𝗻𝗲𝘄𝘀", "breaking news"),
        ("Ⅻ Ångström", "xii ångström"),
        ("İSTANBUL", "istanbul"),
        ("one\vtwo\fthree", "one two three"),
        ("heart\ufe0f ❤\ufe0f 1\ufe0f\u20e3", "heart"),
        ("ภาษา\u200bไทย", "ภาษาไทย"),
    ],
)
def test_what_looks_the_same_is_the_same(text: str, same: str) -> None:
    assert list(words(text)) == list(words(same))


def test_signs_that_say_something_are_not_folded() -> None:
    assert list(words("Nike™ 1½ km²")) == ["nike", "1½", "km²"]


def test_english_is_cut_as_it_was() -> None:
    """Up to format 2 words were runs of letters and digits."""
    for text in [*TEXTS, "“It’s” – naïve café, 5€ for O'Neill; snake_case … e-mail"]:
        assert list(words(text)) == re.findall(r"[^\W_]{2,}", text.lower())


def test_marks_of_all_scripts_are_known() -> None:
    mark = re.compile(f"[{MARKS}]")
    for code in [*range(0x300, 0x3100), *range(0xA600, 0xAC00)]:
        is_mark = unicodedata.category(chr(code)) in ("Mn", "Mc")
        assert bool(mark.match(chr(code))) == is_mark, hex(code)


def test_the_baseline_knows_the_same_words() -> None:
    hindi = "भारत की क्रिकेट टीम ने मुंबई में विश्व कप जीता"
    baseline = TfIdfBaseline.fit([hindi, LIKE_OTHERS])
    found = set(baseline._vectorizer.get_feature_names_out())
    assert found == {*words(hindi), "cooperation", "placeholder"}
    khmer = TfIdfBaseline.fit(["ភាសាខ្មែរ", "ព័ត៌មាន"])
    assert khmer.rows(["ភាសា"]).nnz > 0


def test_the_baseline_of_english_is_scikit_learns() -> None:
    theirs = TfidfVectorizer(stop_words="english", sublinear_tf=True).fit([*TEXTS, "placeholder"])
    ours = TfIdfBaseline.fit(TEXTS).rows(TEXTS)
    assert np.array_equal(ours.toarray(), theirs.transform(TEXTS).toarray())


def test_folding_twice_is_folding_once() -> None:
    for code in range(0x80, 0x30000):
        if not 0xD800 <= code < 0xE000:
            once = fold(f"a{chr(code)}b")
            assert fold(once) == once, hex(code)


def test_word_weights_of_an_older_format_can_be_read_and_are_due(tmp_path: Path) -> None:
    path = tmp_path / "words.npz"
    older = TfIdf(np.ones(1 << 18, np.float32), 7, 0.5, version=2)
    older.save(path)
    assert not TfIdf.is_current(path)
    assert (TfIdf.open(path).id, TfIdf.open(path).weight) == (older.id, 0.5)
    TfIdf(np.ones(1 << 18, np.float32), 7, 0.5).save(path)
    assert TfIdf.is_current(path)
    assert TfIdf.open(path).id != older.id
