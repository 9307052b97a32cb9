"""The session on disk: its files, their lock, their checks."""
