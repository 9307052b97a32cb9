"""Stanzas that a client of this version does not know, as data: the server may get new ones any day."""

import os
import time
from collections.abc import Mapping
from typing import NamedTuple

from linda_bot.sandbox.nodes import LID_SERVER, SERVER, Jid, Node, Value

_STRANGER = Jid("100000000000007", LID_SERVER, 3)
_GROUP = Jid("120363000000000007", "g.us")
_UNREADABLE = b"\x33" + bytes(range(80))
"""Begins like a Signal message and decrypts to nothing."""

_NOT_THERE = ""
"""In the place of an attribute: leave out the one that every stanza has."""


class Poison(NamedTuple):
    """A stanza; with `disguise`, no stanza of its own but other attributes for the next true message."""

    summary: str
    stanza: Node | None = None
    disguise: Mapping[str, str] = {}
    share: Mapping[str, str] = {}
    """With it: other attributes for the message's encrypted part."""


def stanza_of(poison: Poison) -> Node | None:
    """Return the stanza to send, with sender, id and time where it does not say otherwise; None for a disguise."""
    if poison.stanza is None:
        return None
    sender = SERVER if poison.stanza.tag in ("iq", "ib", "notification") else _STRANGER
    usual: dict[str, Value] = {"from": sender, "id": os.urandom(8).hex().upper(), "t": str(int(time.time()))}
    attrs = {**usual, **poison.stanza.attrs}
    return poison.stanza._replace(attrs={name: value for name, value in attrs.items() if value != _NOT_THERE})


def _message(attrs: Mapping[str, Value], enc: Mapping[str, Value], *more: Node) -> Node:
    share = Node("enc", {"v": "2", "type": "msg", **enc}, _UNREADABLE)
    return Node("message", {"type": "text", "notify": "Stranger", **attrs}, [share, *more])


_NEW = "sandbox_new"

