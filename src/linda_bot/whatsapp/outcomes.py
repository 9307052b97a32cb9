"""What an error text of the client library means for the request it answers; the one place that decides it."""

from linda_bot.whatsapp.port import ClientError, NotSentError

# whatsmeow errors.go and client.go; neonize main.go ("client is nil"): said before anything is written to the socket.
_BEFORE_SENDING = (
    "websocket not connected",
    "client is nil",
    "the store doesn't contain a device jid",
    "session is held",
)


def request_error(text: str) -> ClientError:
    """Return the error that a failed request raises.

    NotSentError: it provably did not leave, the same call may succeed later. Else a plain ClientError: the server
    refused it, or nobody knows.
    """
    if any(sign in text.lower() for sign in _BEFORE_SENDING):
        return NotSentError(text)
    return ClientError(text)
