"""Rank-biased overlap: how alike two lists are, where the first places count most."""

from collections.abc import Hashable, Sequence

PERSISTENCE = 0.9  # the first ten places have 86 % of the weight (Webber et al. 2010)


def rank_biased_overlap(
    first: Sequence[Hashable], second: Sequence[Hashable], p: float = PERSISTENCE
) -> float:
    """Return the extrapolated overlap of two rankings without ties, 0 to 1.

    RBO_EXT for lists of any lengths, equation 32 of Webber, Moffat & Zobel (2010): what lies beyond
    the end of a list agrees as much as what is seen. Two empty lists are alike, an empty one is
    unlike any other.
    """
    short, long = sorted((first, second), key=len)
    if not short:
        return 0.0 if long else 1.0
    overlaps = _overlaps(short, long)
    n_short = len(short)
    n_long = len(long)
    overlap_of_short = overlaps[n_short - 1]
    weighted = 0.0
    for depth, overlap in enumerate(overlaps, start=1):
        agreement = overlap / depth
        if depth > n_short:
            agreement += overlap_of_short * (depth - n_short) / (n_short * depth)
        weighted += agreement * p**depth
    unseen = (overlaps[-1] - overlap_of_short) / n_long + overlap_of_short / n_short
    return (1 - p) / p * weighted + unseen * p**n_long


def _overlaps(short: Sequence[Hashable], long: Sequence[Hashable]) -> list[int]:
    """Return how many entries two lists share down to each depth of the longer one."""
    seen_short: set[Hashable] = set()
    seen_long: set[Hashable] = set()
    overlaps = []
    for depth, entry in enumerate(long):
        seen_long.add(entry)
        if depth < len(short):
            seen_short.add(short[depth])
        overlaps.append(len(seen_short & seen_long))
    return overlaps
