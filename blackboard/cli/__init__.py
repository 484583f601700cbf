"""The command line: `blackboard COMMAND`. Each command lives in a module of its own, imported when used.

Exit codes: 0 ok, 1 failed, 2 wrong usage, 3 cannot reach the server, 4 refused by policy.
"""

from __future__ import annotations

import importlib
from typing import Final

import click

from blackboard.cli.failures import OK, guarded, hush

__all__ = ["main"]

_COMMANDS: Final = {
    "serve": "serve",
    "demo": "demo",
    "run": "run",
    "check": "check",
    "post": "post",
    "watch": "watch",
    "why": "why",
    "agenda": "agenda",
    "agents": "agents",
    "boards": "boards",
    "export": "log",
    "replay": "log",
    "token": "token",
}
"""Command names in the order of `--help`, and the module of each."""


class _Commands(click.Group):
    """Finds commands by name without importing the others."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order in which people meet them."""
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"blackboard.cli.{_COMMANDS[cmd_name]}")
        command = getattr(module, f"{cmd_name}_command")
        assert isinstance(command, click.Command), f"{cmd_name} is a command"
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, and suggest the nearest one where there is none of that name."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            near = difflib.get_close_matches(args[0], list(_COMMANDS), n=1)
            if near:
                raise click.UsageError(f"no command {args[0]!r}; did you mean {near[0]!r}?", ctx) from error
            raise

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; that the reader of its output is gone is no failure."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            hush()
            return OK

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands with their first lines, which are kept here so that `--help` imports none."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(_SUMMARIES.items()))


_SUMMARIES: Final = {
    "serve": "Run the server: boards, agents, the page.",
    "demo": "Watch independent sources find the cause of a simulated incident.",
    "run": "Run a file of knowledge sources as an agent.",
    "check": "Check plugin files, and say on what they will act.",
    "post": "Post an entry on a board.",
    "watch": "Follow a board, one readable line per event.",
    "why": "Show what an entry rests on, and what speaks against it.",
    "agenda": "Show what runs, what waits, and for what.",
    "agents": "Show the agents and the sources they work for.",
    "boards": "List the boards.",
    "export": "Write a board's log as NDJSON.",
    "replay": "Replay an exported log and print the hash of its state.",
    "token": "Print the local token, or issue one for an agent or a person.",
}


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="blackboard-server", prog_name="blackboard")
def _root() -> None:
    """Independent agents solve a problem together on one shared, durable board.

    Start with `blackboard demo`, then `blackboard serve`.
    """


def main() -> None:
    """Run the command line and exit with its code."""
    guarded(_root)
