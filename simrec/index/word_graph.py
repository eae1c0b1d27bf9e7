"""The word graph: of every row the rows of most alike words, from scratch and incremental.

Its lists are those of a kNN graph whose cosines are of the search terms alone, which is what makes
it cheap: they find candidates, and the hybrid score, which knows all terms, ranks them.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from simrec import log
from simrec.arrays import Rows, open_npy, row_blocks, write_npy
from simrec.index import packing
from simrec.index.incremental import RowChange, kept_lists, previous_rows, short_rows
from simrec.index.knn_graph import SPARE, KnnGraph
from simrec.index.packing import Packed
from simrec.index.posting_matrix import PostingMatrix, nearest_by_words
from simrec.index.postings import SearchTerms
from simrec.lexical.tfidf import TfIdf
from simrec.release_folder import ReleaseFolder
from simrec.tasks.rows import map_rows
from simrec.tasks.stages import Stages

BLOCK_ROWS = 512  # multiplied at once
PART_ROWS = 1 << 14


class WordGraphUpdate(NamedTuple):
    """The release that a graph is made for, the release before, and the width of lists."""

    folder: ReleaseFolder
    previous: ReleaseFolder
    width: int


def build_word_graph(
    folder: ReleaseFolder,
    k: int,
    stages: Stages,
) -> KnnGraph:
    """Write the word graph of a folder: k neighbours of each of its rows, and SPARE more."""
    rows = len(open_npy(folder.terms))
    width = k + SPARE
    every_row = np.arange(rows)
    parts = map_rows(
        stages, "word-neighbours", search_words, rows, every_row, folder, width, part_rows=PART_ROWS
    )
    write_npy(folder.word_graph, parts.blocks("packed"), (rows, width), packing.DTYPE)
    return KnnGraph.open(folder.word_graph)


def update_word_graph(
    folder: ReleaseFolder,
    previous: ReleaseFolder,
    change: RowChange,
    k: int,
    stages: Stages,
) -> KnnGraph:
    """Write the word graph of a folder from that of the release before, of the same word weights.

    New rows, and rows whose lists have fewer than k neighbours left, are compared with all rows;
    every other row takes in a new one that comes before the last neighbour it had. The first k of
    each list are those that `build_word_graph` finds.
    """
    rows = len(open_npy(folder.terms))
    graph = KnnGraph.open(previous.word_graph)
    width = graph.width
    is_complete = graph.packed[:, -1] == packing.NONE  # no other row shares a search term
    short = short_rows(graph, change.current_row, min(k, rows - 1), is_complete)
    queries = np.union1d(change.new_rows, short)
    update = WordGraphUpdate(folder, previous, width)
    lists = map_rows(
        stages, "word-lists", update_lists, rows, change.new_rows, change.current_row, update
    )
    found = map_rows(
        stages,
        "word-neighbours",
        search_words,
        len(queries),
        queries,
        folder,
        width,
        part_rows=PART_ROWS,
    )
    blocks = []
    for part in lists:
        block = np.array(lists.open("lists", part.start))
        begin, end = np.searchsorted(queries, (part.start, part.stop))
        block[queries[begin:end] - part.start] = found.between("packed", begin, end)
        blocks.append(block)
    write_npy(folder.word_graph, blocks, (rows, width), packing.DTYPE)
    return KnnGraph.open(folder.word_graph)


def search_words(
    part: slice,
    queries: Rows,
    folder: ReleaseFolder,
    width: int,
) -> dict[str, Packed]:
    """Return the rows of most alike words of some rows, packed [queries, width]."""
    terms = open_npy(folder.terms)
    norms = open_npy(folder.term_sizes)[:, 0]
    matrix = PostingMatrix.of(open_npy(folder.postings), len(terms))
    search_terms = SearchTerms.of(TfIdf.open(folder.tfidf))
    packed = np.full((part.stop - part.start, width), packing.NONE)
    with log.progress("words", len(packed)) as bar:
        for block in row_blocks(len(packed), BLOCK_ROWS):
            rows = queries[part][block]
            products = matrix.products(search_terms.choose(terms[rows]))
            packed[block] = _nearest(products, rows, norms, width)
            bar.update(len(rows))
    return {"packed": packed}


def _nearest(
    products: sparse.csr_matrix,
    rows: Rows,
    norms: NDArray[np.float32],
    width: int,
) -> Packed:
    """Return the nearest rows of some rows by their products with all, packed [rows, width]."""
    lines = np.full((len(rows), width), packing.NONE)
    query_norms = norms[rows]
    for query, row in enumerate(rows.tolist()):
        nearest = nearest_by_words(products, query_norms, norms, query, width + 1)
        others = nearest[packing.rows_of(nearest) != row][:width]
        lines[query, : len(others)] = others
    return lines


def update_lists(
    rows: slice,
    new_rows: Rows,
    current_row: Rows,
    update: WordGraphUpdate,
) -> dict[str, Packed]:
    """Return the lists of rows with what they take in of the new rows, packed [rows, width].

    The lists of new rows stay empty.
    """
    graph = KnnGraph.open(update.previous.word_graph)
    new_words = _NewWords(update.folder, new_rows)
    previous_row = previous_rows(current_row, len(new_words.terms))
    lists = np.full((rows.stop - rows.start, update.width), packing.NONE)
    for block in row_blocks(rows.stop, BLOCK_ROWS, rows.start):
        was_there = previous_row[block] >= 0
        before = np.full((len(was_there), update.width), packing.NONE)
        before[was_there] = graph.packed[previous_row[block][was_there]]
        kept, bound = kept_lists(before, current_row, before[:, -1] == packing.NONE)
        for line, nearest in new_words.nearest(block, update.width):
            if was_there[line]:
                taken = nearest[nearest <= bound[line]]
                kept[line] = np.sort(np.concatenate([kept[line], taken]))[: update.width]
        lists[block.start - rows.start : block.stop - rows.start] = kept
    return {"lists": lists}


class _NewWords:
    """The words of new rows, which all rows are compared with."""

    def __init__(self, folder: ReleaseFolder, new_rows: Rows) -> None:
        self.terms = open_npy(folder.terms)
        self._new_rows = new_rows
        self._norms = open_npy(folder.term_sizes)[:, 0]
        self._search_terms = SearchTerms.of(TfIdf.open(folder.tfidf))
        self._matrix = PostingMatrix.of_texts(self._search_terms.choose(self.terms[new_rows]))

    def nearest(self, block: slice, k: int) -> Iterator[tuple[int, Packed]]:
        """Yield each line of a block of rows that shares words with new rows, and its nearest."""
        products = self._matrix.products(self._search_terms.choose(self.terms[block]))
        norms = self._norms[block]
        new_norms = self._norms[self._new_rows]
        for line in np.flatnonzero(np.diff(products.indptr)).tolist():
            nearest = nearest_by_words(products, norms, new_norms, line, k)
            rows = self._new_rows[packing.rows_of(nearest)]
            yield line, packing.pack(packing.cosines_of(nearest), rows)
