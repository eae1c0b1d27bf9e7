"""Exports of Substack: `posts.csv` beside the pages says what they are."""

import csv
import io
from pathlib import PurePosixPath

from simrec.articles.sources.source import Record

LIST_NAME = "posts.csv"
COLUMNS = {"post_id", "is_published", "title"}


def read_posts(content: str) -> dict[str, Record]:
    """Return the posts of a list by their ids, {} if it is a table of something else."""
    rows = csv.DictReader(io.StringIO(content, newline=""), strict=True)
    try:
        if not set(rows.fieldnames or ()) >= COLUMNS:
            return {}
        return {row["post_id"]: _record(row) for row in rows}
    except csv.Error as error:
        raise ValueError(f"{LIST_NAME}: not CSV ({error})") from None


def add_post(path: PurePosixPath, posts: dict[str, Record], page: Record) -> Record:
    """Return a page with what the list says of it."""
    post = posts.get(path.stem)
    if post is None:
        return page
    subtitle = post.get("subtitle")
    text = f"{subtitle}\n\n{page['text']}" if subtitle else page["text"]
    return {**page, **post, "text": text}


def _record(row: dict[str, str]) -> Record:
    record: Record = {
        "title": row["title"],
        "subtitle": row.get("subtitle"),
        "published_at": row.get("post_date") or None,
        "category": row.get("type") or None,
        "slug": row["post_id"].partition(".")[2],
    }
    if row["is_published"].strip().lower() != "true":
        record["status"] = "draft"
    return record
