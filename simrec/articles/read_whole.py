"""Whether what a source does not show is gone, or only was not to be seen."""

from collections.abc import Collection


def is_gone(origin: str, whole: Collection[str], not_whole: Collection[str]) -> bool:
    """Tell whether the source that brought an article in was read whole, and has it no more.

    `origin` is the file or query that the article came from, "" where that is not known. `whole`
    are the sources that were opened, `not_whole` the sources and files of which some was not read.
    Where all was read, an article that no source holds is gone wherever it came from.
    """
    if not not_whole:
        return True
    return is_of(origin, whole) and not is_of(origin, not_whole)


def is_of(file: str, sources: Collection[str]) -> bool:
    """Tell whether a file is one of some sources, or lies in one of them."""
    while file:
        if file in sources:
            return True
        file = file.rpartition("/")[0]
    return False
