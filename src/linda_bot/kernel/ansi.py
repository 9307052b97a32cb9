"""The few colours that are used, as terminals take them (ECMA-48)."""

BOLD, DIM, GREEN, YELLOW, RED, RESET = (f"\x1b[{code}m" for code in (1, 2, 32, 33, 31, 0))
