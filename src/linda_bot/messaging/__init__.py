"""From the wire to handlers and back."""
