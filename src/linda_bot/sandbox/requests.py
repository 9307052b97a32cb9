"""What a client asks, and what the server answers (whatsmeow request.go, prekeys.go, user.go, mediaconn.go)."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from linda_bot.sandbox import pairing_code, post
from linda_bot.sandbox.nodes import Jid, Node

if TYPE_CHECKING:
    from linda_bot.sandbox.session import Session

_PRIVACY = ("readreceipts", "profile", "status", "online", "last", "groupadd", "calladd")

Answer = Callable[["Session", Node], Awaitable[None]]


async def answer(session: "Session", request: Node) -> None:
    """Answer a request; an unknown one gets an error that does a client no harm."""
    key = (request.text("xmlns"), request.text("type"), request.children[0].tag if request.children else "")
    handler = _ANSWERS.get(key) or _ANSWERS.get((key[0], key[1], "*"))
    if handler is None or (session.account is None and key not in _BEFORE_LOGIN):
        session.server.note("unknown_request", asked="/".join(key))
        await session.refuse(request, 501, "feature-not-implemented")
        return
    await handler(session, request)


async def _done(session: "Session", request: Node) -> None:
    await session.reply(request)


async def _activate(session: "Session", request: Node) -> None:
    await session.reply(request)
    await post.hand_out(session)


async def _count_prekeys(session: "Session", request: Node) -> None:
    count = session.server.registry.count_prekeys(*session.name)
    await session.reply(request, Node("count", {"value": str(count)}))


async def _set_prekeys(session: "Session", request: Node) -> None:
    registry = session.server.registry
    listed = request.child("list")
    keys = [(_data(key, "id"), _data(key, "value")) for key in listed.all("key")] if listed else []
    registry.add_prekeys(*session.name, keys)
    signed = request.child("skey")
    if signed is not None:
        registry.set_signed_key(
            *session.name, (_data(signed, "id"), _data(signed, "value"), _data(signed, "signature"))
        )
    await session.reply(request)


async def _hand_out_prekeys(session: "Session", request: Node) -> None:
    asked = request.child("key")
    users = asked.all("user") if asked else []
    await session.reply(request, Node("list", content=[_bundle(session, user.jid("jid")) for user in users]))


def _bundle(session: "Session", jid: Jid) -> Node:
    """Return what is needed to begin an encrypted conversation with a device."""
    registry = session.server.registry
    account = registry.account(jid.user)
    device = registry.device(account, jid.device) if account else None
    if account is None or device is None:
        return Node("user", {"jid": jid}, [Node("error", {"code": "404", "text": "item-not-found"})])
    signed = [
        Node("id", content=device.signed_id),
        Node("value", content=device.signed_key),
        Node("signature", content=device.signed_signature),
    ]
    children = [
        Node("registration", content=device.registration),
        Node("type", content=b"\x05"),
        Node("identity", content=device.identity),
        Node("skey", content=signed),
    ]
    one_time = registry.take_prekey(account.number, jid.device)
    if one_time is not None:
        children.append(Node("key", content=[Node("id", content=one_time[0]), Node("value", content=one_time[1])]))
    return Node("user", {"jid": jid}, children)


async def _look_up_users(session: "Session", request: Node) -> None:
    """Answer usync: who is behind an address, and which devices they have."""
    query = request.child("usync")
    listed = query.child("list") if query else None
    users = [_user(session, user) for user in (listed.all("user") if listed else [])]
    attrs = {name: query.text(name) for name in ("sid", "index", "last", "mode", "context")} if query else {}
    await session.reply(request, Node("usync", attrs, [Node("list", content=users)]))


def _user(session: "Session", asked: Node) -> Node:
    registry = session.server.registry
    contact = asked.child("contact")
    number = contact.data.decode(errors="replace").lstrip("+") if contact else ""
    account = registry.account(number or asked.jid("jid").user)
    if account is None:
        kind = [Node("contact", {"type": "out"})] if number else []
        return Node("user", {"jid": asked.jid("jid")}, kind)
    devices = [
        Node("device", {"id": str(device), "key-index": str(device)} if device else {"id": "0"})
        for device in registry.device_ids(account.number)
    ]
    children = [
        Node("lid", {"val": account.lid_jid()}),
        Node("devices", {"version": "2"}, [Node("device-list", {"hash": "2:sandbox"}, devices)]),
    ]
    if number:
        children.append(Node("contact", {"type": "in"}))
    return Node("user", {"jid": account.phone_jid() if number else asked.jid("jid")}, children)


async def _show_privacy(session: "Session", request: Node) -> None:
    categories = [Node("category", {"name": name, "value": "all"}) for name in _PRIVACY]
    await session.reply(request, Node("privacy", content=categories))


async def _list_blocked(session: "Session", request: Node) -> None:
    await session.reply(request, Node("list", content=[]))


async def _list_groups(session: "Session", request: Node) -> None:
    await session.reply(request, Node("groups", content=[]))


async def _show_media_host(session: "Session", request: Node) -> None:
    await session.reply(request, session.server.media.connection())


async def _no_picture(session: "Session", request: Node) -> None:
    await session.refuse(request, 404, "item-not-found")


async def _unlink(session: "Session", request: Node) -> None:
    """Remove the device that asks."""
    number, device = session.name
    session.server.registry.remove_device(number, device)
    session.server.note("unlinked", number=number, device=device)
    await session.reply(request)


def _data(node: Node, tag: str) -> bytes:
    child = node.child(tag)
    return child.data if child else b""


_ANSWERS: dict[tuple[str, str, str], Answer] = {
    ("w:p", "get", "*"): _done,
    ("w:p", "get", ""): _done,
    ("passive", "set", "active"): _activate,
    ("passive", "set", "passive"): _done,
    ("encrypt", "get", "count"): _count_prekeys,
    ("encrypt", "set", "*"): _set_prekeys,
    ("encrypt", "get", "key"): _hand_out_prekeys,
    ("usync", "get", "usync"): _look_up_users,
    ("privacy", "set", "*"): _done,
    ("privacy", "get", "*"): _show_privacy,
    ("blocklist", "get", ""): _list_blocked,
    ("blocklist", "get", "*"): _list_blocked,
    ("w:g2", "get", "*"): _list_groups,
    ("w:profile:picture", "get", "*"): _no_picture,
    ("w:m", "set", "media_conn"): _show_media_host,
    ("md", "set", "remove-companion-device"): _unlink,
    ("md", "set", pairing_code.STANZA): pairing_code.answer,
}
_BEFORE_LOGIN = (("w:p", "get", ""), ("w:p", "get", "ping"), ("md", "set", pairing_code.STANZA))
