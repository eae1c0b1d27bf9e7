"""The nightly job: it does what changed, all or nothing, and survives being killed anywhere."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT, House, environment, run, speeches
from tests.jobs.disturbed import KILL, LONG, at_event

SEED = "1861-Lincoln-1/13"
NEW = {"id": "new", "text": speeches()[7]["text"] + " And much more of it.", "account": "Somebody"}


def answer(house: House) -> str:
    ran = house.simrec("similar", SEED, "--json")
    assert ran.code == 0, ran.err
    return ran.out


def snapshot(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Tell files apart from ones written again: by inode, size and time.

    Where SQLite keeps its locks is not looked at: readers write there, too.
    """
    paths = [path for path in sorted(folder.rglob("*")) if not path.name.startswith("articles.db-")]
    stats = ((path, path.stat()) for path in paths if path.is_file())
    return {
        str(path.relative_to(folder)): (stat.st_ino, stat.st_size, stat.st_mtime_ns)
        for path, stat in stats
    }


def test_an_unchanged_corpus_has_nothing_to_do(house: House) -> None:
    before = snapshot(house.workspace / "releases") | snapshot(house.workspace / "embeddings")
    assert house.job().code == 0
    assert {
        step: facts["state"]
        for step, facts in house.last_steps().items()
        if facts["state"] != "skipped"
    } == {"ingest": "done"}
    assert house.last_steps()["ingest"]["rows_out"] == 0
    assert (
        snapshot(house.workspace / "releases") | snapshot(house.workspace / "embeddings") == before
    )


def test_one_new_article_is_encoded_alone_and_released(house: House) -> None:
    old = house.current
    house.write_articles([*house.articles, NEW])
    assert house.job().code == 0
    steps = house.last_steps()
    assert (
        steps["ingest"]["rows_out"],
        steps["embed"]["rows_out"],
        steps["index"]["rows_out"],
    ) == (1, 1, 401)
    assert house.current != old
    rows = house.simrec("similar", "new", "--json").rows
    assert rows[0]["id"] == speeches()[7]["id"]


def test_articles_of_one_text_are_two_articles_with_one_vector(house: House) -> None:
    twin = {**speeches()[7], "id": "twin"}
    house.write_articles([*house.articles, twin])
    assert house.job().code == 0
    assert house.last_steps()["embed"]["rows_out"] == 0
    (first, *_) = house.simrec("similar", "twin", "--json").rows
    assert (first["id"], first["score"]) == (speeches()[7]["id"], 1.0)


def test_a_changed_date_is_released_without_encoding(house: House) -> None:
    house.write_articles([{**house.articles[0], "published_at": "2001-01-01"}, *house.articles[1:]])
    assert house.job().code == 0
    assert house.last_steps()["embed"]["rows_out"] == 0
    (row,) = house.simrec("show", house.articles[0]["id"], "--json").rows
    assert row["published_at"] == "2001-01-01"


def test_a_deleted_article_is_nowhere_in_the_next_release(house: House) -> None:
    gone = house.articles[7]["id"]
    house.configure("[ingest]\nsync = true\n")
    house.write_articles([article for article in house.articles if article["id"] != gone])
    assert house.job().code == 0
    assert house.simrec("show", gone).code == 4
    everywhere = [house.simrec("similar", a["id"], "--json").out for a in house.articles[:10]]
    assert not any(f'"{gone}"' in out for out in everywhere)


def test_a_second_run_at_once_exits_6_and_a_reader_is_not_held_up(house: House) -> None:
    hold = (
        f"from simrec.workspace import *; from pathlib import Path; import time\n"
        f"with Workspace(Path({str(house.workspace)!r})).lock():\n print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold], stdout=subprocess.PIPE, env=environment()
    ) as holder:
        assert holder.stdout
        holder.stdout.readline()
        ran = house.job()
        assert (ran.code, f"process {holder.pid} is at work here" in ran.err) == (6, True)
        answer(house)
        holder.kill()
    assert house.job().code == 0, "the lock of a dead process is no lock"


