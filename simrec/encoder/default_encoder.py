"""The encoder that comes with simrec, and whether an encoder can read given articles."""

from pathlib import Path

from tokenizers import Tokenizer

from simrec.articles.article import encoded_text
from simrec.encoder import model_folder
from simrec.encoder.tokenizer import unknown_share

PRETRAINED = Path(__file__).parent / "pretrained"
MAX_UNKNOWN_SHARE = 0.05  # of tokens; beyond it, the script is one the tokenizer does not know
CHECKED_ARTICLES = 500
CHECKED_CHARS = 1_000  # of each text


def unreadable(encoder: Path, articles: list[tuple[str, str]]) -> str:
    """Return why an encoder cannot read articles (title, text), empty if it can.

    ReleaseError if the encoder is damaged.
    """
    model_folder.check(encoder)
    tokenizer = Tokenizer.from_file(str(encoder / model_folder.TOKENIZER))
    texts = [encoded_text(title, text[:CHECKED_CHARS]) for title, text in articles]
    share = unknown_share(tokenizer, texts)
    if share <= MAX_UNKNOWN_SHARE:
        return ""
    return f"{share:.0%} of their tokens are unknown to the encoder {encoder}"
