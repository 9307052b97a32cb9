"""The session in a shared database."""
