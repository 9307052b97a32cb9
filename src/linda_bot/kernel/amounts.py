"""Amounts as people read them; pure."""

_ALMOST_ALL = 0.99


def size_text(size: int) -> str:
    """Return a number of bytes."""
    for unit, factor in (("GB", 1024**3), ("MB", 1024**2), ("kB", 1024)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} bytes"


def percent(share: float | None) -> str:
    """Return a share of 0 to 1; what is not quite all is never shown as all."""
    if share is None:
        return "-"
    if share >= 1:
        return "100 %"
    rounded = min(round(share * 100, 1 if share < _ALMOST_ALL else 2), 99.99)  # two more nines are worth it
    return f"{rounded:g} %"
