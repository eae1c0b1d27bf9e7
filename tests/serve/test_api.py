"""The API by a real client: equal to the face, described by its document, and calm under bad input."""

import json
import shutil
import threading
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from prometheus_client.parser import text_string_to_metric_families

import simrec
from simrec.cli import cli
from simrec.release import Release, publish
from simrec.serve.current_release import CurrentRelease
from simrec.workspace import Workspace
from tests.conftest import House, run
from tests.serve.site import (
    HOSTILE,
    SEED,
    Reply,
    Server,
    copy_release,
    served,
    wait_until,
)

TEXT = "The tariff on wool and the debts of the war."


@pytest.fixture(scope="module")
def document(server: Server) -> dict[str, Any]:
    return server.get("/v1/openapi.json").json


def check(reply: Reply, document: dict[str, Any], path: str, method: str = "get") -> Any:
    """Return the body of an answer that is as the document says."""
    described = document["paths"][path][method]["responses"][str(reply.status)]
    (content_type,) = described["content"]
    assert reply.headers["Content-Type"] == content_type
    schema = {**described["content"][content_type]["schema"], "components": document["components"]}
    Draft202012Validator(schema).validate(reply.json)
    return reply.json


def test_the_document_is_valid_and_names_every_path(document: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(document).validate()
    assert sorted(document["paths"]) == sorted(
        [
            "/v1/account", "/v1/accounts", "/v1/article", "/v1/articles", "/v1/health", "/v1/history",
            "/v1/metrics", "/v1/release", "/v1/similar", "/v1/similar-accounts", "/v1/story",
        ]
    )  # fmt: skip
    names = {
        parameter["name"] for parameter in document["paths"]["/v1/similar"]["get"]["parameters"]
    }
    assert names == {
        "id", "url", "less_like", "account", "category", "lang", "since", "until", "n", "rules", "explain",
    }  # fmt: skip


def test_answers_are_those_of_the_face(
    site: House, server: Server, document: dict[str, Any]
) -> None:
    washington = "George Washington"
    filters = {"category": "c1", "since": "1791", "lang": "en"}
    with simrec.open(site.workspace) as face:

        def hits(query: simrec.Query, **options: Any) -> list[dict[str, Any]]:
            return [json.loads(json.dumps(hit.as_dict())) for hit in face.search(query, **options)]

        for article in [SEED, *(str(hostile["id"]) for hostile in HOSTILE)]:
            reply = server.get("/v1/similar", id=article, n=5)
            body = check(reply, document, "/v1/similar")
            assert body == {"release": face.release_id, "hits": hits(simrec.Query(article), n=5)}
            assert len(body["hits"]) == 5
            facts = check(server.get("/v1/article", id=article), document, "/v1/article")["article"]
            assert (facts["id"], facts["title"]) == (article, face.show(article).title)
        two = [SEED, "1790-Washington-1/2"]
        asked = {
            (
                ("id", tuple(two)),
                ("less_like", "1790-Washington-1/4"),
                ("explain", "true"),
                ("n", 2),
            ): hits(simrec.Query(ids=two, less_like="1790-Washington-1/4"), n=2, explain=True),
            (("id", SEED), ("rules", "false"), *filters.items()): hits(
                simrec.Query(SEED), rules=False, filters=simrec.Filters(**filters)
            ),
            (("account", washington),): hits(simrec.Query(account=washington)),
            (("url", "http://speeches.org/0/"),): hits(simrec.Query(SEED)),
        }
        for parameters, expected in asked.items():
            assert expected
            reply = server.get("/v1/similar", **dict(parameters))
            assert check(reply, document, "/v1/similar")["hits"] == expected, parameters
        read = server.get("/v1/history", id=[*two, "never heard of"], n=3)
        assert check(read, document, "/v1/history")["hits"] == hits(simrec.Query(history=two), n=3)
        among = face.similar(SEED, n=3)[0].id
        body = {"text": TEXT, "filters": {"among": [among, SEED]}, "rules": False}
        expected = hits(
            simrec.Query(text=TEXT), filters=simrec.Filters(among=[among, SEED]), rules=False
        )
        reply = server.post("/v1/similar", body)
        assert check(reply, document, "/v1/similar", "post")["hits"] == expected
        assert len(expected) == 2
        similar = server.get("/v1/similar-accounts", id=washington, n=2)
        assert check(similar, document, "/v1/similar-accounts")["hits"] == [
            hit.as_dict() for hit in face.accounts(washington, 2)
        ]
        writers = server.post("/v1/similar-accounts", {"text": TEXT, "n": 2})
        assert check(writers, document, "/v1/similar-accounts", "post")["hits"] == [
            hit.as_dict() for hit in face.accounts_writing_about(TEXT, 2)
        ]
        largest = check(server.get("/v1/accounts", n=1), document, "/v1/accounts")["accounts"]
        assert largest == [account.as_dict() for account in face.largest_accounts(1)]
        (first,) = largest
        account = check(server.get("/v1/account", id=first["id"]), document, "/v1/account")
        assert account["account"] == first
        story = check(server.get("/v1/story", id=SEED), document, "/v1/story")
        assert story["articles"] == [article.as_dict() for article in face.story(SEED)]


def test_articles_are_found_by_words_address_and_account(
    site: House, server: Server, document: dict[str, Any]
) -> None:
    def ids(**asked: Any) -> list[str]:
        body = check(server.get("/v1/articles", **asked), document, "/v1/articles")
        return [article["id"] for article in body["articles"]]

    assert ids(words="SCRIPT document") == ["../../etc/passwd"]
    assert ids(words="100%_of") == ["'); DROP TABLE articles; --"]
    assert ids(words="0%_f") == []  # no wildcards
    assert ids(words="文章") == ["文章/1"]
    assert ids(words="speeches.org/79")[0] == site.articles[79]["id"]
    dates = {article["id"]: article["published_at"] for article in site.articles}
    newest = ids(n=3)
    assert [dates[article] for article in newest] == sorted(dates.values(), reverse=True)[:3]
    assert len(ids(account="George Washington", n=100)) == sum(
        article["account"] == "George Washington" for article in site.articles
    )
    by_url = server.get("/v1/article", url="http://speeches.org/3").json["article"]
    assert (by_url["id"], by_url["tags"]) == (site.articles[3]["id"], [])


BAD_QUESTIONS = {
    "/v1/similar?id=1790-Washington-1%2F99": (404, "the nearest are '1790-Washington-1/9"),
    "/v1/similar": (400, "a query has one of ids, text, history, account; this one has none"),
    "/v1/similar?id=a&id=b&foo=1": (422, "there is no parameter 'foo'; there are: account,"),
    "/v1/similar?id=a&n=0": (422, "Expected `int` >= 1"),
    "/v1/similar?id=a&n=99999999999999999999": (422, "Expected `int` <= 1000"),
    "/v1/similar?id=a&n=ten": (422, "Expected `int`"),
    "/v1/similar?id=a&n=1&n=2": (422, "the parameter 'n' is given more than once"),
    "/v1/similar?id=": (422, "Expected `str` of length >= 1"),
    "/v1/similar?id=a&since=yesterday": (422, "Expected `str` matching"),
    "/v1/similar?id=%FF%FE": (400, "the request holds bytes that are no UTF-8"),
    "/v1/similar?" + "id=a&" * 3_000: (400, "more than 2,500 parameters"),
    "/v1/similar?" + "id=a&" * 51: (422, "Expected `array` of length <= 50"),
    "/v1/similar?account=Nobody": (404, "no account 'Nobody'"),
    "/v1/similar?id=%00": (404, "no article '\\x00'"),
    "/v1/article": (400, "give either id or url"),
    "/v1/article?id=a&url=b": (400, "give either id or url"),
    "/v1/article?url=https://nowhere.org/": (404, "no article of the address"),
    "/v1/articles?words=a&account=b": (400, "give either words or account"),
    "/v1/story?id=../../etc/passwd%00": (404, "no article"),
    "/v1/../../../etc/passwd": (404, "there is nothing at this path"),
    "/v1/%2e%2e/%2e%2e/etc/passwd": (404, "there is nothing at this path"),
}


@pytest.mark.parametrize("path", BAD_QUESTIONS)
def test_a_bad_question_is_told_what_is_wrong(server: Server, path: str) -> None:
    status, sentence = BAD_QUESTIONS[path]
    reply = server.get(path)
    assert (reply.status, reply.headers["Content-Type"]) == (status, "application/problem+json")
    assert sentence in reply.json["detail"].replace("\x00", "\\x00")
    assert reply.headers["Cache-Control"] == "no-store"
    assert reply.json["request_id"] == reply.headers["X-Request-ID"]
    if "99" in path and status == 404:
        assert reply.json["nearest"][0].startswith("1790-Washington-1/")


@settings(max_examples=60)
@given(data=st.data())
def test_no_question_is_an_error_of_the_server(
    server: Server, document: dict[str, Any], data: st.DataObject
) -> None:
    """Whatever is asked along the document, or beside it, is answered or told what is wrong."""
    values = st.one_of(
        st.sampled_from([SEED, "c1", "en", "1790", "true", "3", *(str(h["id"]) for h in HOSTILE)]),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
        st.integers().map(str),
    )
    path = data.draw(st.sampled_from(sorted(document["paths"])))
    if "post" in document["paths"][path] and data.draw(st.booleans()):
        kinds = st.one_of(values, st.integers(), st.lists(values, max_size=3), st.none())
        names = st.sampled_from(["text", "ids", "history", "account", "filters", "n", "x"])
        body = data.draw(st.dictionaries(names, kinds, max_size=3))
        reply = server.post(path, body)
    else:
        names = ["id", "n", "url", "words", "since", "rules", "account", "lang", "x", "less_like"]
        asked = data.draw(st.dictionaries(st.sampled_from(names), values, max_size=3))
        reply = server.get(path, **asked)
    assert reply.status in (200, 400, 404, 422), reply.body
    if reply.status != 200:
        assert reply.json["detail"]


BAD_BODIES = {
    b"": (400, "the body is no JSON"),
    b"{": (400, "the body is no JSON"),
    b'{"text": "\xff\xfe"}': (400, "bytes that are no UTF-8"),
    b'{"text": "\\ud800"}': (400, "the body is no JSON"),
    b"[1, 2]": (422, "Expected `object`"),
    b"null": (422, "Expected `object`"),
    b'{"text": 1}': (422, "Expected `str | null`"),
    b'{"text": ""}': (422, "of length >= 1"),
    b'{"text": " \\n "}': (400, "the text is empty"),
    b'{"text": "a", "ids": ["b"]}': (400, "this one has ids and text"),
    b'{"text": "a", "less_like": ["b"]}': (400, "less_like goes with ids"),
    b'{"ids": ["a"], "n": 1e400}': (422, "Number out of range"),
    b'{"tekst": "a"}': (422, "unknown field `tekst`"),
    b'{"text": "a", "filters": {"color": "red"}}': (422, "unknown field `color`"),
    b'{"text": ' + b"[" * 100_000: (422, "Expected `str | null`, got `array`"),
    b'{"text": "' + b"a" * 300_000 + b'"}': (413, "larger than 256 KiB"),
}


@pytest.mark.parametrize("body", BAD_BODIES, ids=lambda body: repr(body[:30]))
def test_a_bad_body_is_told_what_is_wrong(server: Server, body: bytes) -> None:
    status, sentence = BAD_BODIES[body]
    reply = server.post("/v1/similar", body)
    assert (reply.status, sentence in reply.json["detail"]) == (status, True), reply.body


def test_sizes_are_limited_before_they_are_read(server: Server) -> None:
    head = b"POST /v1/similar HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    declared = server.raw(head + b"Content-Length: 100000000\r\n\r\n")
    assert declared.startswith(b"HTTP/1.1 413 ")
    chunk = b"10000\r\n" + b"a" * 0x10000 + b"\r\n"
    assert server.raw(head + b"Transfer-Encoding: chunked\r\n\r\n" + 1_600 * chunk).startswith(
        b"HTTP/1.1 413 "
    ), "100 MB in chunks"
    endless = server.raw(b"GET / HTTP/1.1\r\nX: " + b"a" * 10_000_000)
    assert endless.startswith(b"HTTP/1.1 431 ")
    assert server.raw(b"GET /" + b"a" * 10_000_000).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"POST /v1/similar HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    ],
)
def test_what_is_no_http_gets_400(server: Server, request_: bytes) -> None:
    assert server.raw(request_).startswith(b"HTTP/1.1 400 ")


