"""What happens to plugins, in lines for a terminal."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from blackboard.server.plugin import News

__all__ = ["clock_time", "error_line", "news_lines"]

_MARKS: Final = {"loaded": "+", "reloaded": "~", "retired": "-"}


def news_lines(news: News) -> list[str]:
    """Return what happened to a plugin, one line per source, or what is wrong with it."""
    if news.error:
        return [error_line(news.error, news.serving_since)]
    mark = _MARKS[news.kind]
    if news.kind == "retired":
        return [f"  {mark} {each.source}  {news.plugin} has it no more" for each in news.sources]
    return [
        f"  {mark} {each.source}  when {each.trigger} → {', '.join(each.produces) or 'anything'}"
        for each in news.sources
    ]


def error_line(error: str, serving_since: float | None) -> str:
    """Return what is wrong with a plugin: `! deploy_correlator.py:31 SyntaxError: …`.

    Args:
        error: What its worker said, which begins with the path of the file.
        serving_since: When the version that goes on began to serve, in seconds since 1970.
    """
    place, colon, rest = error.partition(": ")
    shown = f"{Path(place).name} {rest}" if colon else error
    going_on = "" if serving_since is None else f", still running the version of {clock_time(serving_since)}"
    return f"  {click.style('!', fg='red')} {shown}{going_on}"


def clock_time(seconds: float) -> str:
    """Return a time of day, as people here say it."""
    return time.strftime("%H:%M", time.localtime(seconds))
