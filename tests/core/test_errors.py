"""The error catalogue: stable, complete, and readable."""

from __future__ import annotations

import pytest

from blackboard.core.errors import CATALOGUE, BlackboardError, Rejected, error_row


def test_numbers_are_unique_and_in_the_ranges_of_the_protocol() -> None:
    """JSON-RPC reserves -32768 to -32000; two codes never share a number."""
    numbers = [row.number for row in CATALOGUE.values()]
    assert len(set(numbers)) == len(numbers)
    assert all(-32768 <= number <= -32000 for number in numbers)


@pytest.mark.parametrize("code", CATALOGUE)
def test_row_advises_in_a_sentence(code: str) -> None:
    """Every row says what to do."""
    row = error_row(code)
    assert row.advice.endswith(".")
    error = BlackboardError(code, "what came")
    assert (error.code, error.retryable, error.advice, str(error)) == (
        code,
        row.retryable,
        row.advice,
        "what came",
    )


def test_code_without_a_row_is_a_bug_here_and_an_internal_error_from_elsewhere() -> None:
    """We never raise what is not in the catalogue; a newer server may."""
    with pytest.raises(AssertionError, match="no row in the catalogue"):
        Rejected("nonsense", "x")
    assert error_row("nonsense") is CATALOGUE["internal_error"]
