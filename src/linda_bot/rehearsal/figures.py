"""Figures in words; pure."""


def seconds_text(seconds: float) -> str:
    """Return a time as people read it."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"


def counted(count: int, what: str) -> str:
    """Return a number of things: `1 code`, `2 codes`."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
