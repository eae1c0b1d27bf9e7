"""A workspace: names every path on disk; opens and creates it."""

from contextlib import AbstractContextManager
from pathlib import Path

from simrec import files
from simrec.errors import ConfigError, ReleaseError
from simrec.release_folder import ReleaseFolder

FORMAT = "simrec workspace 1"
TRAINING = "encoder-"  # begins the name of a training's folder in staging


class Workspace:
    """A folder that holds the articles, the encoders, the embedding cache and the releases."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.format = root / "FORMAT"
        self.current = root / "CURRENT"
        self.rolled_back = root / "HELD"  # the name of the first edition
        self.articles_db = root / "articles.db"
        self.encoders = root / "encoders"
        self.distillation = root / "lessons"  # the name of the first edition
        self.embedding_caches = root / "embeddings"
        self.lexicals = root / "lexical"
        self.baselines = root / "baselines"
        self.releases = root / "releases"
        self.staging = root / "staging"
        self.parts = self.staging / "parts"
        self.spool = self.staging / "pipes"
        self.running = root / "RUNNING"  # the run that is at work, or was killed
        self.journal = root / "journal.jsonl"
        self.last_config = root / "last-config.json"
        self.report_page = ReleaseFolder(root).report_page  # a copy of the current release's

    @classmethod
    def open(cls, root: Path) -> "Workspace":
        """Open an existing workspace; ReleaseError if it is none or of another format."""
        workspace = cls(root)
        if not workspace.format.is_file():
            raise ReleaseError(
                f"{root}: no workspace here; simrec ingest creates one (see --workspace)"
            )
        stored_format = workspace.format.read_text(encoding="utf-8", errors="replace").strip()
        if stored_format != FORMAT:
            raise ReleaseError(
                f"{workspace.format}: this is a '{stored_format}', and this simrec reads "
                f"'{FORMAT}'; use the newer simrec that made it, or, if the file is damaged, "
                "write that line into it"
            )
        return workspace

    @classmethod
    def create(cls, root: Path) -> "Workspace":
        """Open the workspace, and make it first where there is none."""
        workspace = cls(root)
        if not workspace.format.is_file():
            try:
                workspace._make_folders()
            except OSError as error:
                raise ConfigError(
                    f"{root}: no workspace can be made here: {error.strerror}"
                ) from error
        return cls.open(root)

    def _make_folders(self) -> None:
        """Make all folders, and FORMAT last: a folder without it is not a workspace yet."""
        for folder in (self.encoders, self.embedding_caches, self.releases, self.staging):
            folder.mkdir(parents=True, exist_ok=True)
        files.write(self.format, f"{FORMAT}\n".encode())

    def lock(self) -> AbstractContextManager[None]:
        """Hold the workspace for writing; LockedError if another process does.

        Readers never lock.
        """
        return files.lock(self.root / "LOCK")

    def sweep(self) -> None:
        """Remove what killed runs left half-written; only the holder of the lock may."""
        folders = [self.root, self.encoders, self.releases, self.staging, self.baselines]
        folders += self.staging.glob("*/")
        folders += self.embedding_caches.glob("*/")
        for folder in folders:
            files.sweep(folder)

    def encoder(self, encoder_id: str) -> Path:
        return self.encoders / encoder_id

    def lexical(self, encoder_id: str) -> Path:
        return self.lexicals / f"{encoder_id}.npz"

    def tfidf_baseline(self, encoder_id: str) -> Path:
        return self.baselines / f"{encoder_id}.npz"

    def shares(self, encoder_id: str) -> Path:
        """Return where the shares of a score are that were chosen with the word weights."""
        return self.lexicals / f"{encoder_id}.shares.json"

    def vocabulary(self, encoder_id: str) -> Path:
        return self.lexicals / f"{encoder_id}.words"

    def embeddings(self, encoder_id: str) -> Path:
        return self.embedding_caches / encoder_id

    def query_cache(self, encoder_id: str) -> Path:
        """Name the cache of the texts that suites encode as queries.

        Housekeeping removes it, and it grows again.
        """
        return self.embeddings(f"{encoder_id}-asked")

    def release(self, release_id: str) -> ReleaseFolder:
        return ReleaseFolder(self.releases / release_id)

    def staged_release(self, release_id: str) -> ReleaseFolder:
        return ReleaseFolder(self.staging / release_id)

    def staged_training(self, plan: str) -> Path:
        return self.staging / f"{TRAINING}{plan}"

    def staged_trainings(self) -> set[Path]:
        return set(self.staging.glob(f"{TRAINING}*/"))

    def staged_releases(self) -> list[ReleaseFolder]:
        others = self.staged_trainings() | {self.parts, self.spool}
        folders = set(self.staging.glob("[!.]*/")) - others
        return [ReleaseFolder(folder) for folder in sorted(folders)]
