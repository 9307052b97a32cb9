"""How long something takes, in words; pure."""


def span(seconds: float) -> str:
    """Say how long something takes, in its largest unit."""
    seconds = max(seconds, 0)
    for size, unit, smaller in ((86400, "day", 3600), (3600, "hour", 60), (60, "minute", 1)):
        if seconds >= size - smaller / 2:  # else 59.8 minutes would be 60
            count = max(round(seconds / size), 1)
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{seconds:.0f} s"