def test_killed_during_embed_the_old_release_answers_and_only_the_rest_is_done(
    house: House,
) -> None:
    old, before = house.current, answer(house)
    house.write_articles(
        [{**article, "text": article["text"] + " Again."} for article in house.articles]
    )
    slow = at_event("embeddings", ("os.rename",), "time.sleep(0.5)", when=">= 1")
    house.configure("workers = 1\n")  # [engine] stands last
    code = house.job_code("nightly", slow)
    shards = next((house.workspace / "embeddings").iterdir())
    had = set(shards.glob("[!.]*.npz"))
    with subprocess.Popen([sys.executable, "-c", code], env=environment()) as job:
        deadline = time.monotonic() + 60
        while len({*shards.glob("[!.]*.npz")} - had) < 3 and time.monotonic() < deadline:
            time.sleep(0.02)
        job.send_signal(signal.SIGKILL)
    killed = snapshot(shards)
    finished = [path.name for path in {*shards.glob("[!.]*.npz")} - had]
    assert 3 <= len(finished) < 7, "the kill came too late to prove anything"
    assert (house.current, answer(house)) == (old, before)
    assert house.job().code == 0
    assert house.last_steps()["embed"]["rows_out"] == 400 - 64 * len(finished)
    after = snapshot(shards)
    assert {name: after[name] for name in finished} == {name: killed[name] for name in finished}
    assert house.current != old


# The name of a file is in the event of the file that is written beside it, too.
KILLS = {
    "before the manifest": at_event("manifest.json.", ("open",), KILL),
    "before the folder is moved": at_event("/releases/", ("os.rename",), KILL),
    "between the two renames": at_event(".CURRENT.", ("open",), KILL),
    "before CURRENT is renamed": at_event(".CURRENT.", ("os.rename",), KILL),
    "half of CURRENT written": at_event(
        ".CURRENT.", ("open",), f"os.truncate(arguments[0], 3); {KILL}", when="== 2"
    ),
    "while the tables are written": at_event(
        ".items.db.", ("sqlite3.connect", "open"), KILL, when="== 2"
    ),
    "while the vectors are written": at_event(".vectors.npy.", ("open",), KILL, when="== 2"),
    "while articles come in": (
        f"import simrec.articles.store_writer as s\ns.StoreWriter.delete = lambda *a: {KILL}"
    ),
}


@pytest.mark.parametrize("where", KILLS)
def test_killed_anywhere_the_old_release_answers_and_the_next_run_ends_the_same(
    house: House, where: str
) -> None:
    house.write_articles([*house.articles, NEW])
    before, old = answer(house), house.current
    killed = house.job(before=KILLS[where])
    assert killed.code == -signal.SIGKILL, killed.err
    assert (answer(house), house.current) == (before, old)
    assert house.simrec("verify").code == 0
    ran = house.job()
    assert ran.code == 0, ran.err
    assert house.simrec("similar", "new", "--json").rows[0]["id"] == speeches()[7]["id"]
    assert house.simrec("verify").code == 0
    assert len(house.simrec("releases", "--json").rows) == 2
    assert not [
        path for path in house.workspace.rglob(".*.tmp") if "embeddings" not in str(path)
    ], "rubbish was left"


def test_a_killed_run_ends_in_the_same_bytes_as_an_undisturbed_one(
    house: House, tmp_path: Path
) -> None:
    import shutil

    house.write_articles([*house.articles, NEW])
    shutil.copytree(house.folder, tmp_path / "undisturbed")
    undisturbed = House(tmp_path / "undisturbed")
    assert undisturbed.job().code == 0
    for where in ("while the tables are written", "between the two renames"):
        assert house.job(before=KILLS[where]).code == -signal.SIGKILL
    assert house.job().code == 0
    assert house.current == undisturbed.current
    folders = [h.workspace / "releases" / h.current for h in (house, undisturbed)]
    names = sorted(path.name for path in folders[0].iterdir())
    assert names == sorted(path.name for path in folders[1].iterdir())
    different = [n for n in names if (folders[0] / n).read_bytes() != (folders[1] / n).read_bytes()]
    assert different == ["manifest.json"], "but for the time in the manifest all bytes are the same"


