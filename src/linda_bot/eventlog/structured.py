"""structlog without rich, which it would load for its tracebacks: 30 ms and 5 MB of a start."""

import sys

_was_loaded = "rich" in sys.modules
if not _was_loaded:
    sys.modules["rich"] = None  # type: ignore[assignment]
try:
    import structlog
finally:
    if not _was_loaded:
        del sys.modules["rich"]

__all__ = ["structlog"]
