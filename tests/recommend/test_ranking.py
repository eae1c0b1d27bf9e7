"""What is published and answered by the rules, through the nightly job and the command line."""

import datetime
import itertools
import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as parquet
import pytest
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from simrec import config_file
from simrec.config import Config
from simrec.lexical.words import words
from simrec.steps.night import Night
from simrec.workspace import Workspace
from tests.conftest import CONFIG, House, nightly_house, speeches

SEED = "1861-Lincoln-1/13"
RULES = "[rules]\ncollapse_duplicates = false\nmax_exposure = 0\n"
WORDS = CONFIG.replace("lexical_weight = 0", "lexical_weight = 0.3")
TABLE = 10


def reposted() -> list[dict[str, Any]]:
    """The speeches, three of them posted again: with another id, another sentence, another date."""
    articles = speeches()
    for number, again in ((13, "a"), (40, "b"), (41, "c")):
        text = f"{articles[number]['text']} (Posted again.)"
        articles.append(
            {**articles[number], "id": f"again/{again}", "text": text, "account": "Reposter"}
        )
        articles[number]["published_at"] = "1901-01-01"
        articles[-1]["published_at"] = "1902-02-02"
    return articles


ARTICLES = {article["id"]: article for article in reposted()}


@pytest.fixture(scope="module")
def house(published: House, tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house with re-posted speeches, the lexical weight .3 and the default rules."""
    config = WORDS.replace(RULES, "")
    return nightly_house(published, tmp_path_factory.mktemp("ranking"), config, reposted())


@pytest.fixture
def changed(house: House, tmp_path: Path) -> House:
    """A copy, to be changed."""
    shutil.copytree(house.folder, tmp_path / "house")
    return House(tmp_path / "house")


def folder(house: House) -> Path:
    return house.workspace / "releases" / house.current


def table(house: House, name: str = "similar_articles") -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = parquet.read_table(folder(house) / f"{name}.parquet").to_pylist()
    return rows


def lists(house: House) -> dict[str, list[str]]:
    similar_of: dict[str, list[str]] = {}
    for row in table(house):
        similar_of.setdefault(row["article"], []).append(row["similar"])
    return similar_of


def night(house: House, rules: str) -> House:
    (house.folder / "config.toml").write_text(WORDS.replace(RULES, f"[rules]\n{rules}\n"))
    ran = house.job()
    assert ran.code == 0, ran.err
    return house


def test_near_duplicates_are_listed_once_and_named_in_a_table_of_their_own(house: House) -> None:
    originals = {row["article"]: row["original"] for row in table(house, "duplicates")}
    again = {
        f"again/{letter}": list(ARTICLES)[number]
        for letter, number in (("a", 13), ("b", 40), ("c", 41))
    }
    assert originals == again
    for article, listed in lists(house).items():
        texts = [originals.get(article_id, article_id) for article_id in [article, *listed]]
        assert len(set(texts)) == len(texts), article
    with sqlite3.connect(folder(house) / "items.db") as db:
        assert dict(db.execute("SELECT article, original FROM duplicates")) == originals
    assert house.simrec("show", "again/a", "--json").rows[0]["duplicates"] == again["again/a"]
    filtered = house.simrec("similar", again["again/a"], "--account", "Reposter", "--json").rows
    assert {row["id"] for row in filtered} == {"again/b", "again/c"}
    plain = house.simrec("similar", again["again/a"], "--no-rules", "-n", 1, "--json").rows
    assert plain[0]["id"] == "again/a"


def test_every_article_is_in_some_list_and_none_in_too_many(house: House) -> None:
    listed = lists(house)
    counts = dict.fromkeys(ARTICLES, 0)
    for article_id in itertools.chain.from_iterable(listed.values()):
        counts[article_id] += 1
    assert {len(similar) for similar in listed.values()} == {TABLE}
    assert max(counts.values()) <= 2 * TABLE
    originals = {row["article"] for row in table(house, "duplicates")}
    orphans = {article_id for article_id, count in counts.items() if count == 0}
    assert orphans <= originals


def test_a_reason_names_what_both_texts_tell_and_the_rules_have_their_own_column(
    house: House,
) -> None:
    seen = 0
    with_stop_word = 0
    rows = table(house)
    for row in rows:
        said = row["reason"].split("; ")
        named = []
        if said[0] and not said[0].startswith("same "):
            named = said[0].split(", ")
        article = ARTICLES[row["article"]]
        similar = ARTICLES[row["similar"]]
        in_both = set(words(article["text"])) & set(words(similar["text"]))
        assert all(in_both.intersection(words(name)) for name in named), row
        assert not any(name.isdigit() for name in named)
        with_stop_word += any(name.lower() in ENGLISH_STOP_WORDS for name in named)
        assert ("same account" in said) == (article["account"] == similar["account"])
        assert ("same category" in said) == (article["category"] == similar["category"])
        rule = {0: "seldom recommended"}.get(
            row["score_rank"], f"number {row['score_rank']} by score"
        )
        assert row["rules"] == (rule if row["score_rank"] > TABLE or not row["score_rank"] else "")
        seen += bool(named)
    assert seen > len(rows) / 3
    assert with_stop_word < len(rows) / 30  # of which a third are "bill", "her" and "mine"
    row = next(row for row in rows if row["rank"] == 1 and ", " in row["reason"])
    named = row["reason"].split("; ")[0]
    with sqlite3.connect(folder(house) / "items.db") as db:
        query = "SELECT similar, score_rank, words FROM similar WHERE article = ? AND rank = 1"
        assert db.execute(query, (row["article"],)).fetchone() == (
            row["similar"], row["score_rank"], named,
        )  # fmt: skip
    hit = house.simrec("similar", row["article"], "-n", 1, "--json").rows[0]
    assert (hit["id"], hit["score_rank"], ", ".join(hit["words"])) == (
        row["similar"], row["score_rank"], named,
    )  # fmt: skip


def test_the_table_of_changes_turns_the_old_table_into_the_new_one(changed: House) -> None:
    old = {(row["article"], row["similar"]): (row["rank"], row["score"]) for row in table(changed)}
    since = changed.current
    articles = changed.articles
    articles[5]["text"] = f"{articles[6]['text']} And more of it, said on another day."
    changed.write_articles(
        [*articles[:20], *articles[22:], {"id": "new", "text": articles[0]["text"][:900]}]
    )
    assert changed.job().code == 0
    assert json.loads((folder(changed) / "changes.json").read_text())["since"] == since
    kinds = set()
    for row in table(changed, "changes_similar_articles"):
        pair = row["article"], row["similar"]
        kinds.add(row["change"])
        assert (pair in old) == (row["change"] != "added")
        if row["change"] == "removed":
            assert old.pop(pair) == (row["rank"], row["score"])
        else:
            assert old.get(pair) != (row["rank"], row["score"])
            old[pair] = row["rank"], row["score"]
    assert kinds == {"added", "removed", "changed"}
    new = {(row["article"], row["similar"]): (row["rank"], row["score"]) for row in table(changed)}
    assert {pair: rank for pair, (rank, _) in old.items()} == {
        pair: rank for pair, (rank, _) in new.items()
    }
    assert all(abs(score - new[pair][1]) <= 0.01 for pair, (_, score) in old.items())


def test_all_rules_off_is_the_order_of_the_score(changed: House) -> None:
    night(changed, "collapse_duplicates = false\nmax_exposure = 0")
    for _, rows in itertools.groupby(table(changed), key=lambda row: row["article"]):
        scores = [row["score"] for row in rows]
        assert scores == sorted(scores, reverse=True)
    assert {row["rank"] - row["score_rank"] for row in table(changed)} == {0}


@pytest.mark.parametrize("age_from", ["article", "newest"])
@pytest.mark.parametrize(
    "options", [[], ["--since", "1000"]], ids=["from the table", "from a search"]
)
def test_rules_hold_for_tables_and_questions(
    changed: House, options: list[str], age_from: str
) -> None:
    night(
        changed,
        "max_exposure = 0\naccount_cap = 1\nexclude_own_account = true\n"
        f'freshness_half_life = 3000\nage_from = "{age_from}"\n[release]\nmax_relevance_fall = 1',
    )
    own = ARTICLES[SEED]["account"]
    hits = changed.simrec("similar", SEED, *options, "--json").rows
    accounts = [hit["account"] for hit in hits]
    others = {article["account"] for article in ARTICLES.values()} - {
        own,
        "Reposter",
    }  # who tells but old stories
    assert (own in accounts, len(set(accounts)), len(accounts) > 4) == (False, len(accounts), True)
    assert not options or set(accounts) == others
    counted_from = ARTICLES[SEED]["published_at"]
    if age_from == "newest":
        counted_from = max(article["published_at"] for article in ARTICLES.values())

    def value(hit: dict[str, Any]) -> float:
        age = datetime.date.fromisoformat(counted_from[:10]) - datetime.date.fromisoformat(
            hit["published_at"][:10]
        )
        return float(hit["score"] * 0.5 ** (max(0, age.days) / 3000))

    values = [value(hit) for hit in hits]
    assert values == pytest.approx(sorted(values, reverse=True), abs=2e-6)
    assert [hit["score"] for hit in hits] != sorted((hit["score"] for hit in hits), reverse=True)


def test_rules_that_leave_no_candidates_are_refused_by_the_gate(changed: House) -> None:
    before = changed.current
    answer = changed.simrec("similar", SEED).out
    changed.write_articles([{**article, "account": "One"} for article in changed.articles])
    (changed.folder / "config.toml").write_text(
        WORDS.replace(RULES, "[rules]\nexclude_own_account = true\n")
    )
    ran = changed.job()
    assert (ran.code, "0.0% of the articles have similar ones" in ran.err) == (7, True), ran.err
    assert (changed.current, changed.simrec("similar", SEED).out) == (before, answer)
    (changed.folder / "config.toml").write_text(
        WORDS.replace(RULES, "[rules]\nexclude_own_account = true\n")
        + "[release]\nmin_coverage = 0\nmin_exposed = 0\n"
    )
    assert changed.job().code == 0
    asked = changed.simrec("similar", SEED)
    assert (table(changed), asked.code, asked.out) == ([], 0, "")
    assert "no article is similar enough and passes the filters" in asked.err
    assert changed.simrec("similar", SEED, "--no-rules", "--json").rows


def joint_scores(house: House) -> tuple[list[str], np.ndarray]:
    """The ids, and the joint scores of all pairs of articles, from the stored vectors and terms."""
    from simrec.lexical.term_vectors import TermVectors

    vectors = np.load(folder(house) / "vectors.npy").astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    terms = np.load(folder(house) / "terms.npy")
    cosines = (vectors @ vectors.T).round(6)
    rows = np.broadcast_to(np.arange(len(terms)), cosines.shape)
    return sorted(ARTICLES), TermVectors(terms).hybrid_scores(cosines, terms, rows, 0.3)


def test_several_seeds_are_the_mean_of_their_scores_less_those_of_the_unlike(house: House) -> None:
    ids, scores = joint_scores(house)
    likes, unlike = [ids[3], ids[90]], ids[200]
    a, b, c = (ids.index(article_id) for article_id in [*likes, unlike])
    wanted = scores[[a, b]].mean(axis=0) - 0.5 * scores[c]
    hits = house.simrec(
        "similar", *likes, "--less-like", unlike, "-n", 15, "--no-rules", "--json"
    ).rows
    assert [hit["score"] for hit in hits] == pytest.approx(
        [wanted[ids.index(hit["id"])] for hit in hits], abs=3e-6
    )
    assert [hit["score"] for hit in hits] == sorted((hit["score"] for hit in hits), reverse=True)
    assert not {hit["id"] for hit in hits} & {*likes, unlike}
    vectors = np.load(folder(house) / "vectors.npy").astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    near = vectors @ (vectors[a] / 2 + vectors[b] / 2 - vectors[c] / 2)
    candidates = [row for row in np.argsort(-near, kind="stable")[:23] if row not in (a, b, c)][:20]
    best = sorted(candidates, key=lambda row: -wanted[row])[:5]
    assert [hit["id"] for hit in hits[:5]] == [ids[row] for row in best]


def test_what_to_read_next_is_nearest_to_one_of_the_history_and_not_in_it(
    house: House, tmp_path: Path
) -> None:
    ids, scores = joint_scores(house)
    read = [ids[row] for row in (5, 120, 121, 250)]
    (tmp_path / "read.txt").write_text("\n".join([read[0], "gone", *read[1:], ""]))
    hits = house.simrec(
        "similar", "--history", tmp_path / "read.txt", "-n", 12, "--no-rules", "--json"
    ).rows
    assert not {hit["id"] for hit in hits} & set(read)
    weight = {seed: 0.5 ** (ago / 10) for ago, seed in enumerate(reversed(read))}
    values = []
    for hit in hits:
        pairs = {seed: scores[ids.index(seed), ids.index(hit["id"])] for seed in read}
        nearest = max(pairs, key=lambda seed: weight[seed] * pairs[seed])  # noqa: B023
        assert (hit["seed_id"], hit["score"]) == (nearest, pytest.approx(pairs[nearest], abs=3e-6))
        values.append(weight[nearest] * hit["score"])
    assert values == pytest.approx(sorted(values, reverse=True), abs=3e-6)
    (tmp_path / "read.txt").write_text("gone\n")
    ran = house.simrec("similar", "--history", tmp_path / "read.txt")
    assert (ran.code, "none of the 1 articles of the history" in ran.err) == (4, True)


def test_followers_of_an_account_get_articles_of_others(house: House) -> None:
    hits = house.simrec("similar", "--account", "Abraham Lincoln", "-n", 20, "--json").rows
    own = {
        article["id"] for article in ARTICLES.values() if article["account"] == "Abraham Lincoln"
    }
    assert (len(hits), {hit["id"] for hit in hits} & own) == (20, set())
    assert {hit["seed_id"] for hit in hits} <= own
    ran = house.simrec("similar", "--account", "Abraham Lincon")
    assert (ran.code, "the nearest are 'Abraham Lincoln'" in ran.err) == (4, True)


def test_accounts_that_write_about_a_text_are_those_of_its_nearest_articles(house: House) -> None:
    text = ARTICLES[SEED]["text"]
    hits = house.simrec("similar", "--text", text, "-n", 100, "--no-rules", "--json").rows
    scores_of: dict[str, list[float]] = {}
    for hit in hits:
        scores_of.setdefault(hit["account"], []).append(hit["score"])
    expected = {account: sum(scores[:3]) / 3 for account, scores in scores_of.items()}
    best = sorted(expected, key=lambda account: -expected[account])[:5]
    found = house.simrec("accounts", "--text", text, "-n", 5, "--explain", "--json").rows
    assert [row["id"] for row in found] == best
    assert [row["score"] for row in found] == pytest.approx(
        [expected[account] for account in best], abs=2e-6
    )
    assert found[0]["evidence"][0]["similar_article"] == hits[0]["id"]


def test_the_evidence_of_accounts_are_the_pairs_of_highest_score(house: House) -> None:
    ids, scores = joint_scores(house)
    candidates = np.argsort(-(scores - 2 * np.eye(len(scores))), axis=1, kind="stable")[:, :20]
    near = {(row, other) for row, others in enumerate(candidates) for other in others.tolist()}
    rows_of: dict[str, list[int]] = {}
    for row, article_id in enumerate(ids):
        rows_of.setdefault(ARTICLES[article_id]["account"], []).append(row)
    evidence = table(house, "account_evidence")
    pairs = {(row["account"], row["similar"]) for row in table(house, "similar_accounts")}
    assert {(row["account"], row["similar"]) for row in evidence} == pairs
    differing = 0
    for (account, similar), group in itertools.groupby(
        evidence, key=lambda row: (row["account"], row["similar"])
    ):
        found = [
            (ids.index(row["article"]), ids.index(row["similar_article"]), row["score"])
            for row in group
        ]
        both = [(a, b) for a in rows_of[account] for b in rows_of[similar]]
        known = [pair for pair in both if pair in near] or both
        expected = sorted((float(scores[pair]) for pair in known), reverse=True)[:3]
        scored = [score for _, _, score in found]
        differing += scored != pytest.approx(expected, abs=3e-6)
        assert all(scores[a, b] == pytest.approx(score, abs=3e-6) for a, b, score in found)
    assert differing <= len(pairs) / 25, "few of the best twenty are not among the candidates"
    shown = house.simrec("accounts", "Abraham Lincoln", "--explain").out
    assert " ~ " in shown and " ~ " not in house.simrec("accounts", "Abraham Lincoln").out


def test_accounts_of_few_articles_are_ranked_and_marked(changed: House) -> None:
    articles = changed.articles
    changed.write_articles(
        [*articles, {"id": "guest", "text": articles[0]["text"][100:600], "account": "Guest"}]
    )
    assert changed.job().code == 0
    marked = {
        row["similar"]: row["few_articles"]
        for row in table(changed, "similar_accounts")
        if row["account"] != "Guest"
    }
    assert marked.get("Guest", True) and not marked["Abraham Lincoln"]
    assert all(
        row["few_articles"]
        for row in table(changed, "similar_accounts")
        if row["account"] == "Guest"
    )
    assert "few articles" in changed.simrec("accounts", "Guest").out


def test_explain_shows_shared_words_and_the_closest_passages(house: House) -> None:
    rows = house.simrec("similar", SEED, "-n", 3, "--explain", "--json").rows
    for row in rows:
        left, right = row["explanation"]["passages"]
        assert left in ARTICLES[SEED]["text"].replace("\n", " ") or left in ARTICLES[SEED]["text"]
        assert (
            right in ARTICLES[row["id"]]["text"].replace("\n", " ")
            or right in ARTICLES[row["id"]]["text"]
        )
        in_both = set(words(ARTICLES[SEED]["text"])) & set(words(ARTICLES[row["id"]]["text"]))
        for word in row["explanation"]["words"]:
            assert in_both.intersection(words(word))
    shown = house.simrec("similar", SEED, "-n", 3, "--explain").out
    with_words = [row for row in rows if row["explanation"]["words"]]
    assert with_words and shown.count("shares: ") == len(with_words) and shown.count("“") == 6
    assert (
        "shares: "
        in house.simrec("similar", "--text", ARTICLES[SEED]["text"], "-n", 2, "--explain").out
    )


@pytest.mark.parametrize(
    "rules, says",
    [
        ("freshness_half_life = -1", "freshness_half_life"),
        ("diversity = 1", "diversity"),
        ("max_exposure = 0.5", "max_exposure is 0.5"),
        ("account_cap = -2", "account_cap"),
        ("account_caps = 2", "did you mean 'account_cap'"),
    ],
)
def test_rules_that_contradict_themselves_are_refused(
    changed: House, rules: str, says: str
) -> None:
    before = changed.current
    (changed.folder / "config.toml").write_text(WORDS.replace(RULES, f"[rules]\n{rules}\n"))
    ran = changed.job()
    assert (ran.code, says in ran.err, changed.current) == (3, True, before), ran.err


def test_lists_are_filled_where_copies_take_all_candidates(changed: House) -> None:
    copy = ARTICLES[SEED]
    copies = [
        {**copy, "id": f"copy/{n:02}", "text": f"{copy['text']} Number {n}."} for n in range(40)
    ]
    changed.write_articles([*changed.articles, *copies])
    assert changed.job().code == 0
    listed = lists(changed)
    same_text = {SEED, "again/a", *(copy["id"] for copy in copies)}
    assert len(listed["copy/07"]) == TABLE and not same_text & set(listed["copy/07"])
    assert {len(similar) for similar in listed.values()} == {TABLE}


def release_id_of(workspace: Workspace, config: Config, today: str | None = None) -> str:
    with Night(workspace, config, today) as tonight:
        return tonight.release_id


def test_the_clock_decides_a_release_only_where_age_matters(changed: House) -> None:
    config = changed.folder / "config.toml"
    earlier = max(article["published_at"] for article in changed.articles)[:10]
    newest = "2026-05-05"  # past, but in the future of some of the days below
    assert earlier < newest
    latest = {"id": "latest", "text": ARTICLES[SEED]["text"], "published_at": newest}
    changed.write_articles([*changed.articles, latest])
    workspace = Workspace(changed.workspace)

    night(changed, "freshness_half_life = 3000")
    fresh = config_file.load(config)
    assert json.loads((folder(changed) / "rules.json").read_text())["newest"] == newest
    assert release_id_of(workspace, fresh) == changed.current
    assert release_id_of(workspace, fresh, f"{newest}T23:59:59Z") == changed.current
    assert release_id_of(workspace, fresh, "2999-05-04") == changed.current
    assert release_id_of(workspace, fresh, "2026-05-04T23:59:59Z") != changed.current

    night(changed, "freshness_half_life = 0")
    plain = config_file.load(config)
    assert json.loads((folder(changed) / "rules.json").read_text())["newest"] == "1970-01-01"
    assert release_id_of(workspace, plain, "2026-05-04") == changed.current
