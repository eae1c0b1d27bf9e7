"""Compares a trained encoder with the one in use, on held-out articles; the better one is used."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from simrec import files, metrics
from simrec.articles.article import held_out_below
from simrec.encoder import model_folder
from simrec.encoder.runtime import Encoder
from simrec.evaluate import bootstrap, suites
from simrec.evaluate.graded_pairs import measure_graded_pairs
from simrec.evaluate.scorers import encoder_scorer
from simrec.evaluate.suite_result import SuiteResult
from simrec.evaluate.suites import SampledArticle, Scorers
from simrec.steps.night import Night
from simrec.steps.step import StepResult
from simrec.tasks.local import worker_count
from simrec.training.corpus import TrainingCorpus, learns_from_articles
from simrec.training.starting_point import StartingPoint

if TYPE_CHECKING:
    from simrec.training.train_encoder import Trained  # TensorFlow is opened by a door

CHAMPION = "champion"
CHALLENGER = "challenger"


MIN_AGREEMENT = 0.4  # of the nearest ten, with the start, where nothing else judges topics
TOPIC_SUITES = ("same category", "same account", "shared tag")


@dataclass(frozen=True)
class EncoderVerdict:
    """The mean of all measures for champion and challenger, and where the challenger falls."""

    scores: dict[str, float]
    falls: list[str]

    @property
    def is_better(self) -> bool:
        """Return whether the challenger is better on average, and no worse anywhere."""
        if not self.scores:
            return True
        return self.scores[CHALLENGER] > self.scores[CHAMPION] and not self.falls

    def sentence(self, champion_id: str) -> str:
        figures = f"{self.scores[CHALLENGER]:.4f} to {self.scores[CHAMPION]:.4f}"
        if self.is_better:
            return f"; with {figures} it takes over from {champion_id}"
        if self.scores[CHALLENGER] <= self.scores[CHAMPION]:
            return f"; with {figures} it is no better than, and leaves the work to, {champion_id}"
        falls = " and ".join(self.falls)
        return (
            f"; it is better on average, {figures}, but leaves the work to {champion_id}: {falls}"
        )


NOTHING_MEASURED = EncoderVerdict({}, [])


def choose_encoder(
    night: Night,
    training_corpus: TrainingCorpus,
    start: StartingPoint,
    trained: "Trained",
    staged: Path,
) -> StepResult:
    """Move the trained encoder to its place, and use the better one from now on.

    The champion is the encoder in use, or else the one that training started from; without either,
    or where nothing can be measured, the trained one is used. A challenger takes over if its mean
    is higher and it falls beyond the interval of no suite.
    """
    workspace = night.workspace
    in_use = night.newest_encoder
    champion = workspace.encoder(in_use) if in_use else start.encoder
    verdict = NOTHING_MEASURED
    if champion and model_folder.read_id(champion) != trained.encoder_id:
        encoders = {CHAMPION: champion, CHALLENGER: staged}
        verdict = _judge(night, training_corpus, encoders)
    is_better = verdict.is_better
    model_folder.amend_card(staged, kept=is_better, scores=verdict.scores)
    if not is_better and champion and not in_use:
        files.copy_folder(champion, workspace.encoder(model_folder.read_id(champion)))
    _move_to_place(staged, workspace.encoder(trained.encoder_id))
    night.encoder_changed()
    sentence = _training_sentence(trained, start)
    if verdict.scores and champion:
        sentence += verdict.sentence(model_folder.read_id(champion))
    return StepResult(sentence, len(trained.history) - 1, int(is_better))


def _move_to_place(staged: Path, final: Path) -> None:
    if final.exists():
        files.remove_folder(staged)
    else:
        files.move_folder(staged, final)


def _training_sentence(trained: "Trained", start: StartingPoint) -> str:
    best = trained.best
    last = trained.history[-1]
    return (
        f"{trained.encoder_id} from {start.name}: held-out score {best['score']:.3f} "
        f"after epoch {best['epoch']:.0f} of {last['epoch']:.0f} "
        f"({trained.start['score']:.3f} before)"
    )


def _judge(
    night: Night, training_corpus: TrainingCorpus, encoders: dict[str, Path]
) -> EncoderVerdict:
    """Measure champion and challenger; nothing where nothing can be measured.

    Measures are the correlation with the held-out grades of each graded file, and the suites,
    unless the articles are not what was trained for. Where no suite has labels, the challenger must
    keep a share of the champion's nearest neighbours.
    """
    threads = worker_count(night.config.engine.workers)
    scorers: Scorers = {}
    for name, path in encoders.items():
        scorers[name] = encoder_scorer(Encoder(path, threads).encode)
    results = _graded_results(training_corpus, scorers)
    falls = []
    if learns_from_articles(night.config) or not results:
        sample = _sample(night)
        suite_results = [result for result in suites.run(sample, scorers) if result.per_query]
        results += suite_results
        if not any(result.suite in TOPIC_SUITES for result in suite_results):
            falls += neighbours_lost(sample, scorers)
    falls += [fall for result in results for fall in fall_beyond_interval(result)]
    if not results:
        return NOTHING_MEASURED
    scores = {}
    for name in encoders:
        scores[name] = sum(result.values[name] for result in results) / len(results)
    return EncoderVerdict(scores, falls)


def _sample(night: Night) -> list[SampledArticle]:
    config = night.config
    with night.open_store() as store:
        rows = store.sample(config.evaluate.sample)
    return suites.sample(rows, held_out_below(config.training.held_out))


def _graded_results(training_corpus: TrainingCorpus, scorers: Scorers) -> list[SuiteResult]:
    """Return Pearson's correlation with the held-out grades of each graded file."""
    results = []
    for path, file in training_corpus.pair_files.items():
        if file.kind == "graded":
            pairs = file.rows[file.held_out]
            grades = file.grades[file.held_out]
            measured = measure_graded_pairs(Path(path).name, pairs, grades, scorers)
            results += [result for result in measured if result.measure == "Pearson"]
    return [result for result in results if result.per_query]


def fall_beyond_interval(result: SuiteResult) -> list[str]:
    """Say by how much the challenger falls in a suite, if all of the interval is a fall."""
    figures = result.per_query
    difference = bootstrap.paired_difference(
        figures[CHALLENGER], figures[CHAMPION], result.statistic
    )
    if difference.high >= 0:
        return []
    interval = f"{-difference.high:.4f} to {-difference.low:.4f}"
    return [f"{result.suite} {result.measure} falls by {-difference.value:.4f} ({interval})"]


def neighbours_lost(sample: Sequence[SampledArticle], scorers: Scorers) -> list[str]:
    """Say so if the challenger keeps too few of the champion's nearest articles."""
    texts = [article.with_text(article.encoded) for article in sample]
    if len(texts) <= suites.K:
        return []
    nearest = _nearest(scorers[CHAMPION](texts, texts))
    relevant = np.zeros((len(texts), len(texts)), np.bool_)
    np.put_along_axis(relevant, nearest, True, axis=1)
    scores = scorers[CHALLENGER](texts, texts)
    agreement = float(metrics.precisions(scores, relevant, suites.K).mean())
    if agreement >= MIN_AGREEMENT:
        return []
    return [
        f"it keeps {agreement:.0%} of the nearest ten of each article, "
        f"of {MIN_AGREEMENT:.0%} needed where no labels judge topics"
    ]


def _nearest(scores: NDArray[np.floating]) -> NDArray[np.int64]:
    """Return the K best others of each article, [articles, K]."""
    others = scores.astype(np.float64)
    np.fill_diagonal(others, -np.inf)
    return np.argsort(-others, axis=1, kind="stable")[:, : suites.K]
