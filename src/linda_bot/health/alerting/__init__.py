"""Alerts on their way to a person: what is told when, by which sinks, and what became of it."""
