"""Messages about knowledge sources and the agents that work for them."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from blackboard.core.limits import DEFAULT_LIMITS
from blackboard.core.source import SourceDeclaration
from blackboard.wire.messages.base import AsCore, BoardName, Items, Message, Milliseconds, Name

__all__ = [
    "AgentCreditsParams",
    "AgentListParams",
    "AgentListResult",
    "AgentView",
    "PluginView",
    "SourceListParams",
    "SourceListResult",
    "SourceRegisterParams",
    "SourceRegisterResult",
    "SourceUnregisterParams",
    "SourceView",
    "SupervisedView",
]

DeclarationField: TypeAlias = Annotated[SourceDeclaration, AsCore("SourceDeclaration")]
Credits: TypeAlias = Annotated[int, Field(ge=0, le=DEFAULT_LIMITS.credits_max)]


class SourceRegisterParams(Message):
    """Declare a source; this connection becomes a worker of it."""

    source: DeclarationField = Field(description="What the source says of itself.")
    boards: Items[Name] | None = Field(
        default=None, description="Boards on which it is to act; left out: every board, also later ones."
    )
    replace: bool = Field(
        default=False,
        description="Supersede another trigger under the same name, instead of `source_conflict`.",
    )
    credits: Credits | None = Field(
        default=None,
        description="How many activations this connection takes at a time; left out: as before, or 1.",
    )


class SourceRegisterResult(Message):
    """The source is known, and this connection works for it."""

    source: str = Field(description="Name of the source.")
    trigger_hash: str = Field(description="Identity of its trigger; part of what fires once.")


class SourceUnregisterParams(Message):
    """This connection no longer works for the source; the source stays known."""

    source: Name = Field(description="Name of the source.")


class SourceListParams(Message):
    """Ask for the sources, of one board or of all."""

    board: BoardName | None = Field(default=None, description="Only sources enabled on this board.")


class SourceView(Message):
    """A source and who works for it."""

    source: str = Field(description="Name of the source.")
    declaration: DeclarationField = Field(description="What the source says of itself.")
    trigger: str = Field(description="The trigger in words.")
    trigger_hash: str = Field(description="Identity of the trigger.")
    boards: Items[str] | None = Field(
        default=None, description="Boards on which it acts; left out: every board."
    )
    agents: Items[str] = Field(description="Live agents that work for it.")


class SourceListResult(Message):
    """Sources in order of their registration."""

    sources: Items[SourceView] = Field(description="The sources.")


class AgentCreditsParams(Message):
    """Say how many activations this connection takes at a time; 0 takes none."""

    credits: Credits = Field(description="Most simultaneous leases.")


class AgentListParams(Message):
    """Ask for the agents."""


class AgentView(Message):
    """One agent instance."""

    agent: str = Field(description="Name of the agent instance.")
    principal: str = Field(description="As whom it authenticated.")
    client: str = Field(default="", description="Name and version of its program.")
    sources: Items[str] = Field(description="Sources that it works for.")
    credits: int = Field(description="Most activations that it takes at a time.")
    leases: int = Field(description="How many it holds now.")
    connected: bool = Field(description="Whether it is connected now.")
    since_ms: Milliseconds = Field(description="When it connected or left, milliseconds since 1970 (UTC).")


class PluginView(Message):
    """One plugin of the server: a file of its folder, or a module of an installed package."""

    plugin: str = Field(description="Name of the file or module.")
    state: Literal["starting", "serving", "stale", "failing"] = Field(
        description=(
            "`stale`: an older version serves, since the newest was refused; `failing`: none serves."
        )
    )
    sources: Items[str] = Field(description="Sources of the version that serves.")
    error: str = Field(default="", description="What is wrong with the newest version, with file and line.")
    restarts: int = Field(description="How often its process ended by itself and was started again.")
    since_ms: Milliseconds | None = Field(
        default=None, description="When the version that serves began to, milliseconds since 1970 (UTC)."
    )


class SupervisedView(Message):
    """One instance of a program that the server runs as an agent."""

    program: str = Field(description="Name of the program in the settings.")
    agent: str = Field(description="Name under which it is to connect.")
    state: Literal["starting", "connected", "waiting", "draining"] = Field(
        description="`waiting`: it ended and is started again after a while; `draining`: it is to end."
    )
    restarts: int = Field(description="How often it was started again.")
    exit_code: int | None = Field(default=None, description="With which code it ended last.")


class AgentListResult(Message):
    """Agents by name, and what the server knows of its plugins."""

    agents: Items[AgentView] = Field(description="The agents.")
    plugins: Items[PluginView] = Field(
        default=(), description="Plugins by name; shown to a person whose token has no scopes."
    )
    supervised: Items[SupervisedView] = Field(
        default=(), description="Agents that the server runs; shown like plugins."
    )