POISON: Mapping[str, Poison] = {
    "notification-type": Poison(
        "a notification of an unknown type", Node("notification", {"type": _NEW}, [Node(_NEW)])
    ),
    "notification-untyped": Poison("a notification without a type", Node("notification", {}, [Node(_NEW)])),
    "notification-account-sync": Poison(
        "an account_sync notification with an unknown child",
        Node("notification", {"type": "account_sync"}, [Node(_NEW)]),
    ),
    "notification-encrypt": Poison(
        "an encrypt notification with an unknown child", Node("notification", {"type": "encrypt"}, [Node(_NEW)])
    ),
    "notification-group": Poison(
        "a group notification with an unknown child",
        Node("notification", {"type": "w:gp2", "from": _GROUP, "participant": _STRANGER}, [Node(_NEW)]),
    ),
    "notification-mex": Poison(
        "a mex notification whose JSON is broken",
        Node("notification", {"type": "mex"}, [Node("update", {"op_name": _NEW}, b'{"data": [')]),
    ),
    "notification-server-sync": Poison(
        "a server_sync notification of an unknown collection",
        Node("notification", {"type": "server_sync"}, [Node("collection", {"name": _NEW, "version": "7"})]),
    ),
    "receipt-server-error": Poison("a receipt of type server-error", Node("receipt", {"type": "server-error"})),
    "receipt-enc-rekey-retry": Poison(
        "a receipt of type enc_rekey_retry", Node("receipt", {"type": "enc_rekey_retry"})
    ),
    "receipt-type": Poison("a receipt of an unknown type", Node("receipt", {"type": _NEW})),
    "receipt-retry": Poison(
        "a retry receipt for a message that nobody sent",
        Node(
            "receipt",
            {"type": "retry"},
            [Node("retry", {"count": "1", "id": "NOBODY", "v": "1", "t": "1"}), Node("registration", content=b"regi")],
        ),
    ),
    "iq-set": Poison("a request to change something unknown", Node("iq", {"type": "set", "xmlns": _NEW}, [Node(_NEW)])),
    "iq-get": Poison("a question for something unknown", Node("iq", {"type": "get", "xmlns": _NEW}, [Node(_NEW)])),
    "iq-result": Poison("an answer to no question", Node("iq", {"type": "result"})),
    "iq-pair-success": Poison(
        "a pair-success for a device that is linked", Node("iq", {"type": "set"}, [Node("pair-success")])
    ),
    "iq-pair-success-without-id": Poison(
        "a pair-success without an id", Node("iq", {"type": "set", "id": _NOT_THERE}, [Node("pair-success")])
    ),
    "tag": Poison("a stanza of an unknown tag", Node(_NEW, {"type": _NEW}, [Node(_NEW)])),
    "ib": Poison("an ib with an unknown child", Node("ib", {}, [Node(_NEW, {"count": "x"})])),
    "ib-offline": Poison("an offline count that is no number", Node("ib", {}, [Node("offline", {"count": "x"})])),
    "ib-downgrade": Poison(
        "word that the account has no linked devices", Node("ib", {}, [Node("downgrade_webclient")])
    ),
    "call": Poison("a call stanza with an unknown child", Node("call", {}, [Node(_NEW, {"call-id": "C"})])),
    "call-empty": Poison("a call stanza without a child", Node("call")),
    "call-offer": Poison(
        "a call with a creator of an unknown server",
        Node("call", {}, [Node("offer", {"call-id": "C", "call-creator": Jid("1", _NEW)})]),
    ),
    "presence-type": Poison("a presence of an unknown type", Node("presence", {"type": _NEW, "last": "x"})),
    "chatstate": Poison("an unknown chat state", Node("chatstate", {}, [Node(_NEW)])),
    "message-unreadable": Poison("a message that nobody can decrypt", _message({}, {})),
    "message-type": Poison("the same, of an unknown type", _message({"type": _NEW}, {})),
    "message-attributes": Poison(
        "the same, with unknown attributes and children", _message({_NEW: _NEW, "category": _NEW}, {}, Node(_NEW))
    ),
    "message-addressing-mode": Poison(
        "the same, with an unknown addressing mode", _message({"addressing_mode": _NEW}, {})
    ),
    "message-edit": Poison("the same, with an unknown edit", _message({"edit": "99"}, {})),
    "message-decrypt-fail": Poison("the same, with an unknown decrypt-fail", _message({}, {"decrypt-fail": _NEW})),
    "message-enc-version": Poison("the same, with an unknown version", _message({}, {"v": "9"})),
    "message-enc-type": Poison("the same, with an unknown type of encryption", _message({}, {"type": _NEW})),
    "message-group": Poison(
        "the same, in an unknown group", _message({"from": _GROUP, "participant": _STRANGER}, {"type": "skmsg"})
    ),
    "message-server": Poison("the same, from an unknown server", _message({"from": Jid("7", _NEW)}, {})),
    "message-unavailable": Poison(
        "a message that is unavailable for an unknown reason",
        Node("message", {"type": "text"}, [Node("unavailable", {"type": _NEW})]),
    ),
    "message-empty": Poison("a message with nothing in it", Node("message", {"type": "text"})),
    "message-without-id": Poison("a message without an id", _message({"id": _NOT_THERE}, {})),
    "message-without-time": Poison("a message without a time", _message({"t": _NOT_THERE}, {})),
    "next-message-type": Poison("the next true message gets an unknown type", disguise={"type": _NEW}),
    "next-message-attributes": Poison(
        "the next true message gets unknown attributes", disguise={_NEW: _NEW, "category": _NEW}
    ),
    "next-message-addressing-mode": Poison(
        "the next true message gets an unknown addressing mode", disguise={"addressing_mode": _NEW}
    ),
    "next-message-edit": Poison("the next true message gets an unknown edit", disguise={"edit": "99"}),
    "next-message-enc-version": Poison(
        "the next true message gets an unknown version of its encryption", share={"v": "9"}
    ),
    "next-message-enc-type": Poison(
        "the next true message gets an unknown type of its encryption", share={"type": _NEW}
    ),
}
"""Every kind by its name."""