def test_readers_always_see_one_whole_release(house: House) -> None:
    """Roll back and forth under a reader that asks as fast as it can."""
    old = house.current
    house.write_articles([*house.articles, NEW])
    assert house.job().code == 0
    answers = {release: answer_of(house, release) for release in (old, house.current)}
    seen: list[str] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            seen.append(answer(house))

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(10):
        assert house.simrec("rollback", old).code == 0
        assert house.simrec("rollback", next(r for r in answers if r != old)).code == 0
    stop.set()
    reader.join()
    assert set(seen) <= set(answers.values())
    assert len(seen) > 5


def answer_of(house: House, release: str) -> str:
    assert house.simrec("rollback", release).code == 0
    return answer(house)


def test_rollback_answers_as_before_and_the_next_night_respects_it(house: House) -> None:
    old, before = house.current, answer(house)
    house.write_articles([*house.articles, NEW])
    assert house.job().code == 0
    bad = house.current
    assert house.simrec("rollback").out.strip() == old
    assert answer(house) == before
    assert house.job().code == 0
    assert house.current == old, "what was rolled back must not come back by itself"
    house.write_articles([*house.articles, {**NEW, "id": "newer"}])
    assert house.job().code == 0
    assert house.current not in (old, bad)


def test_a_damaged_release_is_not_rolled_back_to(house: House) -> None:
    old = house.current
    house.write_articles([*house.articles, NEW])
    assert house.job().code == 0
    new, path = house.current, house.workspace / "releases" / old / "items.db"
    path.write_bytes(path.read_bytes().replace(b"Lincoln", b"Lincoin"))
    ran = house.simrec("rollback")
    assert (ran.code, "items.db: damaged" in ran.err, house.current) == (5, True, new)


def test_old_releases_are_pruned_but_never_the_current_one(house: House) -> None:
    house.configure("[release]\nkeep = 2\n")
    for number in range(3):
        house.write_articles([*house.articles, {**NEW, "id": f"new{number}"}])
        assert house.job().code == 0
    kept = [row["release"] for row in house.simrec("releases", "--json").rows]
    assert (len(kept), kept[0]) == (2, house.current)
    assert house.simrec("rollback").out.strip() == kept[1]
    house.configure("[release]\nkeep = 1\n")
    assert house.job("housekeeping").code == 0
    left = [row["release"] for row in house.simrec("releases", "--json").rows]
    assert left == kept, "the newest is kept because it is new, the other because it answers"


def test_a_worse_release_is_refused_and_the_old_one_stays(house: House) -> None:
    old, before = house.current, answer(house)
    house.write_articles([*house.articles, NEW])
    report = house.workspace / "releases" / old / "report.json"
    report.write_text(report.read_text().replace('"simrec": 0.', '"simrec": 1.'))
    ran = house.job()
    assert (
        ran.code,
        "the release is refused and the old one stays: split-half MRR fell from 1." in ran.err,
    ) == (
        7,
        True,
    )
    assert (house.current, answer(house)) == (old, before)
    assert list((house.workspace / "staging").glob("*/report.json")), "it stays for inspection"
    assert house.journal()[-1]["exit_code"] == 7


def test_a_night_of_changes_gives_the_tables_of_one_from_scratch(house: House) -> None:
    first, second, third, *others = house.articles
    house.write_articles(
        [{**first, "text": second["text"] + " Again."}, third, *others, NEW]
    )  # changed, deleted, new
    house.configure("[ingest]\nsync = true\n")
    assert house.job().code == 0
    assert "2 new rows and 2 gone" in house.last_steps()["index"]["what"]
    names = ("similar_articles", "similar_accounts", "duplicates", "account_evidence")
    tables = [*(f"{name}.parquet" for name in names), "items.db"]
    followed = {
        name: (house.workspace / "releases" / house.current / name).read_bytes() for name in tables
    }

    shutil.rmtree(house.workspace / "releases")
    (house.workspace / "releases").mkdir()
    (house.workspace / "CURRENT").unlink()
    assert house.job().code == 0
    assert "from scratch" in house.last_steps()["index"]["what"]
    assert {
        name: (house.workspace / "releases" / house.current / name).read_bytes() for name in tables
    } == followed


