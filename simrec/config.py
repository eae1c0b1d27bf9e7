"""Typed configuration: every key with its default and range."""

import re
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta, Struct

from simrec.bucket_url import is_bucket
from simrec.source_formats import SOURCE_FORMATS, BodyKind, is_text_encoding

Count = Annotated[int, Meta(ge=1)]
NotNegativeCount = Annotated[int, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]


Baseline = Literal[
    "random",
    "recent in category",
    "TF-IDF",
    "LSA",
    "BM25",
    "untrained encoder",
    "pretrained encoder",
    "MiniLM",
]
BASELINES: tuple[str, ...] = get_args(Baseline)
EngineKind = Literal["local", "dask"]
ENGINES: tuple[str, ...] = get_args(EngineKind)
SQLITE = "sqlite:///"  # begins the URL of a file
MINILM = "all-MiniLM-L6-v2"
E5 = "multilingual-e5-small"
TEACHERS = ("", MINILM, E5)  # anything else is a folder, or Parquet files
STARTS = (
    "auto",
    "pretrained",
    "articles",
    "teacher",
)  # of training; anything else is an encoder's folder


class Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the configuration file: an unknown key or a wrong type is an error."""


class Fields(Section, frozen=True):
    """Which field of a source holds what; a dot reaches into nested objects ("author.name").

    `date_format` says how dates are written, as of `strptime`, where that is no standard form.
    """

    id: str = "id"
    title: str = "title"
    text: str = "text"
    account: str = "account"
    published_at: str = "published_at"
    url: str = "url"
    lang: str = "lang"
    category: str = "category"
    tags: str = "tags"
    image: str = "image"
    status: str = "status"
    draft: str = "draft"
    published: str = "published"
    date_format: str = ""


class SourceConfig(Section, frozen=True):
    """Where articles come from: files (a path, a glob, a folder) or a query to a database."""

    path: str = ""
    format: str = "auto"
    url: str = ""
    password_file: str = ""
    query: str = ""
    watermark: str = ""
    body: BodyKind = "auto"
    follow_links: bool = False
    prefix: str = "auto"
    encoding: str = "auto"
    fields: Fields | None = None

    def __post_init__(self) -> None:
        if bool(self.path) == bool(self.url):
            raise ValueError("a source has either a path or a url")
        if self.password_file and not self.url:
            raise ValueError("a password_file goes with a url")
        if self.format not in SOURCE_FORMATS:
            raise ValueError(
                f"format is '{self.format}'; the formats are {', '.join(SOURCE_FORMATS)}"
            )
        if self.encoding != "auto" and not is_text_encoding(self.encoding):
            raise ValueError(
                f"encoding is '{self.encoding}', which Python does not know; "
                "set auto, or one such as utf-8, cp1252 or gb18030"
            )
        if bool(self.url) != bool(self.query) or (self.watermark and not self.url):
            raise ValueError("url and query go together, and a watermark is a column of the query")


SinkColumn = Literal[
    "title", "url", "date", "published_at", "account", "lang", "category", "lead", "image"
]
SinkFormat = Literal["jsonl", "csv", "parquet", "nested", "data", "files", "front_matter", "delta"]
SINK_COLUMNS: tuple[str, ...] = get_args(SinkColumn)
SINK_FORMATS: tuple[str, ...] = get_args(SinkFormat)
ONE_TABLE = ("files", "front_matter")  # formats whose files are named by ids of one kind


class SinkConfig(Section, frozen=True):
    """Where tables of the current release are written to: files in a folder, or a database.

    `columns` are what a page needs of the articles that are recommended, `places` how many of a
    list are written, 0 for all. `key` is the field of front matter, `partition_by` the column by
    which Parquet files are parted.
    """

    path: str = ""
    format: SinkFormat = "jsonl"
    url: str = ""
    password_file: str = ""
    tables: tuple[str, ...] = ()
    columns: tuple[SinkColumn, ...] = ()
    places: NotNegativeCount = 0
    key: str = "related"
    partition_by: SinkColumn | Literal[""] = ""

    def __post_init__(self) -> None:
        if self.partition_by and self.format not in ("parquet", "delta"):
            raise ValueError("partition_by is of the formats parquet and delta")
        if self.partition_by and self.partition_by not in self.columns:
            raise ValueError(f"partition_by is '{self.partition_by}', which is none of columns")
        if bool(self.path) == bool(self.url):
            raise ValueError("a sink has either a path or a url")
        if self.password_file and not self.url:
            raise ValueError("a password_file goes with a url")
        if self.format in ONE_TABLE and len(self.tables) > 1:
            raise ValueError(f"format {self.format} writes one table; give each its own sink")
        if self.format == "front_matter" and is_bucket(self.path):
            raise ValueError("front matter is of files, and not of objects in a bucket")
        if self.format == "front_matter" and self.tables not in ((), ("similar_articles",)):
            raise ValueError("front matter is of articles: its only table is similar_articles")
        if not re.fullmatch("[A-Za-z_][A-Za-z0-9_-]*", self.key):
            raise ValueError(f"key is '{self.key}'; give letters, digits, - and _")
        if len(set(self.columns)) < len(self.columns):
            raise ValueError("columns names one twice")

    @property
    def table_names(self) -> tuple[str, ...]:
        """The tables that are written: those of articles and accounts unless others are named."""
        if self.tables:
            return self.tables
        if self.format in ONE_TABLE:
            return ("similar_articles",)
        return ("similar_articles", "similar_accounts")


class MirrorConfig(Section, frozen=True):
    """A bucket that releases are mirrored to, and how many it keeps."""

    path: str
    keep: Count = 3

    def __post_init__(self) -> None:
        if not is_bucket(self.path):
            raise ValueError(
                f"path is '{self.path}'; a mirror is a bucket, such as s3://bucket/simrec"
            )


class IngestConfig(Section, frozen=True):
    """What is taken in, what is taken out, and how much of it may be bad."""

    sync: bool = False
    deletions: str = ""
    max_reject_share: Share = 0.05
    max_delete_share: Share = 0.2
    max_failed_sources: NotNegativeCount = 5
    max_title_chars: Count = 1_000
    max_text_chars: Count = 10_000_000
    include_unpublished: bool = False
    detect_language: bool = True
    status: tuple[str, ...] = ("publish", "published", "public", "live", "true", "1")


class LimitsConfig(Section, frozen=True):
    """What one row or file of a source may cost; what is beyond costs that row or file, by name.

    line_bytes are of a line of text, document_bytes of a file that is read as a whole, and
    unpacked_ratio is how many times its size a packed file may have. values are of the fields of a
    page or of an entry of a feed, value_chars of a name or an address, and bad_rows how many may
    follow one another.
    """

    line_bytes: Annotated[int, Meta(ge=1_024)] = 32 << 20
    document_bytes: Annotated[int, Meta(ge=1_024)] = 128 << 20
    unpacked_ratio: Annotated[float, Meta(ge=1)] = 50.0
    values: Annotated[int, Meta(ge=10)] = 10_000
    value_chars: Annotated[int, Meta(ge=100)] = 4_096
    bad_rows: Count = 100_000
    row_seconds: Positive = 60.0
    pipe_seconds: Positive = 600.0


class EncoderConfig(Section, frozen=True):
    """The shape of the network, and how much of an article it reads."""

    cell: Literal["gru", "lstm", "rnn"] = "gru"
    layers: Count = 1
    bidirectional: bool = True
    hidden: Count = 256
    pooling: Literal["mean", "last", "max", "attention"] = "mean"
    residual: bool = True
    dim: Annotated[int, Meta(ge=8, le=4096)] = 256
    vocab_size: Annotated[int, Meta(ge=300)] = 16_000
    window_tokens: Annotated[int, Meta(ge=8)] = 128
    max_windows: Count = 8
    title_weight: NotNegative = 0.0
    lead_weight: Positive = 2.5


class TrainingConfig(Section, frozen=True):
    """Where training starts, and how it goes on."""

    start: str = "auto"
    epochs: Annotated[int, Meta(ge=0)] = 5
    batch_size: Annotated[int, Meta(ge=2)] = 128
    learning_rate: Positive = 0.001
    token_epochs: Annotated[int, Meta(ge=0)] = 0
    token_batch_size: Annotated[int, Meta(ge=2)] = 1024
    token_learning_rate: Positive = 0.003
    clip_norm: Positive = 1.0
    truncate_tokens: Annotated[int, Meta(ge=0)] = 0
    gate_memory: Annotated[int, Meta(ge=0)] = 0
    start_share: Share = 0.0
    passage_tokens: Annotated[int, Meta(ge=4)] = 64
    title_share: Share = 0.3
    halves_share: Share = 0.1
    sections_share: Share = 0.1
    max_articles: Count = 100_000
    max_tokens: Annotated[int, Meta(ge=16)] = 512
    held_out: Annotated[float, Meta(gt=0, lt=1)] = 0.1
    seed: int = 0


class Objective(Section, frozen=True):
    """One thing that training asks of the vectors, and the pairs it is asked with."""

    kind: Literal["contrastive", "cosine", "manhattan", "triplet", "distillation"] = "contrastive"
    pairs: str = "articles"
    weight: Positive = 1.0
    batch_share: Positive = 1.0
    temperature: Positive = 0.05
    margin: Positive = 0.2
    hard_negatives: bool = False
    cosine_weight: NotNegative = 1.0
    similarity_weight: NotNegative = 20.0
    contrast_weight: NotNegative = 0.0
    ranking_weight: NotNegative = 0.0


class TeacherConfig(Section, frozen=True):
    """A teacher, and the languages that it reads (ISO 639-1); without any it reads all."""

    model: str
    languages: tuple[str, ...] = ()


class PretrainingConfig(Section, frozen=True):
    """What one teacher or several are asked to make a pretrained encoder."""

    teacher: str | tuple[TeacherConfig, ...] = ""
    vocabulary: str = ""
    distillation_data: str = ""
    max_distillation_texts: Count = 1_000_000
    distillation_tokens: Annotated[int, Meta(ge=8)] = 128

    def __post_init__(self) -> None:
        if self.distillation_data and len(self.teachers) > 1:
            raise ValueError(
                "pretraining.distillation_data is of one teacher; with several, give the files as "
                'their models: teacher = [{model = "a*.parquet"}, {model = "b*.parquet"}]'
            )
        if self.teachers[0].languages and len(self.teachers) > 1:
            raise ValueError(
                "the first of several teachers reads all languages: leave its languages out"
            )

    @property
    def teachers(self) -> tuple[TeacherConfig, ...]:
        """Return the teachers; one that is a name alone reads all languages."""
        if isinstance(self.teacher, str):
            return (TeacherConfig(model=self.teacher),)
        return self.teacher or (TeacherConfig(model=""),)


class EmbedConfig(Section, frozen=True):
    """What of a text is encoded."""

    boilerplate_share: Share = 0.01


class IndexConfig(Section, frozen=True):
    """How neighbours are found, and how well."""

    kind: Literal["auto", "exact", "ivf_flat", "ivf_pq", "hnsw"] = "auto"
    exact_max_rows: int = 100_000
    candidates: Count = 100
    word_candidates: Count = 100
    recall_target: Share = 0.98
    memory_mib: Count | Positive = 4_096


RuleField = Literal["account", "category", "lang", "tags"]


class NotRecommendable(Section, frozen=True):
    """Which articles are recommended nowhere: those that have one of the values of a field."""

    account: tuple[str, ...] = ()
    category: tuple[str, ...] = ()
    lang: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


class RecommendConfig(Section, frozen=True):
    """How many places the tables have, what a score is made of, and what is not recommended."""

    similar_articles: Count = 20
    similar_accounts: Count = 20
    lexical_weight: Annotated[float, Meta(ge=0, le=1)] | Literal["auto"] = "auto"
    smoothing: Annotated[float, Meta(ge=0, le=1)] | Literal["auto"] = "auto"
    min_articles: NotNegativeCount = 3
    min_score_change: NotNegative = 0.01
    clicks: str = ""
    clicks_share: Annotated[float, Meta(ge=0, le=1)] | Literal["auto"] = "auto"
    editors: str = ""
    not_recommendable: NotRecommendable = NotRecommendable()


class StoriesConfig(Section, frozen=True):
    """Which articles are of one story; with a window of 0 days there are none."""

    window_days: NotNegativeCount = 4
    min_score: Share = 0.35
    max_size: Annotated[int, Meta(ge=2)] = 50


class MaxPer(Section, frozen=True):
    """How many articles of one value of a field a list may hold; 0 is no limit.

    Of tags, an article counts for each that it has.
    """

    account: NotNegativeCount = 0
    category: NotNegativeCount = 0
    lang: NotNegativeCount = 0
    tags: NotNegativeCount = 0


class RulesConfig(Section, frozen=True):
    """The ranking rules, in the order in which they are applied.

    With all off, the order is that of the score. account_cap and exclude_own_account say the same
    as max_per.account and exclude_same = ["account"].
    """

    same_language: bool = True
    same_category: Literal["no", "preferred", "required"] = "no"
    exclude_own_account: bool = False
    exclude_same: tuple[RuleField, ...] = ()
    age_from: Literal["article", "newest"] = "article"
    max_age_days: NotNegative = 0.0
    min_score: Share | Literal["auto"] = 0.0
    max_chance: Annotated[float, Meta(gt=0, lt=1)] = 0.02
    collapse_duplicates: bool = True
    freshness_half_life: NotNegative = 0.0
    account_cap: NotNegativeCount = 0
    max_per: MaxPer = MaxPer()
    diversity: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    max_exposure: NotNegative = 2.0


class EvaluateConfig(Section, frozen=True):
    """How quality is measured, beside what, and how far it may fall."""

    sample: Annotated[int, Meta(ge=2)] = 1_000
    baselines: tuple[Baseline, ...] = ("TF-IDF",)
    judgements: tuple[str, ...] = ()
    max_quality_drop: Share = 0.05


class EngineConfig(Section, frozen=True):
    """Where tasks run, and how large they are.

    0 workers are one for each core of this machine; with max_part_rows 0 each stage chooses how
    many rows a task has. wait_seconds is how long a cluster may have no worker.
    """

    kind: EngineKind = "local"
    scheduler: str = ""
    workers: Annotated[int, Meta(ge=0)] = 0
    shard_texts: Count = 4096
    batch_bytes: Count = 64 << 20
    max_part_rows: NotNegativeCount = 0
    wait_seconds: Positive = 30.0


class ReleaseConfig(Section, frozen=True):
    """How many releases stay on disk, what a new one must be like, and when one is too old."""

    keep: Count = 5
    min_coverage: Share = 0.9
    min_exposed: Share = 0.7
    max_relevance_fall: Share = 0.1
    max_shrink: Share = 0.5
    max_age_hours: NotNegative = 50.0


class MonitorConfig(Section, frozen=True):
    """Where a monitor finds how the jobs are doing."""

    prometheus: str = ""
    readable_journal: bool = False


class Config(Section, frozen=True):
    """The whole configuration; `Config()` holds every default."""

    sources: tuple[SourceConfig, ...] = ()
    fields: Fields = Fields()
    ingest: IngestConfig = IngestConfig()
    limits: LimitsConfig = LimitsConfig()
    encoder: EncoderConfig = EncoderConfig()
    training: TrainingConfig = TrainingConfig()
    objectives: tuple[Objective, ...] = (Objective(),)
    pretraining: PretrainingConfig = PretrainingConfig()
    embed: EmbedConfig = EmbedConfig()
    index: IndexConfig = IndexConfig()
    recommend: RecommendConfig = RecommendConfig()
    rules: RulesConfig = RulesConfig()
    stories: StoriesConfig = StoriesConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    engine: EngineConfig = EngineConfig()
    release: ReleaseConfig = ReleaseConfig()
    sinks: tuple[SinkConfig, ...] = ()
    mirrors: tuple[MirrorConfig, ...] = ()
    monitor: MonitorConfig = MonitorConfig()

    def __post_init__(self) -> None:
        training = self.training
        if training.title_share + training.halves_share + training.sections_share > 1:
            raise ValueError(
                "training.title_share, halves_share and sections_share are more than 1 together"
            )
        if 0 < self.rules.max_exposure < 1:
            raise ValueError(
                f"rules.max_exposure is {self.rules.max_exposure}: at 1 all lists together have "
                "just as many places as articles may take; give 1 or more, or 0 for no limit"
            )
        if self.recommend.similar_articles > self.index.candidates:
            raise ValueError(
                f"recommend.similar_articles ({self.recommend.similar_articles}) is more than "
                f"index.candidates ({self.index.candidates}) it is chosen from"
            )


def override(config: Config, **sections: dict[str, Any]) -> Config:
    """Return the configuration with single keys replaced: `override(c, ingest={"sync": True})`."""
    changed = {
        name: msgspec.structs.replace(getattr(config, name), **keys)
        for name, keys in sections.items()
    }
    return msgspec.structs.replace(config, **changed)
