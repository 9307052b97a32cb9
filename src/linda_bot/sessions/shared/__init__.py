"""The session in a shared database: the same checks and cures as for the one on disk."""