@pytest.mark.parametrize("name", ["graph.npy", "vectors.npy"])
def test_a_damaged_release_is_not_built_upon(house: House, name: str) -> None:
    path = house.workspace / "releases" / house.current / name
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
    house.write_articles([*house.articles, NEW])
    ran = house.job()
    assert (ran.code, f"{name}: damaged" in ran.err) == (0, True), ran.err
    assert "from scratch" in house.last_steps()["index"]["what"]


# The night of candidates among which half of the best articles are not.
WORSE_CANDIDATES = """
import json
def recommend_badly(night):
    result = steps.recommend(night)
    path = night.staged.candidate_recall
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "recall": 0.5, "high": 0.5}))
    return result
STEPS = [steps.ingest, steps.embed, steps.index, Step("recommend", recommend_badly),
         steps.evaluate, steps.publish]
"""


def test_candidates_below_the_recall_target_are_refused(house: House) -> None:
    house.write_articles([*house.articles, NEW])
    ran = house.own_job(WORSE_CANDIDATES)
    said = "50.0% at most of the articles of highest score are among the candidates"
    assert (ran.code, said in ran.err) == (7, True), ran.err


@pytest.mark.parametrize("kib", [16, 64, 160, 400] if LONG else [16, 160])
def test_a_full_disk_is_a_sentence_and_the_old_release_stays(house: House, kib: int) -> None:
    """A limit on the size of files fails writes as a full disk does, each at another step."""
    old, before = house.current, answer(house)
    house.write_articles(
        [{**article, "text": article["text"] + " Again."} for article in house.articles]
    )
    limit = (
        f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({kib} << 10, {kib} << 10))"
    )
    ran = house.job(before=limit)
    assert (ran.code, "Traceback" in ran.err) == (3, False), ran.err
    assert (house.current, answer(house)) == (old, before)
    assert house.job().code == 0
    assert house.current != old
    assert house.simrec("verify").code == 0


@pytest.mark.parametrize(
    "name", ["items.db", "vectors.npy", "graph.npy", "report.json", "similar_articles.parquet"]
)
def test_a_flipped_byte_is_found_and_named(house: House, name: str) -> None:
    path = house.workspace / "releases" / house.current / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    ran = house.simrec("verify")
    assert (ran.code, f"{name}: damaged" in ran.err) == (5, True)


@pytest.mark.parametrize("name", ["items.db", "vectors.npy", "manifest.json"])
def test_a_missing_file_is_found_by_every_question(house: House, name: str) -> None:
    (house.workspace / "releases" / house.current / name).unlink()
    ran = house.simrec("similar", SEED)
    assert (ran.code, name in ran.err, "Traceback" in ran.err) == (5, True, False)


@pytest.mark.parametrize("kind", ["ivf_pq", "hnsw", "ivf_flat"][: 3 if LONG else 2])
def test_approximate_kinds_from_end_to_end(house: House, kind: str) -> None:
    """The same answers as the exact index gave, from lists that are mapped and not read."""
    config = (house.folder / "config.toml").read_text()
    exact = house.simrec("similar", "--text", speeches()[3]["text"], "--json").rows
    (house.folder / "config.toml").write_text(
        config.replace("[index]\n", f'[index]\nkind = "{kind}"\n')
    )
    assert house.job().code == 0
    assert house.simrec("status", "--json").rows[0]["index"].startswith(f"{kind}, recall ")
    rows = house.simrec("similar", "--text", speeches()[3]["text"], "--json").rows
    assert rows[0] == exact[0]
    assert len({row["id"] for row in rows} & {row["id"] for row in exact}) >= 9
    house.write_articles([*house.articles, NEW])
    assert house.job().code == 0
    assert "1 new rows and 0 gone" in house.last_steps()["index"]["what"]
    assert house.simrec("similar", "--text", NEW["text"], "--json").rows[0]["id"] == NEW["id"]


def test_a_damaged_release_is_replaced_by_the_next(house: House) -> None:
    for path in (house.workspace / "releases" / house.current).iterdir():
        path.unlink()
    assert house.simrec("similar", SEED).code == 5
    house.write_articles([*house.articles, NEW])
    assert house.job().code == 0
    answer(house)


