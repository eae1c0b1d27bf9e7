"""How the templates of pages are read: the report's and those that are served."""

from collections.abc import Callable, Iterable
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def page_environment(package: str, filters: Iterable[Callable[..., Any]]) -> Environment:
    """Return the templates of a package, escaped everywhere, with filters by their names."""
    environment = Environment(
        loader=PackageLoader(package, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update({function.__name__: function for function in filters})
    return environment


def number(value: float | None, places: int = 0) -> str:
    """Return a number as people write it, with a true minus sign; a dash for None."""
    return "–" if value is None else f"{value:,.{places}f}".replace("-", "\u2212")


def web_address(url: str | None) -> str | None:
    """Return an address if a page may link to it, else None: articles are not to be trusted."""
    return url if url and url.lower().startswith(("http://", "https://")) else None
