"""How the bot is: looked at, graded, and told."""
