"""The encoder in the box, and whether an encoder can read given articles."""

from pathlib import Path

from tokenizers import Tokenizer

from simrec.articles.article import encoded_text
from simrec.encoder import model_folder
from simrec.encoder.tokenizer import unknown_share

PRETRAINED = Path(__file__).parent / "pretrained"
MOST_UNKNOWN = (
    0.05  # share of tokens; beyond it the articles are in a script the tokenizer does not know
)
ASKED = 500  # articles


def unreadable(encoder: Path, articles: list[tuple[str, str]]) -> str:
    """Say why an encoder cannot read these articles, or nothing; ReleaseError if it is damaged."""
    model_folder.check(encoder)
    tokenizer = Tokenizer.from_file(str(encoder / model_folder.TOKENIZER))
    unknown = unknown_share(
        tokenizer, [encoded_text(title, text[:1_000]) for title, text in articles]
    )
    return (
        f"{unknown:.0%} of their tokens are unknown to the encoder {encoder}"
        if unknown > MOST_UNKNOWN
        else ""
    )
