"""A token dictionary of the right shape with words of our own; the true one is in the client library."""

from linda_bot.sandbox.tokens import Tokens

TOKENS = Tokens(
    single=("", *(f"single-{number}" for number in range(1, 236))),
    double=tuple(tuple(f"double-{table}-{number}" for number in range(256)) for table in range(4)),
)
