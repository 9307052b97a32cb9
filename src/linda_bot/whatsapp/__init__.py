"""The WhatsApp client: its port, the adapter, and the engine process behind it."""
