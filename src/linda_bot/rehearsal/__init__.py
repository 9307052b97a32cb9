"""The acceptance guide that runs by itself: rehearsals of a bot's life with the user's own settings and handlers.

The real client library and the real console script, on a sandbox; nothing here is needed by a bot that runs.
"""
