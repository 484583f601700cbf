"""Durable, validated posts per second, and how long one takes, against the baselines in the same run.

Run `python -m tests.bench.bench_posts [--seconds 5] [--rounds 3]` from the top of the project. A server runs
on one core, the load generator on another; the servers take turns in every round, and medians are compared,
since the disk and the neighbours of the hour decide more than the code does. A post is 300 bytes. On our
server it is authenticated, carries its own `command_id`, is validated against the type's JSON Schema,
judged by the engine, matched against a thousand registered triggers (one post in ninety fires one), and
acknowledged once it is on disk (`synchronous=FULL`). Afterwards the rows in the file are counted: not one
that was acknowledged may be missing.

It prints a table, and one line of JSON with the ratios to which docs/performance.md refers. The ratios by
processor time tell how much work a server does for a post; they hold on a machine that is busy with other
things, where posts per second say little.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterable
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from blackboard.server.app import DATABASE_FILE
from blackboard.server.auth import TOKEN_FILE
from blackboard.server.http import PATH
from tests.bench.baselines import DATABASE, SCHEMA, TRIGGERS
from tests.bench.load import NUMBER, Figures, Link, Template, generate

POST_BYTES: Final = 300

OUR_POST: Final = Template(
    f'{{"jsonrpc":"2.0","id":1{NUMBER},"method":"entry.post","params":{{"board":"bench",'
    f'"command_id":"{NUMBER}","type":"symptom","data":{{"service":"service-####","severity":##,'
    '"summary":"~"},"confidence":0.73}}',
    POST_BYTES,
)
THEIR_POST: Final = Template(
    f'{{"op":"post","id":"{NUMBER}","board":"bench","type":"symptom","level":"signal","confidence":0.73,'
    '"source":"ks.log-analyzer","refs":["h-1029","h-1044"],"data":{"service":"service-####","severity":##,'
    '"summary":"~"}}',
    POST_BYTES,
)


class Job(NamedTuple):
    """So many clients, each with so many messages in flight."""

    clients: int
    window: int

    def __str__(self) -> str:
        return f"{self.clients} x {self.window}"


ONE: Final = Job(1, 1)
EIGHT: Final = Job(8, 8)
MANY: Final = Job(64, 16)

JOBS: Final[dict[str, tuple[Job, ...]]] = {
    "ours": (ONE, EIGHT, MANY),
    "minimal": (ONE, EIGHT, MANY),
    "naive": (EIGHT, MANY),
    "synced": (ONE,),
    "echo": (ONE, EIGHT, MANY),
}


@contextmanager
def pinned(core: int) -> Generator[None]:
    """Start processes on one core; we ourselves return to where we were."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def server(name: str, folder: Path, core: int) -> Generator[tuple[int, int]]:
    """Run a server on `core`; yields its process id and its port."""
    if name == "ours":
        options = ["--port", "0", "--data-dir", str(folder), "--sources-dir", ""]
        command = ["-c", "from blackboard.cli import main; main()", "serve", *options]
    else:
        command = ["-m", "tests.bench.baselines", name, str(folder)]
    with pinned(core):
        process = subprocess.Popen(
            [sys.executable, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
    assert process.stdout is not None, "its output is a pipe"
    try:
        yield process.pid, _port_of(process.stdout)
    finally:
        process.terminate()
        process.communicate(timeout=20)


def _port_of(lines: Iterable[str]) -> int:
    for line in lines:
        if line.strip().isdecimal():
            return int(line)
        if "ws://" in line:
            return int(line.partition("ws://")[2].partition("/")[0].rpartition(":")[2])
    raise RuntimeError("the server ended before it said its port")


def connect(name: str, port: int, folder: Path, count: int) -> list[Link]:
    """Open `count` connections, ready to post."""
    if name != "ours":
        return [Link(port) for _ in range(count)]
    token = (folder / TOKEN_FILE).read_text().strip()
    return [_session(port, token) for _ in range(count)]


def _session(port: int, token: str) -> Link:
    link = Link(port, PATH)
    link.ask("session.hello", {"protocol": 1, "client": "bench", "token": token})
    return link


def prepare(port: int, folder: Path) -> None:
    """Open the board and register the triggers; the agent that does so leaves again."""
    link = _session(port, (folder / TOKEN_FILE).read_text().strip())
    kind = {"name": "symptom", "level": "signal", "schema": SCHEMA}
    link.ask("board.open", {"board": "bench", "types": [kind]})
    for number in range(TRIGGERS):
        conditions = [
            {"is": "compare", "path": "/service", "op": "==", "value": f"service-{number:04d}"},
            {"is": "compare", "path": "/severity", "op": ">=", "value": 99},
        ]
        pattern = {"variable": "seen", "type": "symptom", "conditions": conditions}
        source = {"name": f"source-{number}", "trigger": {"patterns": [pattern]}}
        link.ask("source.register", {"source": source, "boards": ["bench"]})
    link.close()


class Run(NamedTuple):
    """What the generator saw, and the processor time that the server took for one post, in microseconds."""

    seen: Figures
    cpu_us: float


def cpu_seconds(process: int) -> float:
    """Return the processor time that a process has used, in all its threads."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(name: str, seconds: float, folder: Path, cores: tuple[int, int]) -> dict[Job, Run]:
    """Run all jobs of one server, each with its own connections."""
    runs: dict[Job, Run] = {}
    template = OUR_POST if name == "ours" else THEIR_POST
    with server(name, folder, cores[0]) as (process, port), pinned(cores[1]):
        if name == "ours":
            prepare(port, folder)
        first = 0
        for job in JOBS[name]:
            links = connect(name, port, folder, job.clients)
            before = cpu_seconds(process)
            seen = generate(links, template, first=first, window=job.window, seconds=seconds)
            runs[job] = Run(seen, (cpu_seconds(process) - before) / seen.answered * 1e6)
            first += seen.answered
            for link in links:
                link.close()
    _check_rows(name, folder, first)
    return runs


def _check_rows(name: str, folder: Path, acknowledged: int) -> None:
    """Every acknowledged post is in the file, once."""
    queries = {
        "ours": (DATABASE_FILE, "SELECT count(*) FROM event WHERE data IS NOT NULL"),
        "minimal": (DATABASE, "SELECT count(*) FROM post"),
        "naive": (DATABASE, "SELECT count(*) FROM post"),
    }
    if name in queries:
        file, query = queries[name]
        with closing(sqlite3.connect(folder / file)) as connection:
            kept = connection.execute(query).fetchone()[0]
        assert kept == acknowledged, f"{name} acknowledged {acknowledged} posts and kept {kept}"


def report(runs: dict[tuple[str, Job], list[Run]]) -> dict[str, object]:
    """Print medians, and return them with the ratios between them."""
    rate = {key: median(each.seen.rate for each in all_runs) for key, all_runs in runs.items()}
    p50 = {key: median(each.seen.p50_ms for each in all_runs) for key, all_runs in runs.items()}
    p99 = {key: median(each.seen.p99_ms for each in all_runs) for key, all_runs in runs.items()}
    cpu = {key: median(each.cpu_us for each in all_runs) for key, all_runs in runs.items()}
    for key, value in rate.items():
        name, job = key
        sys.stdout.write(
            f"{name:8} {job!s:>8} {value:>10,.0f}/s   p50 {p50[key]:8.2f} ms   p99 {p99[key]:8.2f} ms"
            f"   processor {cpu[key]:6.1f} us a post\n"
        )
    ratios: dict[str, float] = {}
    for job in (EIGHT, MANY):
        for name in ("minimal", "naive"):
            if (name, job) in rate:
                ratios[f"{job} to {name}"] = round(rate["ours", job] / rate[name, job], 2)
                ratios[f"{job} to {name}, by processor time"] = round(cpu[name, job] / cpu["ours", job], 2)
    if ("synced", ONE) in p50:
        ratios["p50 of one to echo and sync"] = round(p50["ours", ONE] / p50["synced", ONE], 2)
    return {
        "ratios": ratios,
        "posts_per_second": {f"{name} {job}": round(value) for (name, job), value in rate.items()},
        "p50_ms": {f"{name} {job}": round(value, 3) for (name, job), value in p50.items()},
        "p99_ms": {f"{name} {job}": round(value, 3) for (name, job), value in p99.items()},
        "cpu_us": {f"{name} {job}": round(value, 1) for (name, job), value in cpu.items()},
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 1),
        "python": sys.version.split()[0],
        "sqlite": sqlite3.sqlite_version,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each job, after half a second")
    parser.add_argument("--rounds", type=int, default=3, help="of which the median counts")
    parser.add_argument("--only", nargs="*", choices=list(JOBS), default=list(JOBS), help="servers to run")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    assert len(cores) > 1, "the server and the load generator need a core each"
    runs: dict[tuple[str, Job], list[Run]] = {}
    for number in range(options.rounds):
        for name in options.only:
            with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder:
                for job, run in measure(name, options.seconds, Path(folder), (cores[0], cores[1])).items():
                    runs.setdefault((name, job), []).append(run)
        sys.stderr.write(f"round {number + 1} of {options.rounds}\n")
    sys.stdout.write(json.dumps(report(runs)) + "\n")


if __name__ == "__main__":
    main()
