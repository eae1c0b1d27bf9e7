"""Compares a trained encoder with the one in use, on held-out articles; the better one is used."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from simrec import files
from simrec.articles.article import held_out_below
from simrec.encoder import model_folder
from simrec.encoder.query_cache import Encode
from simrec.encoder.runtime import Encoder
from simrec.evaluate import suites
from simrec.evaluate.scorers import encoder_scorer
from simrec.steps.night import Night
from simrec.steps.step import StepResult
from simrec.tasks.local import worker_count
from simrec.training.corpus import TrainingCorpus, learns_from_articles
from simrec.training.pair_files import PairFile
from simrec.training.starting_point import StartingPoint

if TYPE_CHECKING:
    from simrec.training.train_encoder import Trained  # TensorFlow is opened by a door

CHAMPION = "champion"
CHALLENGER = "challenger"


def choose_encoder(
    night: Night,
    training_corpus: TrainingCorpus,
    start: StartingPoint,
    trained: "Trained",
    staged: Path,
) -> StepResult:
    """Move the trained encoder to its place, and use the better one from now on.

    The champion is the encoder in use, or else the one that training started from; without either,
    or where nothing can be measured, the trained one is used.
    """
    workspace = night.workspace
    in_use = night.newest_encoder
    champion = workspace.encoder(in_use) if in_use else start.encoder
    scores: dict[str, float] = {}
    if champion and model_folder.read_id(champion) != trained.encoder_id:
        encoders = {CHAMPION: champion, CHALLENGER: staged}
        scores = _mean_scores(night, training_corpus, encoders)
    is_better = not scores or scores[CHALLENGER] > scores[CHAMPION]
    model_folder.amend_card(staged, kept=is_better, scores=scores)
    if not is_better and champion and not in_use:
        files.copy_folder(champion, workspace.encoder(model_folder.read_id(champion)))
    _move_to_place(staged, workspace.encoder(trained.encoder_id))
    night.encoder_changed()
    sentence = _training_sentence(trained, start)
    if scores and champion:
        sentence += _verdict(scores, is_better, model_folder.read_id(champion))
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


def _verdict(scores: dict[str, float], is_better: bool, champion_id: str) -> str:
    verdict = "takes over from" if is_better else "is no better than, and leaves the work to,"
    return f"; with {scores[CHALLENGER]:.4f} to {scores[CHAMPION]:.4f} it {verdict} {champion_id}"


def _mean_scores(
    night: Night, training_corpus: TrainingCorpus, encoders: dict[str, Path]
) -> dict[str, float]:
    """Return the mean of all measures for each encoder; nothing where nothing can be measured.

    Measures are the correlation with the held-out grades of each graded file, and the suites,
    unless the articles are not what was trained for.
    """
    threads = worker_count(night.config.engine.workers)
    encode: dict[str, Encode] = {}
    for name, path in encoders.items():
        encode[name] = Encoder(path, threads).encode
    measured = []
    for file in training_corpus.pair_files.values():
        if file.kind == "graded":
            measured.append({name: _correlation(encode[name], file) for name in encode})
    if learns_from_articles(night.config) or not measured:
        measured += _suite_values(night, encode)
    if not measured:
        return {}
    return {name: sum(values[name] for values in measured) / len(measured) for name in encoders}


def _suite_values(night: Night, encode: dict[str, Encode]) -> list[dict[str, float]]:
    """Return the value of each encoder in every suite that can be measured."""
    config = night.config
    with night.open_store() as store:
        rows = store.sample(config.evaluate.sample)
    sample = suites.sample(rows, held_out_below(config.training.held_out))
    scorers = {name: encoder_scorer(encode[name]) for name in encode}
    return [result.values for result in suites.run(sample, scorers) if result.per_query]


def _correlation(encode: Encode, file: PairFile) -> float:
    """Return Pearson's correlation of cosines and held-out grades."""
    rows = file.rows[file.held_out]
    left = encode([text for text, _ in rows])
    right = encode([text for _, text in rows])
    cosines = (left * right).sum(axis=1)
    return float(np.corrcoef(cosines, file.grades[file.held_out])[0, 1])
