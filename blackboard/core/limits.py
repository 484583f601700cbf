"""Named limits: every queue, message, cache and cascade is bounded by one of these.

A `Limits` value travels with the engine and the server; tests pass smaller ones.
"""

from __future__ import annotations

import msgspec

__all__ = ["DEFAULT_LIMITS", "INTEGER_MAX", "SERVER_LIMITS", "Limits"]

INTEGER_MAX = 2**53 - 1
"""Largest magnitude of an integer on the wire, so that every language can hold it."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The bounds of one server. Sizes are bytes, times milliseconds, the rest counts."""

    message_bytes_max: int = 1_048_576
    json_depth_max: int = 32
    name_chars_max: int = 200
    text_chars_max: int = 4_000
    batch_contributions_max: int = 256
    links_per_entry_max: int = 10_000
    premises_max: int = 1_000
    boards_max: int = 10_000
    types_per_board_max: int = 1_000
    sources_per_board_max: int = 100_000
    patterns_per_trigger_max: int = 12
    conditions_per_trigger_max: int = 64
    matches_per_change_max: int = 10_000
    candidates_per_change_max: int = 1_000_000
    agents_per_board_max: int = 10_000
    credits_max: int = 1_000
    belief_rounds_max: int = 16
    cascade_rounds_max: int = 1_000
    receipts_per_board_max: int = 1_000_000
    receipt_ms: int = 7 * 24 * 3_600_000
    inbox_requests_max: int = 10_000
    inbox_bytes_max: int = 67_108_864
    requests_per_batch_max: int = 512
    batch_bytes_max: int = 262_144
    batches_ahead_max: int = 4
    connections_max: int = 10_000
    connection_queue_bytes_max: int = 8_388_608
    connection_inflight_max: int = 1_024
    write_deadline_ms: int = 10_000
    hello_deadline_ms: int = 10_000
    ping_interval_ms: int = 20_000
    ping_deadline_ms: int = 20_000
    stop_deadline_ms: int = 10_000
    read_entries_max: int = 10_000
    subscriptions_per_connection_max: int = 64


DEFAULT_LIMITS = Limits()

SERVER_LIMITS = Limits(message_bytes_max=33_554_432, json_depth_max=DEFAULT_LIMITS.json_depth_max + 8)
"""What a client takes from its server: a commit comes whole, and wraps the data that was posted."""
