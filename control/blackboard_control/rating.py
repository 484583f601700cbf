"""Ratings: how promising an activation is, as a weighted mean of named terms, each recorded.

Terms of this release: `declared`, what the source says of itself, and `belief`, that of the weakest bound
entry. `Settings.weights` overrides the weights. Foci and the rating functions of control sources join here
as further terms: BB1's rating Σ w·r / Σ w is the same sum over more of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from blackboard.core.activation import RatingTerm
from blackboard.core.entry import Entry, EntryId, Premise
from blackboard.core.errors import Rejected
from blackboard.core.source import SourceDeclaration
from blackboard.core.values import ONE, Millionths, to_fraction, to_millionths

__all__ = ["DEFAULT_WEIGHTS", "check_weights", "combine", "rate"]

DEFAULT_WEIGHTS: Final[Mapping[str, int]] = {"declared": 3, "belief": 1}


def check_weights(weights: Mapping[str, int]) -> None:
    """Check the weights that settings name.

    Raises:
        Rejected: `invalid_params` for an unknown term, or a negative weight.
    """
    for name, weight in weights.items():
        if name not in DEFAULT_WEIGHTS:
            raise Rejected(
                "invalid_params", f"no rating term {name!r}; there is {', '.join(DEFAULT_WEIGHTS)}"
            )
        if weight < 0:
            raise Rejected("invalid_params", f"the weight of {name!r} is {weight}; expected 0 or more")


def rate(
    source: SourceDeclaration,
    bindings: tuple[Premise, ...],
    entries: Mapping[EntryId, Entry],
    weights: Mapping[str, int],
) -> tuple[RatingTerm, ...]:
    """Return the terms of an activation's rating; terms of weight 0 are left out."""
    belief = min((entries[premise.entry].belief for premise in bindings), default=ONE)
    values = {"declared": source.rating, "belief": to_fraction(belief)}
    terms = (
        RatingTerm(name, value, weights.get(name, DEFAULT_WEIGHTS[name])) for name, value in values.items()
    )
    return tuple(term for term in terms if term.weight > 0)


def combine(terms: tuple[RatingTerm, ...]) -> Millionths:
    """Return the weighted mean of `terms` in millionths, 0 if there are none."""
    weight = sum(term.weight for term in terms)
    total = sum(to_millionths(term.value) * term.weight for term in terms)
    return total // weight if weight else 0
