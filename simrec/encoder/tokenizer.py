"""The tokenizer: byte-level pieces learned from the articles, for any language and script."""

from collections.abc import Iterable, Iterator
from itertools import chain

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from simrec.errors import ReleaseError

PAD, UNKNOWN = "[PAD]", "[UNK]"
PAD_ID = 0
LONGEST_PIECE = 24  # bytes: a long English word or eight Chinese characters
TRAIN_CHARS = 2_000  # of each article: more of one article teaches no new words


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> Tokenizer:
    """Learn a byte-level BPE vocabulary (Sennrich et al. 2016; Radford et al. 2019).

    Words are cut at white space and punctuation first, so that a piece never spans two words; all
    256 bytes are in the vocabulary, so that no text is ever unknown.
    """
    tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.BertPreTokenizer(),
            pre_tokenizers.Digits(individual_digits=False),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[PAD, UNKNOWN],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        max_token_length=LONGEST_PIECE,
        show_progress=False,
    )
    tokenizer.train_from_iterator((text[:TRAIN_CHARS] for text in texts), trainer)
    return tokenizer


def token_ids(tokenizer: Tokenizer, texts: list[str]) -> Iterator[list[int]]:
    """Yield the token ids of each text, in order; a text without tokens is one unknown token."""
    nothing = [unknown_id(tokenizer)]
    blocks = (texts[start : start + 1024] for start in range(0, len(texts), 1024))
    for encoding in chain.from_iterable(map(tokenizer.encode_batch_fast, blocks)):
        yield encoding.ids or nothing


def unknown_id(tokenizer: Tokenizer) -> int:
    """Return the id of the unknown token: another one in a vocabulary that came from a teacher."""
    number = tokenizer.token_to_id(UNKNOWN)
    if number is None:
        raise ReleaseError(
            f"the tokenizer has no {UNKNOWN} token, which an encoder needs for a text without words"
        )
    return number


def unknown_share(tokenizer: Tokenizer, texts: list[str]) -> float:
    """Return which share of the tokens of the texts is unknown: high where they are in another script."""
    unknown = unknown_id(tokenizer)
    ids = [number for row in token_ids(tokenizer, texts) for number in row]
    return ids.count(unknown) / max(1, len(ids))


def plain(tokenizer_json: str) -> Tokenizer:
    """Return a transformer's tokenizer that neither cuts, pads nor adds special tokens."""
    tokenizer = Tokenizer.from_str(tokenizer_json)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.post_processor = None
    return tokenizer


def pieces(tokenizer: Tokenizer) -> list[str]:
    """Return each piece of the vocabulary as a text, in order of id."""
    return [
        str(tokenizer.id_to_token(number)).removeprefix("##")
        for number in range(tokenizer.get_vocab_size())
    ]
