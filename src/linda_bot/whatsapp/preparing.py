"""Having the client library make the tables of a store, without a connection to WhatsApp."""

import sys

PREPARE_COMMAND = (sys.executable, "-P", "-m", "linda_bot.whatsapp.engine.prepare")
"""Makes, or renews, the tables of the store that its stdin names; see `linda_bot.sessions.shared.making`."""
