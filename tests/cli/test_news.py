"""What happens to plugins reads well in a terminal."""

from __future__ import annotations

import time

from blackboard.cli.news import clock_time, error_line, news_lines
from blackboard.server.plugin import LoadedSource, News

ACT = LoadedSource("act", "Item(n >= 3)", ("Done",))
AT = time.mktime((2024, 5, 6, 10, 42, 0, 0, 0, -1))


def plain(line: str) -> str:
    return line.replace("\x1b[31m", "").replace("\x1b[0m", "")


def test_loaded_source_is_shown_with_its_trigger() -> None:
    other = LoadedSource("other", "board quiescent")
    assert news_lines(News("loaded", "act.py", (ACT, other))) == [
        "  + act  when Item(n >= 3) → Done",
        "  + other  when board quiescent → anything",
    ]
    assert news_lines(News("reloaded", "act.py", (ACT,))) == ["  ~ act  when Item(n >= 3) → Done"]
    assert news_lines(News("retired", "act.py", (ACT,))) == ["  - act  act.py has it no more"]


def test_refused_version_is_shown_with_what_goes_on() -> None:
    error = "plugins/act.py:31: SyntaxError: invalid syntax"
    (line,) = news_lines(News("refused", "act.py", error=error, serving_since=AT))
    assert plain(line) == "  ! act.py:31 SyntaxError: invalid syntax, still running the version of 10:42"
    (line,) = news_lines(News("refused", "act.py", error=error))
    assert plain(line) == "  ! act.py:31 SyntaxError: invalid syntax"


def test_error_without_a_place_stays_as_it_is() -> None:
    assert plain(error_line("two sources are called 'x'", None)) == "  ! two sources are called 'x'"


def test_time_is_that_of_the_wall() -> None:
    assert clock_time(AT) == "10:42"
