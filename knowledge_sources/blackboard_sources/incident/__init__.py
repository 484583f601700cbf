"""Incident diagnosis: find the service that caused an incident from metrics and a call graph.

`analysis` holds the judgements as pure functions, `telemetry` reads folders of
metrics, and `simulate` makes seeded incidents for the demo.
"""