def test_other_methods_and_types_are_refused(server: Server) -> None:
    reply = server.ask("DELETE", "/v1/similar")
    assert (reply.status, sorted(reply.headers["Allow"].split(", "))) == (
        405,
        ["GET", "HEAD", "POST"],
    )
    reply = server.post("/v1/similar", b"text=a", {"Content-Type": "text/plain"})
    assert (reply.status, "send application/json" in reply.json["detail"]) == (415, True)
    head = server.ask("HEAD", f"/v1/similar?id={quote(SEED)}")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Length"] == str(len(server.get("/v1/similar", id=SEED).body))


def test_a_release_is_the_tag_of_an_answer(site: House, server: Server) -> None:
    reply = server.get("/v1/similar", id=SEED)
    tag = reply.headers["ETag"]
    assert tag == f'"{site.current}-{simrec.__version__}"'
    assert reply.headers["Cache-Control"] == "public, max-age=60"
    for known in (tag, f"W/{tag}", f'"other", {tag}'):
        again = server.get("/v1/similar", {"If-None-Match": known}, id=SEED)
        assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag)
    assert server.get("/v1/similar", {"If-None-Match": '"other"'}, id=SEED).body == reply.body
    assert server.get("/v1/similar", {"If-None-Match": tag}, id="nobody").status == 404
    explained = server.get("/v1/similar", id=SEED, explain="true", n=1)
    assert explained.headers["Cache-Control"] == "no-store", "texts may change within a release"


