"""Messages and receipts: taken, acknowledged, handed to every device, kept until they have arrived."""

import time
from typing import TYPE_CHECKING

from linda_bot.sandbox.nodes import LID_SERVER, SERVER, Jid, Node, Value
from linda_bot.sandbox.registry import Account

if TYPE_CHECKING:
    from linda_bot.sandbox.session import Session

_RETRY = "retry"


async def greet(session: "Session") -> None:
    """Tell a client that it is logged in, and how much waits for it."""
    waiting = session.server.registry.waiting(*session.name)
    messages = sum(stanza.kind == "message" for stanza in waiting)
    receipts = len(waiting) - messages
    await session.send(Node("success", {"t": _now(), "lid": session.jid}))
    counts = {"count": len(waiting), "message": messages, "receipt": receipts, "notification": 0, "appdata": 0}
    attrs = {name: str(count) for name, count in counts.items()}
    await session.send(Node("ib", {"from": SERVER}, [Node("offline_preview", attrs)]))


async def hand_out(session: "Session") -> None:
    """Send what waited, then take the device for active; nothing that comes meanwhile is sent twice or lost."""
    if session.active:
        return
    sent = await send_waiting(session, after=0, offline=True)
    if session.ended:
        return
    session.active = True
    await session.send(Node("ib", {"from": SERVER}, [Node("offline", {"count": str(sent)})]))


async def send_waiting(session: "Session", *, after: int, offline: bool) -> int:
    """Send what waits for a device behind a place in its queue, until nothing more has come; return how much."""
    codec = session.server.codec
    sent = 0
    while rest := [stanza for stanza in session.server.registry.waiting(*session.name) if stanza.place > after]:
        for number, stanza in enumerate(rest, sent):
            if session.ended:  # the rest goes on waiting
                return number
            node = codec.decode(stanza.body)
            mark: dict[str, Value] = {"offline": str(number)} if offline else {}
            await session.send(Node(node.tag, {**node.attrs, **mark}, node.content))
        sent, after = sent + len(rest), rest[-1].place
    return sent


async def take_message(session: "Session", node: Node) -> None:
    """Acknowledge a message and hand it to the devices that it names; a repeated one is only acknowledged."""
    to = node.jid("to")
    ack: dict[str, Value] = {"class": "message", "id": node.text("id"), "from": to, "t": _now()}
    target = session.server.registry.account(to.user)
    if target is None:
        await session.send(Node("ack", {**ack, "error": "404"}))
        return
    armed = session.server.armed
    error = armed.message_errors.take(session.name[0])
    if error is not None:
        session.server.note("message_refused", sender=session.name[0], error=error)
        await session.send(Node("ack", {**ack, "error": error}))
        return
    first_time = session.server.registry.accept(str(session.jid), _identity(node))
    if not armed.lost_acks.take(session.name[0]):
        await session.send(Node("ack", ack))
    if not first_time:
        return
    session.server.note("message", sender=session.name[0], to=target.number)
    participants = node.child("participants")
    if participants is None:  # an answer to a retry receipt goes to one device
        if to.device:
            await _deliver(session, node, to, target, node.all("enc"))
        return
    for share in participants.all("to"):
        device = share.jid("jid")
        owner = session.server.registry.account(device.user)
        if owner is not None and device.device:  # what goes to a phone is not needed here
            await _deliver(session, node, device, owner, share.children)


async def take_receipt(session: "Session", node: Node) -> None:
    """Acknowledge a receipt, drop what it confirms, and pass it on to the sender of the message."""
    message_id, to, kind = node.text("id"), node.jid("to"), node.text("type")
    ack: dict[str, Value] = {"class": "receipt", "id": message_id, "from": to}
    typed = {"type": kind} if kind else {}
    await session.send(Node("ack", {**ack, **typed}))
    listed = node.child("list")
    for confirmed in (message_id, *(item.text("id") for item in (listed.all("item") if listed else []))):
        confirm(session, "message", confirmed)
    session.server.note("receipt", sender=session.name[0], kind=kind or "delivery")
    target = session.server.registry.account(to.user)
    if target is None or target.number == session.name[0]:
        return
    attrs: dict[str, Value] = {"from": session.jid, "id": message_id, "t": _now(), **typed}
    passed_on = Node("receipt", attrs, node.content)
    devices = [to.device] if to.device else session.server.registry.device_ids(target.number)[1:]
    for device in devices:
        await _send_or_keep(session, target.number, device, passed_on)


def confirm(session: "Session", kind: str, stanza_id: str) -> None:
    """Drop what has arrived at a device."""
    if session.server.registry.confirm(*session.name, kind, stanza_id) and kind == "message":
        session.server.note("delivered", to=session.name[0])


async def _deliver(
    session: "Session", node: Node, device: Jid, owner: Account, encrypted: "tuple[Node, ...] | list[Node] | object"
) -> None:
    """Hand one device its share of a message."""
    assert session.account is not None
    own = owner.number == session.account.number
    attrs: dict[str, Value] = {
        "from": session.jid if device.server == LID_SERVER else session.account.phone_jid(session.device),
        "id": node.text("id"),
        "type": node.text("type"),
        "t": _now(),
        "notify": session.account.name,
    }
    if node.text("edit"):
        attrs["edit"] = node.text("edit")
    if own:
        attrs["recipient"] = node.jid("to")
    elif device.server == LID_SERVER:
        attrs["sender_pn"] = session.account.phone_jid()
    else:
        attrs["sender_lid"] = session.account.lid_jid()
    identity = node.child("device-identity")
    shares = [child for child in _as_nodes(encrypted) if child.tag == "enc"]
    content = [*shares, identity] if identity else shares
    await _send_or_keep(session, owner.number, device.device, Node("message", attrs, content))


async def _send_or_keep(session: "Session", number: str, device: int, node: Node) -> None:
    """Keep a stanza until it is confirmed, and send it at once if the device is there."""
    server = session.server
    times = 1
    if node.tag == "message":
        disguise = server.armed.disguises.take(number)
        node = disguise.put_on(node) if disguise else node
        times = 2 if server.armed.doubles.take(number) else 1
    server.registry.enqueue(number, device, node.tag, node.text("id"), server.codec.encode(node))
    receiver = server.active_session(number, device)
    if receiver is not None:
        for _ in range(times):
            await receiver.send(node)


def _as_nodes(content: object) -> list[Node]:
    return [item for item in content if isinstance(item, Node)] if isinstance(content, list | tuple) else []


def _identity(node: Node) -> str:
    """A message's id; an answer to a retry receipt has the id of the message that it repeats."""
    if node.child("participants") is not None:
        return node.text("id")
    counts = "-".join(share.text("count") for share in node.all("enc"))
    return f"{node.text('id')} {_RETRY} {counts} {node.jid('to')}"


def _now() -> str:
    return str(int(time.time()))
