"""The mirror: an account's small files in the shared database, so that they follow it from host to host."""
