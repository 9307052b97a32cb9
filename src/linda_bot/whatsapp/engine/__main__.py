"""`python -m linda_bot.whatsapp.engine`."""

from linda_bot.whatsapp.engine import main

main()
