"""What happens to plugins, in lines for a terminal."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from blackboard.server.plugin import News

__all__ = ["clock_time", "news_lines", "short_error"]

_MARKS: Final = {"loaded": "+", "reloaded": "~", "retired": "-"}


def news_lines(news: News, folder: str) -> list[str]:
    """Return what happened to a plugin, one line per source, or what is wrong with it."""
    if news.error:
        going_on = ""
        if news.serving_since is not None:
            going_on = f", still running the version of {clock_time(news.serving_since)}"
        return [f"  {click.style('!', fg='red')} {short_error(news.error, folder)}{going_on}"]
    mark = _MARKS[news.kind]
    if news.kind == "retired":
        return [f"  {mark} {each.source}  {news.plugin} has it no more" for each in news.sources]
    return [
        f"  {mark} {each.source}  when {each.trigger} → {', '.join(each.produces) or 'anything'}"
        for each in news.sources
    ]


def clock_time(seconds: float) -> str:
    """Return a time of day, as people here say it."""
    return time.strftime("%H:%M", time.localtime(seconds))


def short_error(error: str, folder: str) -> str:
    """Return an error of a plugin without its folder: `deploy_correlator.py:31 SyntaxError: …`."""
    text = error.replace(f"{Path(folder)}{os.sep}", "")
    return re.sub(r"^(\S+\.py:\d+): ", r"\1 ", text)
