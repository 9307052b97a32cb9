"""The words for where the link is, as far as health has an opinion on them; pure."""

CONNECTED = "connected"
STARTING = "starting"
LINKING = "linking"
HARD = frozenset({"circuit_open", "logged_out", "replaced", "banned", "outdated"})
"""Out of order as soon as it is so: the bot does not come back soon, or not by itself."""
DOWN = frozenset({"restoring", "transient_disconnect", "reconnecting"})
"""Out of order when it lasts."""
ENDING = frozenset({"stopping", "stopped"})
ALL = frozenset({CONNECTED, STARTING, LINKING, *HARD, *DOWN, *ENDING})

OUTAGE_S = 10.0
"""From how many seconds on a time without a link counts as an outage; shorter ones the client library mends itself."""
