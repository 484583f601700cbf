"""The judge's word, and the order of those whom nobody suspects."""

import pytest
from blackboard_sources.incident.analysis import anomaly_weight, fault_weight, judge, rank_all
from blackboard_sources.incident.analysis.explained import KINDS
from incident_kit import CHAIN, ticket


def test_the_most_believed_wins_with_less_confidence_the_closer_the_next() -> None:
    """Ties go by name."""
    clear, close = judge({"a": 0.9, "b": 0.1}), judge({"a": 0.9, "b": 0.8})
    assert (clear.service, clear.runner_up) == (close.service, close.runner_up) == ("a", "b")
    assert clear.confidence > close.confidence
    assert judge({"b": 0.9, "a": 0.9}).service == "a"


@pytest.mark.parametrize("beliefs", [{}, {"a": 0.0}, {"a": 0.3, "b": 0.29}])
def test_nobody_is_named_without_belief(beliefs: dict[str, float]) -> None:
    """Normal operation has shifts, too."""
    verdict = judge(beliefs)
    assert (verdict.service, verdict.confidence) == (None, 0.0)


def test_every_service_is_ranked_once() -> None:
    """By belief, nearness, traffic and name; also one that the graph lacks."""
    assert rank_all({"x": 0.5}, {}, CHAIN, ticket()) == ["x", "front", "middle", "back"]
    assert rank_all({}, {"back": 9.0}, CHAIN, ticket("unheard of"))[0] == "back"


@pytest.mark.parametrize("metric", ["latency", "availability", "requests"])
@pytest.mark.parametrize("aspect", sorted(KINDS))
def test_every_anomaly_and_fault_has_a_weight(aspect: str, metric: str) -> None:
    """Whatever was complained about."""
    assert 0.0 < anomaly_weight(aspect) < 1.0
    assert 0.0 < fault_weight(KINDS[aspect], ticket(metric=metric)) < 1.0
