"""Doors into a running bot: HTTP on a unix socket for commands and programs of the same person."""
