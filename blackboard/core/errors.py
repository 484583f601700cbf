"""The error catalogue: every refusal has a stable code, says whether a retry helps, and advises.

Owns `CATALOGUE`. Invariant: every `BlackboardError` carries a code that has a row there; the wire
protocol, the command line and the documentation read the same rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["CATALOGUE", "BlackboardError", "ErrorRow", "Rejected", "error_row"]


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """One kind of refusal.

    Args:
        number: JSON-RPC error number (server range -32000 … -32099, or a standard one).
        retryable: Whether repeating the same request later can succeed.
        advice: What the receiver should do, in one sentence.
    """

    number: int
    retryable: bool
    advice: str


CATALOGUE: Final[dict[str, ErrorRow]] = {
    # What came is not a request at all.
    "parse_error": ErrorRow(-32700, False, "Send one JSON object per text frame, UTF-8 encoded."),
    "invalid_request": ErrorRow(
        -32600, False, "Send a JSON-RPC 2.0 request object; batch arrays are refused."
    ),
    "unknown_method": ErrorRow(-32601, False, "Call one of the methods listed in docs/protocol.md."),
    "invalid_params": ErrorRow(
        -32602, False, "Correct the named parameter; the message says what is expected."
    ),
    "internal_error": ErrorRow(
        -32603, True, "This is a fault of the server; repeat with the same command_id."
    ),
    # Who asks.
    "hello_required": ErrorRow(-32001, False, "Send session.hello with a token first."),
    "unauthorized": ErrorRow(-32002, False, "Pass a valid token; `blackboard token` prints the local one."),
    "forbidden": ErrorRow(-32003, False, "Ask for a token that carries the named scope."),
    # What is named does not exist or exists already.
    "unknown_board": ErrorRow(-32010, False, "List the boards with board.list, or open one with board.open."),
    "unknown_type": ErrorRow(-32011, False, "Define the type with type.define before posting it."),
    "unknown_entry": ErrorRow(-32012, False, "List the entries with entry.list."),
    "unknown_source": ErrorRow(-32013, False, "Register the source with source.register first."),
    "unknown_activation": ErrorRow(-32014, False, "List the activations with agenda.list."),
    "unknown_level": ErrorRow(
        -32015, False, "Use one of the levels of this board, or leave its levels open."
    ),
    "board_exists": ErrorRow(-32016, False, "Choose another board name, or use the board that is there."),
    # What is proposed contradicts what is there.
    "type_conflict": ErrorRow(-32020, False, "Give the changed type another name; types are not redefined."),
    "schema_violation": ErrorRow(-32021, False, "Correct the data at the named path."),
    "invalid_schema": ErrorRow(-32022, False, "Send a JSON Schema (draft 2020-12) that describes an object."),
    "version_conflict": ErrorRow(-32023, False, "Read the entry again and revise its present version."),
    "identity_conflict": ErrorRow(-32024, False, "Make the fields agree, or name a merge rule in the type."),
    "id_conflict": ErrorRow(-32025, False, "Use a fresh command_id for a different command."),
    "illegal_move": ErrorRow(
        -32026, False, "Look at the life-cycle in docs/architecture.md; the state forbids this."
    ),
    "link_conflict": ErrorRow(-32027, False, "Link a live entry to another that still stands."),
    "source_conflict": ErrorRow(-32028, False, "Use another name, or pass replace to supersede the trigger."),
    "not_the_owner": ErrorRow(-32029, False, "Only the author, or a person, may change this."),
    "invalid_trigger": ErrorRow(-32030, False, "Correct the trigger at the named place."),
    "board_ended": ErrorRow(-32031, False, "The board has its outcome; open another one."),
    "board_closing": ErrorRow(-32032, False, "The board is closing and takes no new work."),
    # Leases.
    "stale_token": ErrorRow(
        -32040, False, "The lease is no longer yours; drop the work, it was offered again."
    ),
    # Limits and the machine.
    "limit_exceeded": ErrorRow(-32050, False, "Stay within the named limit."),
    "too_busy": ErrorRow(-32051, True, "Wait a moment and repeat with the same command_id."),
    "storage_full": ErrorRow(-32052, True, "Free disk space; the server resumes by itself."),
    "storage_failed": ErrorRow(-32053, True, "Restart the server, then repeat with the same command_id."),
    "shutting_down": ErrorRow(-32054, True, "Reconnect and repeat with the same command_id."),
    "gone": ErrorRow(-32055, False, "The history before that revision is gone; read the board afresh."),
    # Raised on the client's side of the wire, or before one is reached.
    "connection_lost": ErrorRow(-32060, True, "The outcome is unknown; repeat with the same command_id."),
    "unreachable": ErrorRow(-32061, True, "Start the server with `blackboard serve`, or pass --url."),
    "timed_out": ErrorRow(-32062, True, "The outcome is unknown; repeat with the same command_id."),
    "invalid_source": ErrorRow(-32063, False, "Correct the knowledge source as the message says."),
    "handler_failed": ErrorRow(-32068, False, "Correct the handler, or retry the activation by hand."),
    "invalid_settings": ErrorRow(-32064, False, "Correct the named setting."),
    "log_corrupt": ErrorRow(
        -32065, False, "Restore from a backup; the record named was changed outside the server."
    ),
    "store_locked": ErrorRow(
        -32066, False, "Another server owns this file; stop it or use another directory."
    ),
    "store_version": ErrorRow(-32067, False, "Use the release that wrote this file, or a newer one."),
    "store_foreign": ErrorRow(
        -32072, False, "Name another file; this one is not a blackboard's, and was left unchanged."
    ),
    "log_conflict": ErrorRow(-32073, False, "Rebuild the board from its log; something else extended it."),
    "read_failed": ErrorRow(-32074, True, "Repeat the read; if it keeps failing, look at the disk."),
}


class BlackboardError(Exception):
    """Base of every error that this project raises.

    Args:
        code: A key of `CATALOGUE`.
        message: What came, what was expected, and what to try.
    """

    def __init__(self, code: str, message: str) -> None:
        assert code in CATALOGUE, f"error code {code!r} has no row in the catalogue"
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def retryable(self) -> bool:
        """Whether repeating the same request later can succeed."""
        return CATALOGUE[self.code].retryable

    @property
    def advice(self) -> str:
        """What to do about it, in one sentence."""
        return CATALOGUE[self.code].advice


class Rejected(BlackboardError):
    """A command was judged and refused; the board is exactly as it was."""


def error_row(code: str) -> ErrorRow:
    """Return the catalogue row of `code`; unknown codes of a newer server read as internal errors."""
    return CATALOGUE.get(code, CATALOGUE["internal_error"])
