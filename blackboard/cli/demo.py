"""`blackboard demo`: independent sources find the cause of a simulated incident, each in its own process.

It is composed of ordinary parts: a server on a free port, one worker process per source, and a client that
posts the case and reads the answer. With `--data` the board is kept, and a demo that was killed goes on.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from blackboard.cli.output import belief_bar, print_json
from blackboard.cli.serve import run, wait_for_end

if TYPE_CHECKING:
    from blackboard_sources.incident.diagnosis import Diagnosis
    from blackboard_sources.incident.simulate import Simulated

    from blackboard.authoring import Entry
    from blackboard.client import Board, Session, WhyEdge
    from blackboard.server.app import Server

__all__ = ["demo_command"]

SECONDS_MAX = 60.0
RANKED = 4
"""How many suspects are shown."""
EVIDENCE = 4
"""How many items of evidence are shown for a suspect."""


@click.command("demo")
@click.option("--seed", type=int, default=7, show_default=True, help="Which incident; every seed is another.")
@click.option("--serve", "stay", is_flag=True, help="Stay up afterwards, to look at the board in a browser.")
@click.option(
    "--data", type=click.Path(file_okay=False, path_type=Path), help="Keep the board here; resumes."
)
@click.option("--port", type=click.IntRange(0, 65_535), default=0, help="Port of the server. [a free one]")
@click.option("--json", "json_", is_flag=True, help="Last line: one object with outcome, answer, evidence.")
def demo_command(*, seed: int, stay: bool, data: Path | None, port: int, json_: bool) -> None:
    """Watch independent sources find the cause of a simulated incident.

    Fifteen knowledge sources, each in its own process, see only the telemetry on the board. No API key, no
    network; the board is an SQLite file in a temporary folder, or in --data.
    """
    is_kept = data is not None
    with ExitStack() as stack:
        if data is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="blackboard-demo-"))
            data = Path(folder)
        result = run(_demo(seed=seed, stay=stay, data=data, is_kept=is_kept, port=port, quiet=json_))
    if json_:
        print_json(result)
    if result["outcome"] != "solved":
        sys.exit(1)


async def _demo(
    *, seed: int, stay: bool, data: Path, is_kept: bool, port: int, quiet: bool
) -> dict[str, Any]:
    from blackboard_sources.incident.simulate import simulate

    from blackboard.client import open_session
    from blackboard.config import Config
    from blackboard.server.app import Server
    from blackboard.server.workers import WorkerSupervisor

    started = time.monotonic()
    say = _Voice(quiet=quiet, started=started)
    simulated = simulate(random.Random(seed))  # noqa: S311 - a seed makes the same incident again
    config = Config(port=port, data_dir=str(data), sources_dir="", default_board="")
    async with Server(config) as server:
        workers = WorkerSupervisor(_commands(server), environ=os.environ)
        workers.start()
        try:
            async with open_session(server.url, token=server.token, name="blackboard-demo") as session:
                say.opening(simulated, server, len(_commands(server)), is_kept=is_kept)
                board = await _diagnose(session, simulated, seed, say)
                result = await _report(board, simulated, say)
        finally:
            await workers.stop()
        result["seconds"] = round(time.monotonic() - started, 2)
        say.line(f"\n{result['activations']} activations, {result['seconds']} s")
        if stay:
            say.line(f"\nThe board is at {server.page_url}   Ctrl-C stops the server.")
            await wait_for_end(server)
    return result


def _commands(server: Server) -> dict[str, list[str]]:
    from blackboard_sources.incident.sources import MODULES

    return {
        module: [
            *(sys.executable, "-m", "blackboard_sources.worker"),
            *("--url", server.url, "--token-file", str(server.token_file.absolute())),
            *("--module", f"blackboard_sources.incident.sources.{module}"),
            *("--agent", module.replace("_", "-"), "--log-level", "ERROR"),
        ]
        for module in MODULES
    }


async def _diagnose(session: Session, simulated: Simulated, seed: int, say: _Voice) -> Board:
    """Post the case once every source is there, and follow the board until it has its outcome."""
    from blackboard_sources.incident.diagnosis import open_case
    from blackboard_sources.incident.sources import MODULES

    async with asyncio.timeout(SECONDS_MAX):
        names = {module.replace("_", "-") for module in MODULES}
        while True:
            agents = (await session.request("agent.list", {}))["agents"]
            ready = {each["agent"] for each in agents if each["connected"] and each["sources"]}
            if names <= ready:
                break
            await asyncio.sleep(0.05)
        board = await open_case(session, f"incident-{seed}", simulated.incident)
        async for change in board.watch(after=0):
            if say.follow(change):
                return board
    raise AssertionError("a watch ends only with its session")


class _Voice:
    """What the demo says while it runs; silent with `--json`."""

    def __init__(self, *, quiet: bool, started: float) -> None:
        self._quiet = quiet
        self._started = started
        self._types: dict[int, tuple[str, str]] = {}
        self._counts: dict[str, int] = {}

    def line(self, text: str) -> None:
        """Say one line."""
        if not self._quiet:
            click.echo(text)

    def opening(self, simulated: Simulated, server: Server, sources: int, *, is_kept: bool) -> None:
        """Say what is to be found out."""
        kept = "" if is_kept else ", removed at the end; --data DIR keeps it"
        target = simulated.incident.target
        services = len(simulated.incident.topology.services)
        question = f"Which of {services} services made {target.metric} of {target.service} break its target?"
        self.line(click.style(question, bold=True))
        self.line(
            f"  {sources} sources, each in its own process; they see only the board, on {server.url}\n"
            f"  on disk in {server.config.data_path / 'board.db'}{kept}\n"
        )

    def follow(self, change: Any) -> bool:
        """Say what a change put on the board; tell whether it ended the board."""
        from blackboard.core import events as ev

        for record in change.records:
            event = record.event
            match event:
                case ev.EntryPosted():
                    self._posted(event.entry, event.type, event.data, event, change)
                case ev.EntriesLinked(kind="refutes"):
                    source, target = self._types.get(event.source), self._types.get(event.target)
                    if source is not None and target is not None and target[0] != "Anomaly":
                        self._say(change, f"{event.author}: {target[1]} is doubted, {event.reason}")
                case ev.QuiescenceSignalled():
                    counts = ", ".join(f"{count} {name}" for name, count in self._counts.items())
                    self._say(change, f"nothing left to do ({counts}); who waits for that gets a chance")
                case ev.BoardEnded():
                    self._say(change, click.style(f"{event.outcome}: {event.reason}", bold=True))
                    return True
                case _:
                    pass
        return False

    def _posted(self, number: int, kind: str, data: dict[str, Any], event: Any, change: Any) -> None:
        what = str(data.get("service", ""))
        aspect = data.get("aspect") or data.get("kind") or data.get("about") or ""
        self._types[number] = (kind, f"{what} {aspect}".strip())
        self._counts[kind] = self._counts.get(kind, 0) + 1
        if kind in {"Anomaly", "ServiceFault", "RootCause", "Verdict"}:
            belief = change.beliefs.get(number, event.confidence)
            text = f"{event.author}: {kind} {what} {aspect}".rstrip()
            note = f"  {event.note}" if event.note else ""
            self._say(change, f"{text}  {belief:.2f}{note}", number=number)

    def _say(self, change: Any, text: str, *, number: int | None = None) -> None:
        del change
        mark = click.style(f"#{number:<4}" if number is not None else "     ", fg="cyan")
        stamp = click.style(f"{time.monotonic() - self._started:6.2f} s", dim=True)
        self.line(f"{stamp}  {mark} {text}")


async def _report(board: Board, simulated: Simulated, say: _Voice) -> dict[str, Any]:
    """Show the ranking with its evidence, and return all of it for programs."""
    from blackboard_sources.incident.diagnosis import read_diagnosis

    diagnosis = await read_diagnosis(board)
    evidence = {
        name: await _evidence(board, number) for name, number in list(diagnosis.causes.items())[:RANKED]
    }
    agenda = await board.session.request(
        "agenda.list", {"board": board.name, "state": "executed", "limit": 10_000}
    )
    executed = len(agenda["activations"])
    say.line(click.style("\nSuspects, by belief", bold=True))
    for place, (name, items) in enumerate(evidence.items(), 1):
        belief = diagnosis.beliefs[name]
        say.line(f"{place}. {belief_bar(belief)} {belief:.2f}  {click.style(name, bold=place == 1)}")
        for item in items[:EVIDENCE]:
            sign = "+" if item["for"] else click.style("-", fg="red")
            say.line(f"     {sign} {item['strength']:.2f}  {item['author']}: {item['reason']}")
        if len(items) > EVIDENCE:
            say.line(click.style(f"       and {len(items) - EVIDENCE} more", dim=True))
    _conclude(diagnosis, simulated, say)
    return {
        "outcome": diagnosis.outcome,
        "answer": diagnosis.answer,
        "confidence": round(diagnosis.confidence, 4),
        "evidence": evidence.get(diagnosis.answer or "", []),
        "ranking": list(diagnosis.ranking),
        "beliefs": diagnosis.beliefs,
        "truth": simulated.root_cause,
        "fault": simulated.fault,
        "board": board.name,
        "activations": executed,
        "entries": (await board.get()).entries,
        "reason": diagnosis.reason,
    }


async def _evidence(board: Board, cause: int) -> list[dict[str, Any]]:
    """Return what speaks for and against a root cause, two steps deep, strongest first."""
    why = await board.why(cause, depth=3)
    faults = {edge.source for edge in why.edges if edge.target == cause and edge.kind == "supports"}
    items = [
        {
            "for": edge.kind == "supports",
            "strength": round(edge.weight * why.nodes[edge.source].belief, 4),
            "author": _witness(edge, why.nodes[edge.source]),
            "reason": edge.reason or why.nodes[edge.source].note,
            "entry": edge.source,
        }
        for edge in why.edges
        if edge.kind in {"supports", "refutes"} and (edge.target == cause or edge.target in faults)
    ]
    return sorted(items, key=lambda item: (-float(item["strength"]), int(item["entry"])))


def _witness(edge: WhyEdge, evidence: Entry[Any]) -> str:
    """Return whose judgement a link hands on: its drawer's own, or that of the evidence it starts at."""
    return evidence.author if edge.reason in {"", evidence.note} else edge.author


def _conclude(diagnosis: Diagnosis, simulated: Simulated, say: _Voice) -> None:
    answer = diagnosis.answer or "no service stands out"
    say.line(
        f"\n{click.style('Answer', bold=True)}  {click.style(answer, bold=True)}, "
        f"confidence {diagnosis.confidence:.2f}"
    )
    right = "right" if diagnosis.answer == simulated.root_cause else "wrong"
    say.line(f"Truth   {simulated.root_cause}, {simulated.fault} (the sources could not see it): {right}")
