"""Decides what counts of every text: all but the boilerplate of its account."""

import hashlib

from simrec import log
from simrec.articles.counted_writer import CountedWriter, StoredBlocks
from simrec.articles.store import Store
from simrec.config import Config
from simrec.lexical import boilerplate
from simrec.lexical.boilerplate import MAX_CHARS, MAX_TEXTS, MIN_TEXTS, Boilerplate
from simrec.steps.night import Night


def counting_rules(config: Config) -> str:
    """Return all that decides what counts of a corpus, as text."""
    return f"{boilerplate.VERSION} {config.embed.boilerplate_share}"


def count_texts(night: Night) -> str:
    """Bring what counts up to date with the articles; return a clause that says how much does not.

    It depends on the articles and the share alone, whatever was counted before. Where no article
    has changed there is nothing to do.
    """
    rules = counting_rules(night.config)
    share = night.config.embed.boilerplate_share
    with night.open_store() as store:
        if store.counted_by() != rules:
            with store.transaction() as writer:
                _count_all(store, writer.counted, rules, share)
                writer.counted.note_rules(rules)
            night.articles_changed()
        counts = store.boilerplate_counts()
    if not counts.articles:
        return ""
    return f"; {counts.articles:,} of them without boilerplate (accounts: {counts.accounts:,})"


def _count_all(store: Store, writer: CountedWriter, rules: str, share: float) -> None:
    if not share:
        writer.drop_all()
        return
    accounts = writer.accounts()
    with log.progress("boilerplate", total=len(accounts), unit="accounts") as bar:
        for account in accounts:
            _count_account(store, writer, account, rules, share)
            bar.update()


def _count_account(
    store: Store, writer: CountedWriter, account: str, rules: str, share: float
) -> None:
    sample = writer.sample(account, MAX_TEXTS)
    if not sample:
        writer.drop_account(account)
        return
    blocks = _blocks(store, writer, account, sample, rules, share)
    if not blocks:
        return
    for article_id, key in writer.uncounted(account):
        ((title, text),) = store.texts([key])
        writer.count(article_id, title, blocks.without(text))


def _blocks(
    store: Store, writer: CountedWriter, account: str, sample: list[bytes], rules: str, share: float
) -> Boilerplate:
    """Return the boilerplate of an account: as it is known, or found anew in another sample."""
    digest = hashlib.blake2b(rules.encode() + b"".join(sample), digest_size=16).digest()
    known = writer.blocks(account)
    if known.sample == digest:
        return Boilerplate.from_bytes(known.blocks)
    found = Boilerplate.find([], share)
    if len(sample) >= MIN_TEXTS:
        found = Boilerplate.find((text for _, text in store.texts(sample, MAX_CHARS)), share)
    hashes = found.to_bytes()
    if known.sample and hashes == known.blocks:
        writer.note_sample(account, digest)
    else:
        writer.replace_blocks(account, StoredBlocks(digest, hashes))
    return found
