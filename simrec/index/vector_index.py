"""The index of a release: finds the rows of highest cosine, by FAISS or by comparing all."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from simrec.errors import ReleaseError
from simrec.index import faiss_kinds, inverted_lists, packing
from simrec.index.exact import nearest, nearest_candidates, rank_candidates
from simrec.index.index_facts import CurvePoint, IndexFacts
from simrec.index.neighbours import Neighbours
from simrec.index.packing import Packed
from simrec.index.vectors import Rows, Vectors, unit, unit_rows

CODES_SLACK = 160  # rows beyond k that are scored exactly where the index holds only codes
SCAN_ROWS = 100_000  # filtered rows scanned without FAISS: at most 50 MB, hundredths of a second


class VectorIndex:
    """Finds the rows of highest cosine. It speaks rows; ids are translated elsewhere.

    vectors [rows, dim] score what FAISS finds: float32 unit rows in memory, or the stored matrix,
    mapped. faiss_index is None where search is exact, and is set to the effort of the facts. An
    index over a slice of the rows starts at first_row.
    """

    def __init__(
        self,
        faiss_index: Any,
        vectors: Vectors,
        facts: IndexFacts,
        first_row: int = 0,
    ) -> None:
        self.faiss_index = faiss_index
        self.vectors = vectors
        self.facts = facts
        self.first_row = first_row
        if faiss_index is not None:
            faiss_kinds.set_effort(faiss_index, facts.effort)

    @classmethod
    def exact(cls, vectors: Vectors) -> "VectorIndex":
        """Return an index that compares all rows with every query."""
        rows, dim = vectors.shape
        everything = CurvePoint(effort=0, compared=1.0, recall=1.0)
        return cls(None, vectors, IndexFacts("exact", rows, dim, curve=(everything,)))

    @classmethod
    def open(
        cls,
        path: Path,
        facts: IndexFacts,
        vectors: Vectors,
    ) -> "VectorIndex":
        """Open a saved index; inverted lists are mapped. ReleaseError unless it fits the facts."""
        shape = (facts.rows, facts.dim)
        if vectors.shape != shape:
            raise ReleaseError(
                f"{path}: for {facts.rows} rows of {facts.dim}, "
                f"the stored vectors are {vectors.shape}"
            )
        if facts.kind == "exact":
            return cls(None, vectors, facts)
        faiss_index = faiss_kinds.read(path, mapped=facts.lists > 0)
        if (faiss_index.ntotal, faiss_index.d) != shape:
            raise ReleaseError(
                f"{path}: {faiss_index.ntotal} rows of {faiss_index.d}, its manifest says otherwise"
            )
        return cls(faiss_index, vectors, facts)

    def save(self, path: Path) -> None:
        """Write the index, whole or not at all; exact search needs no file but the vectors."""
        if self.faiss_index is not None:
            faiss_kinds.write(self.faiss_index, path)

    @property
    def is_exact(self) -> bool:
        """Tell whether every row is compared with every query."""
        return self.faiss_index is None

    def slice(self, start: int, stop: int) -> "VectorIndex":
        """Return an index of the rows from start to stop, in the form fastest for many queries."""
        rows = stop - start
        vectors = unit_rows(self.vectors[start:stop])
        facts = replace(self.facts, rows=rows)
        if self.is_exact:
            return VectorIndex(None, vectors, facts, start)
        faiss_index = self.faiss_index
        if rows < self.facts.rows:
            faiss_index = inverted_lists.slice_rows(faiss_index, start, stop)
        return VectorIndex(faiss_kinds.to_fastscan(faiss_index), vectors, facts, start)

    def updated(
        self,
        current_row: Rows,
        vectors: Vectors,
        new_rows: Rows,
    ) -> "VectorIndex":
        """Return the index after a change; its lists stay as they were learned.

        current_row [rows before] is what each row is now, -1 if it is gone. vectors are those of
        now, and new_rows the rows that were not there before.
        """
        if self.is_exact:
            return VectorIndex.exact(vectors)
        gone = int((current_row < 0).sum())
        changed = self.facts.changed + gone + len(new_rows)
        facts = replace(self.facts, rows=len(vectors), changed=changed)
        if self.facts.lists:
            faiss_index = inverted_lists.update_rows(
                self.faiss_index, current_row, vectors, new_rows
            )
        else:  # HNSW cannot delete
            faiss_index = faiss_kinds.build_hnsw(unit_rows(vectors))
        return VectorIndex(faiss_index, vectors, facts)

    def search(self, queries: Vectors, k: int) -> Neighbours:
        """Return the nearest rows of each query [queries, dim], at most k; cosines are exact."""
        return Neighbours.unpacked(self.search_packed(queries, k))

    def search_packed(self, queries: Vectors, k: int) -> Packed:
        """Search; return packed neighbours [queries, min(k, rows)], NONE where fewer are found."""
        k = min(k, self.facts.rows)
        queries = np.ascontiguousarray(queries, np.float32)
        n = min(self.oversampled_k(k), self.facts.rows)
        if self.is_exact:
            candidates = nearest_candidates(queries, self.vectors, n, self.first_row)
        else:
            candidates = self.faiss_index.search(queries, n)[1]
        return rank_candidates(queries, candidates, self.vectors, k, self.first_row)

    def search_filtered(
        self,
        query: Vectors,
        rows: Rows,
        k: int,
        scan_rows: int = SCAN_ROWS,
    ) -> Neighbours:
        """Return the nearest of the given rows, ascending, of one query [dim]: [1, min(k, rows)].

        Up to scan_rows rows are all compared; so are more where the probed lists hold fewer than k.
        """
        queries = np.ascontiguousarray(unit(query)[None])
        if self.facts.lists and len(rows) > scan_rows:
            parameters = faiss_kinds.id_filter(self.faiss_index, rows, self.facts.effort)
            n = self.oversampled_k(k)
            candidates = self.faiss_index.search(queries, n, params=parameters)[1]
            packed = rank_candidates(queries, candidates, self.vectors, k)
            if (packed != packing.NONE).all():
                return Neighbours.unpacked(packed)
        return nearest(queries, self.vectors, rows, k)

    def oversampled_k(self, k: int) -> int:
        """Return how many candidates FAISS has to find, so that the k best are among them."""
        codes_only = faiss_kinds.has_codes_only(self.faiss_index)
        return k + packing.SLACK + (CODES_SLACK if codes_only else 0)

    def list_order(self) -> Rows:
        """Return all rows, list by list, since similar queries probe the same lists."""
        if self.facts.lists:
            return inverted_lists.list_order(self.faiss_index)
        return np.arange(self.facts.rows)
