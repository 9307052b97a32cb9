"""A loopback WhatsApp server that the real client library pairs with, logs in to and chats through."""
