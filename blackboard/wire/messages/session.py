"""Messages about the session itself: who speaks, and with what rights."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from pydantic import Field

from blackboard.wire.messages.base import Items, Message, Name

__all__ = [
    "PROTOCOL",
    "Durability",
    "HelloParams",
    "HelloResult",
    "PingParams",
    "PrincipalKind",
    "TokenIssueParams",
    "TokenIssueResult",
    "WireLimits",
]

PROTOCOL: Final = 1
"""Version of this protocol; a server refuses another one."""

PrincipalKind: TypeAlias = Literal["person", "agent", "system"]
Durability: TypeAlias = Literal["full", "relaxed", "memory"]


class HelloParams(Message):
    """The first message of every connection."""

    protocol: int = Field(description="Version of the protocol that the client speaks: 1.")
    client: str = Field(max_length=200, description="Name and version of the client program, for people.")
    token: str | None = Field(
        default=None, max_length=4_000, description="Secret that says who speaks; see `blackboard token`."
    )
    agent: Name | None = Field(
        default=None,
        description=(
            "Stable name of this agent instance. Who reconnects under the same name resumes its leases; "
            "left out, the server makes one up."
        ),
    )


class WireLimits(Message):
    """The limits a client has to keep; bytes, milliseconds and counts."""

    message_bytes_max: int = Field(description="Largest message in bytes.")
    json_depth_max: int = Field(description="Deepest nesting of a message's objects and arrays.")
    batch_contributions_max: int = Field(description="Most contributions in one batch.")
    connection_inflight_max: int = Field(description="Most unanswered requests of one connection.")
    credits_max: int = Field(description="Most activations that one connection may take at a time.")
    read_entries_max: int = Field(description="Most items in one answer.")
    subscriptions_per_connection_max: int = Field(description="Most subscriptions of one connection.")
    ping_interval_ms: int = Field(description="How often the server pings an idle connection.")
    ping_deadline_ms: int = Field(description="How long it waits for the pong before it closes.")


class HelloResult(Message):
    """The session is open."""

    server: str = Field(description="Name of the server program: `blackboard`.")
    version: str = Field(description="Version of the server program.")
    protocol: int = Field(description="Version of the protocol that is spoken from now on.")
    principal: str = Field(description="As whom the token authenticated this connection.")
    kind: PrincipalKind = Field(description="A person steers, an agent contributes.")
    agent: str = Field(description="Name of this agent instance.")
    durability: Durability = Field(
        description="A change is acknowledged: `full` once synced, `relaxed` once written, `memory` at once."
    )
    limits: WireLimits = Field(description="What the client has to keep to.")


class PingParams(Message):
    """Ask whether the server answers."""


class TokenIssueParams(Message):
    """Ask for a token for someone else."""

    name: Name = Field(description="Name of the principal whom the token stands for.")
    kind: Literal["person", "agent"] = Field(description="A person steers, an agent contributes.")
    scopes: Items[str] = Field(
        default=(),
        description="Boards that the token reaches, each as `board:NAME`; empty for all of them.",
    )


class TokenIssueResult(Message):
    """The token; it is shown this once."""

    token: str = Field(description="The secret to pass to `session.hello`.")
