"""Strategies: in which order executable activations are leased.

A strategy is a total order over activations, as a sort key: the least key goes first. It must be
deterministic. Further strategies (first in first out, earliest deadline, fair share, learned) are rows of
`STRATEGIES` with the same signature.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from blackboard.core.activation import Activation
from blackboard.core.errors import Rejected

__all__ = ["STRATEGIES", "Key", "Strategy", "best_first", "strategy_named"]

Key: TypeAlias = tuple[int, int, int, tuple[tuple[int, int], ...]]
Strategy: TypeAlias = Callable[[Activation, int], Key]
"""Takes an activation and the registration order of its source."""


def best_first(activation: Activation, source_order: int) -> Key:
    """Rating down, trigger sequence up, source registration up, binding."""
    bindings = tuple((premise.entry, premise.version) for premise in activation.bindings)
    return (-activation.rating, activation.sequence, source_order, bindings)


STRATEGIES: Final[Mapping[str, Strategy]] = {"best_first": best_first}


def strategy_named(name: str) -> Strategy:
    """Return a strategy.

    Raises:
        Rejected: `invalid_params` if there is none of that name.
    """
    found = STRATEGIES.get(name)
    if found is None:
        raise Rejected("invalid_params", f"no strategy {name!r}; there is {', '.join(STRATEGIES)}")
    return found
