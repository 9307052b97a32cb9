"""The composer: builds a bot from its parts, runs it, and takes it apart in order."""