def test_a_damaged_encoder_or_shard_is_refused_by_name(house: House) -> None:
    shard = next((house.workspace / "embeddings").glob("*/*.npz"))
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 255
    shard.write_bytes(content)
    house.write_articles([*house.articles, NEW])
    ran = house.job()
    assert (ran.code, shard.name in ran.err) == (5, True)
    shard.unlink()
    assert house.job().code == 0, "what is removed is encoded again"
    onnx = next((house.workspace / "encoders").glob("*/encoder.onnx"))
    content = bytearray(onnx.read_bytes())
    content[-1] ^= 1
    onnx.write_bytes(content)
    (onnx.parent / "card.json").write_text("")
    ran = house.step("embed")
    assert (ran.code, "card.json: not readable" in ran.err) == (5, True)
    ran = house.simrec("similar", "--text", "anything")
    assert (ran.code, "encoder.onnx: not the file that was trained" in ran.err) == (5, True)


@pytest.mark.parametrize(
    ("articles", "train_code", "says"),
    [([], 7, "cannot train on 0 articles"), ([NEW], 7, "cannot train on 1 articles")],
)
def test_a_corpus_too_small_to_train_on(empty_house, articles, train_code, says) -> None:
    house = empty_house(articles)
    ran = house.job("retrain")
    assert (ran.code, says in ran.err, "Traceback" in ran.err) == (train_code, True, False), ran.err


def test_one_article_without_account_is_a_release(house: House) -> None:
    house.configure("[ingest]\nsync = true\nmax_delete_share = 1.0\n[release]\nmax_shrink = 1.0\n")
    house.write_articles([{"id": "only", "text": "The only words there are."}])
    ran = house.job()
    assert ran.code == 0, ran.err
    assert house.simrec("similar", "only", "--json").out == ""
    assert house.simrec("similar", "--text", "words", "--json").rows[0]["id"] == "only"
    assert house.simrec("accounts").code == 0
    house.write_articles([])
    ran = house.job()
    assert (ran.code, "there are no articles" in ran.err) == (7, True)
    assert house.simrec("show", "only").code == 0, "an empty corpus does not replace a release"


def test_all_articles_alike_are_ranked_by_id(house: House) -> None:
    house.configure("[ingest]\nsync = true\nmax_delete_share = 1.0\n[release]\nmax_shrink = 1.0\n")
    house.write_articles(
        [{"id": f"{n:02}", "text": "The same words.", "account": "a"} for n in range(30)]
    )
    assert house.job().code == 0
    rows = house.simrec("similar", "05", "-n", 4, "--json").rows
    assert {row["score"] for row in rows} == {1.0}
    ids = [row["id"] for row in rows]
    assert ids == sorted(ids)
    assert "05" not in ids


def test_chinese_articles_find_each_other(empty_house) -> None:
    topics = {
        "猫": "小猫喜欢在阳光下睡觉。猫的毛很软。猫晚上会抓老鼠。小猫爱喝牛奶。老猫在屋顶上散步。猫和狗住在一起。",
        "股": "股票市场今天大幅下跌。投资者担心利率。银行股票价格上涨。股市收盘新高。公司发行股票。投资股票有风险。",
    }
    chance = random.Random(0)
    articles = [
        {
            "id": f"{name}{n}",
            "text": "。".join(chance.sample(text.split("。")[:6], 4)),
            "account": f"号{name}",
        }
        for name, text in topics.items()
        for n in range(40)
    ]
    house = empty_house(articles)
    ran = house.job("retrain")
    assert ran.code == 0, ran.err
    rows = house.simrec("similar", "猫3", "-n", 5, "--json").rows
    assert {row["account"] for row in rows} == {"号猫"}
    assert (
        house.simrec("similar", "--text", "股票市场今天大幅下跌", "-n", 1, "--json").rows[0][
            "account"
        ]
        == "号股"
    )


