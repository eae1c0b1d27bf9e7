"""A language that an article does not say is detected where it is certain, and never replaces one."""

from collections.abc import Callable

import pytest

from simrec.articles.language import detect_language
from tests.conftest import House

GERMAN = (
    "Wenn Sonne und Mond in einer Linie stehen, steigt das Wasser im Hafen so hoch wie sonst nie, "
    "und die Fischer bringen ihre Boote schon am Abend vorher in Sicherheit."
)
ENGLISH = (
    "When sun and moon stand in one line, the water in the harbour rises as high as it ever does, "
    "and the fishermen bring their boats to safety on the evening before."
)
CHINESE = (
    "当太阳和月亮排成一线时，港口的水位会升到最高，渔民们在前一天晚上就把船只停到安全的地方，"
    "等待潮水慢慢退去以后再出海捕鱼。"
)
ROWS = [
    {"id": "de", "text": GERMAN},
    {"id": "en", "text": ENGLISH, "lang": ""},
    {"id": "said", "text": ENGLISH, "lang": "fr-CA"},
    {"id": "short", "text": "High water."},
    {"id": "title", "title": GERMAN},
    {"id": "zh", "text": CHINESE},
]
DETECTED = {"de": "de", "en": "en", "said": "fr-CA", "short": None, "title": "de", "zh": "zh"}


@pytest.mark.parametrize(
    "text",
    [
        "1234567890 " * 40,
        "-" * 500,
        "https://x.example/a/b?c=1 " * 20,
        "def f(x):\n    return x + 1\n" * 20,
        "\N{GRINNING FACE} " * 300,
        "हिन्दी में लिखा हुआ एक लेख जो समुद्र के बारे में है। " * 10,
        "The tides.",
        "",
    ],
)
def test_what_is_not_certain_has_no_language(text: str) -> None:
    assert detect_language("", text) is None


def test_articles_have_their_language(empty_house: Callable[..., House]) -> None:
    house = empty_house([])
    house.write_articles(ROWS)
    assert house.step("ingest").code == 0
    assert languages(house) == DETECTED
    house.write_articles([*ROWS, {"id": "z", "text": ENGLISH, "lang": None}])
    ingested = house.step("ingest")
    assert "1 new, 0 changed, 6 unchanged" in ingested.out + ingested.err
    house.configure("[ingest]\ndetect_language = false\n")
    assert house.step("ingest").code == 0
    assert languages(house) == {**dict.fromkeys([*DETECTED, "z"]), "said": "fr-CA"}


def languages(house: House) -> dict[str, str | None]:
    return {row["id"]: row["lang"] for row in house.simrec("articles", "-n", 9, "--json").rows}
