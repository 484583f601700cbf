"""The metrics page."""

from blackboard.server.metrics import Metrics


def test_counters_and_gauges_are_rendered_with_help_and_type():
    """Each metric has its HELP and TYPE line and ends in its value."""
    metrics = Metrics()
    metrics.counters.requests += 3
    metrics.gauge("boards", "Boards served.", lambda: 2)
    page = metrics.render().decode()
    assert "# TYPE blackboard_requests_total counter\nblackboard_requests_total 3\n" in page
    assert (
        "# HELP blackboard_boards Boards served.\n# TYPE blackboard_boards gauge\nblackboard_boards 2" in page
    )
    assert page.endswith("\n")


def test_values_hold_everything_that_is_rendered():
    """The mapping and the page show the same names."""
    metrics = Metrics()
    metrics.gauge("boards", "Boards served.", lambda: 2)
    page = metrics.render().decode()
    names = {line.split()[0] for line in page.splitlines() if not line.startswith("#")}
    assert names == set(metrics.values())


def test_large_counters_keep_their_digits():
    """A counter beyond six digits is not rounded."""
    metrics = Metrics()
    metrics.counters.sent_bytes = 123_456_789
    assert "blackboard_sent_bytes_total 123456789\n" in metrics.render().decode()
