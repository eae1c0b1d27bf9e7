"""The tokenizer: byte-level pieces learned from articles, for any language and script."""

from collections.abc import Iterable, Iterator

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from simrec.errors import ReleaseError

PAD = "[PAD]"
UNKNOWN = "[UNK]"
PAD_ID = 0
MAX_PIECE_BYTES = 24  # a long English word or eight Chinese characters
TRAIN_CHARS = 2_000  # of each article: more of one article teaches no new words
BATCH_TEXTS = 1_024


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> Tokenizer:
    """Learn a byte-level BPE vocabulary (Sennrich et al. 2016; Radford et al. 2019).

    Words are split at white space and punctuation first, so that no piece spans two words. All 256
    bytes are in the vocabulary, so that no text is ever unknown.
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
        max_token_length=MAX_PIECE_BYTES,
        show_progress=False,
    )
    tokenizer.train_from_iterator((text[:TRAIN_CHARS] for text in texts), trainer)
    return tokenizer


def token_ids(tokenizer: Tokenizer, texts: list[str]) -> Iterator[list[int]]:
    """Yield the token ids of each text, in order; a text without tokens is one unknown token."""
    no_tokens = [unknown_id(tokenizer)]
    for start in range(0, len(texts), BATCH_TEXTS):
        for encoding in tokenizer.encode_batch_fast(texts[start : start + BATCH_TEXTS]):
            yield encoding.ids or no_tokens


def unknown_id(tokenizer: Tokenizer) -> int:
    """Return the id of the unknown token; a vocabulary from a teacher has its own."""
    token_id = tokenizer.token_to_id(UNKNOWN)
    if token_id is None:
        raise ReleaseError(
            f"the tokenizer has no {UNKNOWN} token, which an encoder needs for a text without words"
        )
    return token_id


def unknown_share(tokenizer: Tokenizer, texts: list[str]) -> float:
    """Return the share of tokens that say nothing, which is high if texts are in another script.

    These are unknown tokens and, of a byte-level vocabulary, which knows all, the parts of letters.
    """
    unknown = {unknown_id(tokenizer), *parts_of_letters(tokenizer)}
    tokens = 0
    unknown_tokens = 0
    for ids in token_ids(tokenizer, texts):
        tokens += len(ids)
        unknown_tokens += sum(token_id in unknown for token_id in ids)
    return unknown_tokens / max(1, tokens)


def parts_of_letters(tokenizer: Tokenizer) -> set[int]:
    """Return the tokens that are one byte of a letter of several; none unless it is byte-level."""
    token_ids_of_bytes = []
    for letter in byte_letters():
        token_id = tokenizer.token_to_id(letter)
        if token_id is None:
            return set()
        token_ids_of_bytes.append(token_id)
    return set(token_ids_of_bytes[0x80:])


def byte_letters() -> list[str]:
    """Return the letter that stands for each byte in a byte-level vocabulary (Radford et al. 2019).

    A printable byte of Latin-1 stands for itself, the others are the letters from U+0100 on.
    """
    letters = []
    others = 0
    for byte in range(256):
        if 0x21 <= byte <= 0x7E or 0xA1 <= byte <= 0xAC or byte >= 0xAE:
            letters.append(chr(byte))
        else:
            letters.append(chr(0x100 + others))
            others += 1
    return letters


def without_additions(tokenizer_json: str) -> Tokenizer:
    """Return a transformer's tokenizer that neither truncates, pads nor adds special tokens."""
    tokenizer = Tokenizer.from_str(tokenizer_json)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.post_processor = None
    return tokenizer


def pieces(tokenizer: Tokenizer) -> list[str]:
    """Return each piece of the vocabulary as a text, in order of id."""
    texts = []
    for token_id in range(tokenizer.get_vocab_size()):
        texts.append(str(tokenizer.id_to_token(token_id)).removeprefix("##"))
    return texts