def test_requests_have_an_id_in_the_log_and_are_counted(server: Server) -> None:
    reply = server.get("/v1/article", {"X-Request-ID": "from-a.proxy_1"}, id="a\nb")
    assert reply.headers["X-Request-ID"] == "from-a.proxy_1"
    made = server.get("/v1/release", {"X-Request-ID": "two words"}).headers["X-Request-ID"]
    assert len(made) == 16
    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    (line,) = [line for line in lines if line.get("request_id") == "from-a.proxy_1"]
    assert (line["method"], line["address"], line["status"]) == ("GET", "/v1/article?id=a%0Ab", 404)
    families = text_string_to_metric_families(server.get("/v1/metrics").body.decode())
    samples = {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}
    assert samples["simrec_serve_requests_total", "/v1/article", "404"] >= 1
    assert samples[("simrec_serve_newest_release_answers",)] == 1
    assert samples[("simrec_serve_release_created_timestamp_seconds",)] > 1.7e9


def test_a_token_is_asked_for_and_not_shown(site: House, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret-1\n")
    with served(
        site, "--token-file", tmp_path / "token", "--prefix", "related", "--cors", "https://a.org"
    ) as server:
        assert b"secret" not in Path(f"/proc/{server.process.pid}/cmdline").read_bytes()
        refused = server.get("/v1/release")
        assert (refused.status, "Bearer" in refused.headers["WWW-Authenticate"]) == (401, True)
        for wrong in ("Bearer secret-2", "Bearer", "Basic c2VjcmV0", "Basic ###", "Bearer sécret"):
            assert (
                server.get("/v1/release", {"Authorization": wrong.encode("latin-1")}).status == 401
            )
        bearer = {"Authorization": "Bearer secret-1"}
        reply = server.get("/v1/similar", bearer, id=SEED)
        assert (reply.status, reply.headers["Cache-Control"]) == (200, "private, max-age=60")
        assert server.get("/v1/release", {"Authorization": "Basic eDpzZWNyZXQtMQ=="}).status == 200
        assert server.get("/v1/health").status == 200
        # A proxy may leave the prefix in the path or not.
        assert server.get("/related/v1/release", bearer).status == 200
        assert server.get("/relatedv1/release", bearer).status == 404
        document = server.get("/v1/openapi.json", bearer).json
        assert document["servers"] == [{"url": "/related"}]
        preflight = server.ask(
            "OPTIONS",
            "/v1/similar",
            headers={"Origin": "https://a.org", "Access-Control-Request-Method": "POST"},
        )
        assert preflight.headers["Access-Control-Allow-Origin"] == "https://a.org"
        other = server.get("/v1/release", {**bearer, "Origin": "https://b.org"})
        assert "Access-Control-Allow-Origin" not in other.headers
        failed = server.get("/v1/article", {**bearer, "Origin": "https://a.org"}, id="nobody")
        assert failed.headers["Access-Control-Allow-Origin"] == "https://a.org"


def test_what_cannot_be_served_ends_with_a_sentence(
    site: House, server: Server, tmp_path: Path
) -> None:
    ran = run("-m", "simrec", "serve", "-w", site.workspace, "--port", server.port)
    assert (ran.code, ran.out) == (2, "")
    assert f"127.0.0.1:{server.port} is taken by another program" in ran.err

    def refusal(*options: object, workspace: Path = site.workspace) -> simrec.SimrecError:
        arguments = ["serve", "-w", workspace, "--port", "0", "--quiet", *options]
        with pytest.raises(simrec.SimrecError) as raised:
            cli.main([str(argument) for argument in arguments], standalone_mode=False)
        return raised.value

    (tmp_path / "empty").write_text("\n")
    (tmp_path / "latin").write_bytes(b"\xe9")
    refusals = {
        "192.0.2.1:0: cannot listen there": refusal("--host", "192.0.2.1"),
        "no.such.host": refusal("--host", "no.such.host"),
        "holds no token": refusal("--token-file", tmp_path / "empty"),
        "none: cannot read a token": refusal("--token-file", tmp_path / "none"),
        "latin: cannot read a token": refusal("--token-file", tmp_path / "latin"),
        "give a path of letters": refusal("--prefix", "/a?b"),
        "no workspace here": refusal(workspace=tmp_path),
    }
    for sentence, error in refusals.items():
        assert sentence in str(error)
    assert [error.exit_code for error in refusals.values()] == [3, 3, 2, 2, 2, 2, 5]


def test_a_release_that_comes_later_is_followed_and_a_damaged_one_is_not(site_copy: House) -> None:
    workspace = Workspace.open(site_copy.workspace)
    first = site_copy.current
    second = copy_release(workspace)
    (site_copy.workspace / "CURRENT").unlink()
    with served(site_copy, "--host", "0.0.0.0", "--quiet") as server:
        assert server.get("/v1/health").json["status"] == "down"
        reply = server.get("/v1/similar", id=SEED)
        assert (reply.status, reply.headers["Retry-After"]) == (503, "1")
        assert "simrec run" in reply.json["detail"]
        publish(workspace, first)
        wait_until(server, first)
        assert server.get("/v1/similar", id=SEED).status == 200
        tables = workspace.release(second).tables
        whole = tables.read_bytes()
        tables.write_bytes(whole[:-1])
        publish(workspace, second)
        wait_until(server, first, "behind")
        reply = server.get("/v1/similar", id=SEED)
        assert (reply.status, reply.json["release"]) == (200, first)
        tables.write_bytes(whole)
        wait_until(server, second)
        # A release that is pruned while it answers goes on answering.
        shutil.rmtree(workspace.release(second).path)
        assert server.post("/v1/similar", {"text": TEXT}).json["release"] == second
        log = server.stop()
    assert "whoever reaches it may read every article" in log
    assert log.count("cut short") == 1, "once, not every second"
    assert str(site_copy.workspace) not in reply.body.decode()


def test_a_release_stays_open_until_its_requests_have_ended(site_copy: House) -> None:
    workspace = Workspace.open(site_copy.workspace)
    first = site_copy.current
    second = copy_release(workspace)
    current = CurrentRelease(site_copy.workspace)
    with current.borrowed() as early, current.borrowed():
        publish(workspace, second)
        current.look()
        with current.borrowed() as late:
            assert (early.release_id, late.release_id) == (first, second)
        assert early.recommender.similar(SEED) == late.recommender.similar(SEED)
    for is_closed in (early, late):
        if is_closed is late:
            assert late.recommender.similar(SEED), "it is the current one"
            current.close()
        with pytest.raises(simrec.UsageError, match="closed"):
            is_closed.recommender.similar(SEED)
    with pytest.raises(simrec.ReleaseError), current.borrowed():
        pass


def test_no_request_is_dropped_while_releases_are_published(site_copy: House) -> None:
    workspace = Workspace.open(site_copy.workspace)
    releases = [site_copy.current, copy_release(workspace)]
    answered: list[tuple[int, str]] = []
    is_over = threading.Event()
    with served(site_copy, "--quiet") as server:
        questions = [
            lambda: server.get("/v1/similar", id=SEED),
            lambda: server.post("/v1/similar", {"text": TEXT}),
        ]

        def ask(number: int) -> None:
            while not is_over.is_set():
                reply = questions[number % 2]()
                answered.append((reply.status, reply.json.get("release")))

        readers = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
        for reader in readers:
            reader.start()
        for release in [releases[1], releases[0]] * 2:
            publish(workspace, release)
            wait_until(server, release)
        is_over.set()
        for reader in readers:
            reader.join()
    assert {status for status, _ in answered} == {200}
    assert {release for _, release in answered} == set(releases)


def test_too_many_texts_are_told_to_come_back(site: House) -> None:
    with served(site, "--quiet", "--searches", "1", "--max-body", "200") as server:
        replies: list[Reply] = []
        long_text = {"text": "war and peace " * 10_000}

        def ask() -> None:
            replies.append(server.post("/v1/similar", long_text))

        askers = [threading.Thread(target=ask) for _ in range(30)]
        for asker in askers:
            asker.start()
        lookup = server.get("/v1/similar", id=SEED)
        for asker in askers:
            asker.join()
    assert lookup.status == 200, "look-ups go on"
    assert {reply.status for reply in replies} == {200, 503}
    (refused, *_) = [reply for reply in replies if reply.status == 503]
    assert refused.headers["Retry-After"] == "1"
    assert "too many searches wait" in refused.json["detail"]


def test_the_workspace_is_only_read(site: House, server: Server) -> None:
    def stamps() -> dict[Path, tuple[int, int]]:
        files = [path for path in site.workspace.rglob("*") if path.is_file()]
        locks = ("articles.db-shm", "articles.db-wal")  # of readers
        files = [path for path in files if path.name not in locks]
        return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in files}

    before = stamps()
    server.get("/v1/similar", id=SEED, explain="true")
    server.post("/v1/similar", {"text": TEXT})
    assert stamps() == before
    assert Release.current(Workspace.open(site.workspace)).verify() is None