def test_the_journal_says_what_every_step_cost(house: House) -> None:
    assert house.job().code == 0
    last = house.journal()[-1]
    assert (last["job"], last["exit_code"], list(house.last_steps())) == (
        "nightly",
        0,
        ["ingest", "embed", "index", "recommend", "evaluate", "publish", "export"],
    )
    for step in last["steps"]:
        assert {
            "state",
            "rows_in",
            "rows_out",
            "seconds",
            "cpu_seconds",
            "peak_mib",
            "what",
        } <= step.keys()


def test_half_a_line_in_the_journal_loses_no_other(house: House) -> None:
    with (house.workspace / "journal.jsonl").open("a") as journal:
        journal.write('{"job": "nigh')
    assert house.job().code == 0
    assert "nightly" in house.simrec("status", "--json").rows[0]["last_run"]


@pytest.mark.parametrize("name", ["nightly", "retrain", "housekeeping"])
def test_cron_hears_nothing_when_all_is_well(house: House, name: str) -> None:
    """Not even from TensorFlow, which speaks before it can be told not to."""
    house.write_articles([*house.articles, NEW])
    house.configure('[[sinks]]\npath = "export"\n')
    ran = run(
        ROOT / "jobs" / f"{name}.py", "-c", house.folder / "config.toml", "-w", house.workspace
    )
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert (
        all(step["state"] == "done" for step in house.journal()[-1]["steps"])
        or name == "housekeeping"
    )


def test_interrupted_from_the_keyboard(house: House) -> None:
    ran = house.own_job(
        "import os, signal, time\n"
        # A shell that works in the background ignores the signal.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "def interrupted(night):\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    time.sleep(60)  # it may arrive a little later\n"
        "STEPS = [steps.ingest, Step('embed', interrupted)]"
    )
    assert (ran.code, "interrupted" in ran.err) == (130, True)
    assert house.journal()[-1]["exit_code"] == 130


def test_workers_end_with_their_parent(house: House) -> None:
    code = (
        "import os, time\nfrom simrec.tasks import local\nfrom tests.tasks.test_local import linger\n"
        f"list(local.LocalEngine(2).run(linger, [{str(house.folder)!r}] * 2))"
    )
    with subprocess.Popen([sys.executable, "-c", code], env=environment()) as parent:
        deadline = time.monotonic() + 60
        while len(list(house.folder.glob("*.pid"))) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        parent.kill()
    pids = [int(path.stem) for path in house.folder.glob("*.pid")]
    assert len(pids) == 2
    deadline = time.monotonic() + 20
    while any(alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(alive(pid) for pid in pids)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_training_without_its_extra_is_one_sentence(house: House) -> None:
    house.write_articles([*house.articles, NEW])
    ran = house.job("retrain", before="sys.modules['keras'] = None")
    assert (ran.code, ran.err.splitlines()[-1]) == (
        3,
        "simrec: training an encoder needs packages that are not installed: pip install 'simrec[train]'",
    )


def test_the_nightly_job_needs_nothing_that_only_training_needs(house: House) -> None:
    house.write_articles([*house.articles, NEW])
    without = "for name in ('tensorflow', 'keras', 'onnx'): sys.modules[name] = None"
    ran = house.job(before=without)
    assert ran.code == 0, ran.err
    assert house.simrec("show", "new").code == 0


def test_held_out_articles_are_never_trained_on(house: House) -> None:
    """Nor where there are more articles than are trained on."""
    spy = (
        "import simrec.training.train_encoder as t, json, pathlib\n"
        "def train(start, seen, *rest):\n"
        f"    seen_at = pathlib.Path({str(house.folder / 'seen.json')!r})\n"
        "    seen_at.write_text(json.dumps([seen.articles, seen.held_out]))\n"
        "    raise SystemExit(9)\n"
        "t.train = train"
    )
    config = (house.folder / "config.toml").read_text()
    (house.folder / "config.toml").write_text(
        config.replace("[training]\n", "[training]\nmax_articles = 20\n")
    )
    assert house.job("retrain", before=spy).code == 9
    articles, held_out = json.loads((house.folder / "seen.json").read_text())
    assert len(articles) == 20
    assert 20 < len(held_out) < 60, "a tenth of 400"
    assert not {text for _, text in articles} & {text for _, text in held_out}
