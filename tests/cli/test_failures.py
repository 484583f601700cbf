"""How commands fail: one line that says what to do, and an exit code that a script can tell apart."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from blackboard.cli import _COMMANDS, _SUMMARIES
from blackboard.cli.failures import exit_code_of, told
from blackboard.core.errors import BlackboardError
from tests.cli.conftest import Run, run_command
from tests.e2e.processes import BLACKBOARD, command, environment, free_port

FAILED, USAGE, UNREACHABLE, POLICY = 1, 2, 3, 4

REFUSED: dict[str, tuple[tuple[str, ...], int, str]] = {
    "unknown board": (("agenda", "wrok"), FAILED, "there is no board 'wrok'"),
    "unknown entry": (("why", "99", "--board", "work"), FAILED, "no entry #99"),
    "unknown type": (("post", "Wrod", "{}", "--board", "work"), FAILED, "'Wrod'"),
    "data against its schema": (("post", "Word", '{"n":"x"}', "--board", "work"), FAILED, "/n"),
    "bad JSON": (("post", "Word", "{n:1}"), USAGE, "write an object in single quotes"),
    "JSON that is no object": (("post", "Word", "[1]"), USAGE, "expected an object"),
    "misspelt command": (("psot",), USAGE, "did you mean 'post'?"),
    "unknown command": (("frobnicate",), USAGE, "No such command 'frobnicate'"),
    "missing argument": (("post", "Word"), USAGE, "Missing argument 'JSON'"),
    "unknown option": (("boards", "--jason"), USAGE, "No such option"),
    "confidence beyond 1": (("post", "Word", "{}", "--confidence", "2"), USAGE, "0<=x<=1"),
    "unknown state": (("agenda", "work", "--state", "sleeping"), USAGE, "sleeping"),
    "file that is not there": (("replay", "nowhere.ndjson"), USAGE, "nowhere.ndjson"),
    "sources that are not there": (("run", "nowhere.py"), USAGE, "nowhere.py"),
    "wrong token": (("boards", "--token", "wrong"), POLICY, "`blackboard token` prints the local one"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_command_says_why_on_one_line(cli: Run, name: str) -> None:
    arguments, code, words = REFUSED[name]
    ran = cli(*arguments)
    assert (ran.code, ran.out) == (code, "")
    assert words in ran.err
    (line,) = [each for each in ran.err.splitlines() if each.lower().startswith("error: ")]
    assert ".." not in line.replace("...", "")


def test_agent_s_token_may_not_issue_tokens(cli: Run) -> None:
    issued = cli("token", "--issue", "helper").out.strip()
    ran = cli("token", "--issue", "another", "--token", issued)
    assert ran.code == POLICY
    assert "only a person" in ran.err


@pytest.mark.parametrize("words", [("boards",), ("post", "Word", "{}"), ("watch",), ("agents",)])
def test_no_server_is_exit_code_3_and_says_how_to_start_one(tmp_path: Path, words: tuple[str, ...]) -> None:
    url = f"ws://127.0.0.1:{free_port()}/v1"
    ran = run_command(*words, "--url", url, folder=tmp_path)
    assert (ran.code, ran.out) == (UNREACHABLE, "")
    assert f"cannot reach {url}" in ran.err
    assert "blackboard serve" in ran.err


def test_token_without_a_server_ever_started_is_refused(tmp_path: Path) -> None:
    ran = run_command("token", folder=tmp_path)
    assert ran.code == POLICY
    assert "start `blackboard serve` in this folder" in ran.err


@pytest.mark.parametrize("line", ["", "{}", '{"blackboard_log":1}', '{"blackboard_log":2,"board":"b"}', "x"])
def test_replay_of_what_is_no_export_is_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "file").write_text(line + "\n")
    ran = run_command("replay", "file", folder=tmp_path)
    assert (ran.code, ran.out) == (FAILED, "")
    assert "line 1" in ran.err


SETTINGS: dict[str, tuple[dict[str, str], str, str]] = {
    "variable": ({"BLACKBOARD_PORT": "many"}, "", "BLACKBOARD_PORT: port is 'many'; expected int"),
    "file": ({}, "prot = 1\n", "no setting 'prot'"),
    "broken file": ({}, "port = \n", "blackboard.toml"),
    "limit": ({"BLACKBOARD_LIMITS_CREDITS_MAX": "0"}, "", "expected 1 or more"),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_wrong_setting_is_named_with_where_it_came_from(tmp_path: Path, name: str) -> None:
    variables, text, words = SETTINGS[name]
    (tmp_path / "blackboard.toml").write_text(text)
    ran = run_command("serve", "--port", "0", folder=tmp_path, **variables)
    assert (ran.code, ran.out) == (USAGE, "")
    assert words in ran.err


def test_broken_source_file_is_named_with_its_line(cli: Run, tmp_path: Path) -> None:
    file = tmp_path / "broken.py"
    file.write_text("x = (\n")
    ran = cli("run", str(file))
    assert ran.code == FAILED
    assert "broken.py:1" in ran.err


def test_output_into_a_closed_pipe_ends_quietly(place: tuple[Path, str]) -> None:
    folder, url = place
    line = f"{BLACKBOARD} export work | head -c 1"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}"],
        cwd=folder,
        env=environment(BLACKBOARD_URL=url),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "{", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_interrupted_commands_end_without_a_word_too_much(
    place: tuple[Path, str], number: signal.Signals
) -> None:
    """`watch` and `run` that are asked to end do so; only `watch` was cut short."""
    folder, url = place
    file = folder / "sources.py"
    file.write_text(SOURCE)
    async with (
        command("watch", "work", "--url", url, folder=folder) as watch,
        command("run", str(file), "--board", "quiet", "--url", url, folder=folder) as run,
    ):
        await watch.until_said("Word")
        await run.until_said("+ noter")
        for child in (watch, run):
            child.send(number)
        assert await watch.code() == (130 if number == signal.SIGINT else -number)
        assert await run.code() == 0
        assert watch.complained.strip() == ("interrupted" if number == signal.SIGINT else "")
        assert "Traceback" not in run.complained


SOURCE = """
from blackboard import Context, Entry, Hypothesis, knowledge_source

class Note(Hypothesis, level="note"):
    text: str

@knowledge_source
async def noter(ctx: Context, note: Entry[Note]) -> None:
    pass
"""


def test_every_command_has_its_help(tmp_path: Path) -> None:
    """The list of commands shows each with the first line of its own help."""
    assert list(_COMMANDS) == list(_SUMMARIES)
    root = run_command("--help", folder=tmp_path)
    assert root.code == 0
    for name, summary in _SUMMARIES.items():
        assert f"{name} " in root.out
        assert summary in root.out


@pytest.mark.parametrize("name", _COMMANDS)
def test_help_of_a_command(name: str, tmp_path: Path) -> None:
    ran = run_command(name, "--help", folder=tmp_path)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"Usage: blackboard {name}")


def test_message_that_is_a_sentence_brings_its_own_advice() -> None:
    assert told(BlackboardError("invalid_settings", "port 1 is in use. Pass --port 0.")).endswith("--port 0.")
    assert told(BlackboardError("unknown_entry", "no entry 9")) == (
        "no entry 9. List the entries with entry.list."
    )


def test_unlisted_errors_are_failures() -> None:
    assert exit_code_of(BlackboardError("log_corrupt", "x")) == FAILED
    assert exit_code_of(BlackboardError("connection_lost", "x")) == UNREACHABLE
