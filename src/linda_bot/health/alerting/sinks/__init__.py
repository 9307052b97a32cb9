"""Ways out of the machine that do not need WhatsApp."""
