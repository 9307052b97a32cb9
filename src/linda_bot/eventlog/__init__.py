"""Events to log lines: structured, masked, rotated."""
