"""Reasons as people read them; pure."""

_ENDS = (".", "!", "?", "…")


def sentence(text: str) -> str:
    """Make a reason a sentence; nothing stays nothing."""
    text = text[:1].upper() + text[1:]
    return text if not text or text.endswith(_ENDS) else f"{text}."
