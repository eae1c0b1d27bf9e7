"""What a report says in plain sentences, for its page, the command line and status."""

from simrec.evaluate.report_format import ExposureFacts, ListQuality, Report


def summarize_lists(report: Report) -> str:
    """Return one sentence on the published lists; an older report knows only a part of it."""
    return describe_lists_plainly(report.articles.count, report.quality, report.exposure)


def describe_lists_plainly(
    articles: int, quality: ListQuality | None, exposure: ExposureFacts | None
) -> str:
    """Return what an editor wants to know first: who has a list, who is left out, what is weak."""
    parts = []
    if quality is not None:
        parts.append(_have_lists(quality))
    if exposure is not None:
        parts.append(_is_recommended(exposure))
    if quality is not None:
        if quality.never_recommended:
            parts.append(f"{counted(quality.never_recommended, 'article')} never")
        parts.append(_are_weak(quality))
    if not parts:
        parts.append(f"the lists of {counted(articles, 'article')}")
    sentence = "; ".join(parts)
    return sentence[0].upper() + sentence[1:]


def _have_lists(quality: ListQuality) -> str:
    if quality.with_list == quality.articles:
        return "every article has a list"
    without = quality.articles - quality.with_list
    verb = "has" if without == 1 else "have"
    return f"{without:,} of {counted(quality.articles, 'article')} {verb} no list"


def _is_recommended(exposure: ExposureFacts) -> str:
    share = exposure.recommended_in_any_place
    if share == 1:
        return "the whole archive is recommended somewhere"
    return f"{percent(share)} of the archive is recommended somewhere"


def _are_weak(quality: ListQuality) -> str:
    if not quality.weak:
        return "no list is weak"
    return f"{counted(quality.weak, 'list')} {'is' if quality.weak == 1 else 'are'} weak"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def percent(share: float) -> str:
    """Return a share in per cent, with a decimal where it is near 0 or 1; never a rounded 100 %."""
    if share < 1 and share > 0.9995:
        return "99.9%"
    return f"{share:.1%}" if share < 0.1 or 0.99 < share < 1 else f"{share:.0%}"
