"""Every command on a real server: its happy path, and `--json` that parses."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.e2e.processes import command
from tests.server.talk import WORD, talking


def test_boards_lists_them(cli: Run) -> None:
    ran = cli("boards")
    assert ran.code == 0
    rows = {line.split()[0]: line.split()[1:] for line in ran.out.splitlines()}
    assert rows["work"][0] == "open"
    assert rows["work"][-1] == "words"
    assert {"default", "quiet"} < set(rows)


def test_post_says_the_number_and_takes_standard_input(cli: Run) -> None:
    first = cli("post", "Word", '{"n":1}', "--board", "quiet", "--note", "hi", "--confidence", "0.5")
    assert (first.code, first.err) == (0, "")
    number = int(first.out.split()[0].removeprefix("#"))
    second = cli(
        *("post", "Word", "-", "--board", "quiet", "--because", str(number), "--json"), given='{"n":2}'
    )
    assert json.loads(second.out)["entries"] == [number + 1]
    why = json.loads(cli("why", str(number + 1), "--board", "quiet", "--json").out)
    assert [(each["kind"], each["target"]) for each in why["edges"]] == [("because", number)]


def test_post_repeated_under_its_id_happens_once(cli: Run) -> None:
    post = ("post", "Word", '{"n":3}', "--board", "quiet", "--id", "once", "--json")
    first, second = json.loads(cli(*post).out), json.loads(cli(*post).out)
    assert second == first | {"repeated": True}
    ran = cli("post", "Word", '{"n":4}', "--board", "quiet", "--id", "once")
    assert ran.code == 1
    assert "command_id" in ran.err


async def test_watch_follows_a_board_until_it_ends(place: tuple[Path, str], cli: Run) -> None:
    """The past, then live; one line per event; `--until-ended` leaves with the outcome."""
    folder, url = place
    token = cli("token").out.strip()
    async with talking(url, token=token) as talk:
        await talk.call("board.open", board="watched", types=[WORD])
        await talk.call("entry.post", board="watched", type="Word", data={"n": 1}, note="past")
        shown = command("watch", "watched", "--until-ended", "--url", url, folder=folder)
        parsed = command("watch", "watched", "--until-ended", "--json", "--url", url, folder=folder)
        async with shown as people, parsed as programs:
            await people.until_said("past")
            await talk.call("entry.post", board="watched", type="Word", data={"n": 2}, note="present")
            await talk.call("board.cancel", board="watched", reason="seen enough")
            assert await people.code() == 0
            assert await programs.code() == 0
            words = [line.split(maxsplit=1)[1] for line in people.said.splitlines()]
            assert ["past" in words[1], "present" in words[2]] == [True, True]
            assert words[-1].startswith("cancelled: ")
            assert "seen enough" in words[-1]
            records = [json.loads(line) for line in programs.said.splitlines()]
            assert [each["revision"] for each in records] == list(range(1, len(records) + 1))
            assert records[-1]["event"]["event"] == "board_ended"


def test_why_draws_the_reasons(cli: Run) -> None:
    ran = cli("why", "2", "--board", "work")
    assert ran.code == 0
    assert "supported by #1" in ran.out


def test_agenda_shows_what_runs_and_what_waits_for_what(cli: Run) -> None:
    ran = cli("agenda", "work")
    assert ran.code == 0
    header, first, *rest = ran.out.splitlines()
    assert header.split()[:3] == ["ACTIVATION", "SOURCE", "STATE"]
    states = {line.split()[2]: line for line in (first, *rest)}
    assert "busy" in states["leased"]
    assert "executable" in states
    assert "by busy" in states["leased"]
    only = json.loads(cli("agenda", "work", "--state", "leased", "--json").out)
    assert [each["lease"]["agent"] for each in only["activations"]] == ["busy"]


def test_agenda_of_a_quiet_board_says_so(cli: Run) -> None:
    assert cli("agenda", "quiet").out == (
        "Nothing runs or waits on quiet: 0 executed, 0 obviated, 0 cancelled.\n"
    )
    assert cli("agenda", "work", "--state", "dead").out == "No activation of work is dead.\n"


def test_agents_shows_who_works_and_all_of_them_on_demand(cli: Run) -> None:
    ran = cli("agents")
    assert ran.code == 0
    agents, _, sources = ran.out.partition("\n\n")
    assert [line.split()[:3] for line in agents.splitlines()[1:]] == [["busy", "live", "1/1"]]
    assert "when Word" in sources
    everyone = json.loads(cli("agents", "--all", "--json").out)
    assert len(everyone["agents"]) > 1
    assert "reader" in [each["source"] for each in everyone["sources"]]


def test_export_and_replay_agree(cli: Run, tmp_path: Path) -> None:
    file = tmp_path / "work.ndjson"
    ran = cli("export", "work", "--output", str(file))
    assert ran.code == 0
    assert f"events of work in {file}" in ran.err
    replayed = json.loads(cli("replay", str(file), "--json").out)
    assert replayed["entries"] == 2
    again = cli("replay", "-", given=cli("export", "work").out)
    assert f"state     {replayed['state']}" in again.out


def test_token_prints_the_local_one_and_issues_others(cli: Run, place: tuple[Path, str]) -> None:
    folder, _ = place
    file = folder / ".blackboard" / "token"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert cli("token").out == file.read_text()
    issued = json.loads(cli("token", "--issue", "worker", "--json").out)["token"]
    assert issued not in file.read_text()
    assert cli("boards", "--token", issued).code == 0
    assert cli("boards", BLACKBOARD_TOKEN=issued).code == 0


@pytest.mark.parametrize(
    "command", [("boards",), ("agenda", "work"), ("agents",), ("why", "1", "--board", "work"), ("token",)]
)
def test_json_is_one_line_that_parses(cli: Run, command: tuple[str, ...]) -> None:
    ran = cli(*command, "--json")
    assert (ran.code, ran.err) == (0, "")
    (line,) = ran.out.splitlines()
    found: Any = json.loads(line)
    assert isinstance(found, dict)
