"""What daemon and engine say to each other."""

import os
from datetime import UTC, datetime
from threading import Thread

import msgspec
import pytest

from linda_bot.kernel.events import Event, facts
from linda_bot.whatsapp import events
from linda_bot.whatsapp.content import Text
from linda_bot.whatsapp.engine.pipes import NoticeWriter, read_requests
from linda_bot.whatsapp.events import ClientEvent, IncomingMessage, MessageReceived, QrIssued
from linda_bot.whatsapp.wire import (
    FRAME_HEADER,
    MAX_FRAME_BYTES,
    AnyRequest,
    Connect,
    Download,
    Failed,
    MarkRead,
    Ping,
    Send,
    Stop,
    frame,
    notice_decoder,
)

NOW = datetime(2026, 2, 7, 10, 35, tzinfo=UTC)


def test_every_request_comes_out_as_it_went_in() -> None:
    """Through a real pipe, in order, until its end."""
    sent: list[AnyRequest] = [
        Connect(id=1, store="/a b#c?d%/ü", lock="/lock", device_name="x", log_level="info"),
        Send(id=2, chat="1@lid", content=Text(text="\N{PARTY POPPER}" * 20_000), rows=(7, 8)),
        Ping(id=3),
        MarkRead(id=4, chat="1@lid", sender="1@lid", ids=("A", "B")),
        Download(id=5, raw=b"\x00\xff", path="/tmp/x"),
        Stop(id=6),
    ]
    theirs, ours = os.pipe()

    def write() -> None:
        with os.fdopen(ours, "wb") as pipe:
            pipe.writelines(frame(request) for request in sent)

    writing = Thread(target=write)
    writing.start()

    assert list(read_requests(theirs)) == sent
    writing.join()
    os.close(theirs)


@pytest.mark.parametrize(
    "rest", [b"", b"\x00", FRAME_HEADER.pack(100) + b"short", FRAME_HEADER.pack(MAX_FRAME_BYTES + 1)]
)
def test_a_pipe_that_ends_in_the_middle_is_an_end(rest: bytes) -> None:
    """Half a message, or one that cannot be, is no message."""
    theirs, ours = os.pipe()
    os.write(ours, frame(Ping(id=1)) + rest)
    os.close(ours)

    assert list(read_requests(theirs)) == [Ping(id=1)]
    os.close(theirs)


def test_a_notice_comes_out_as_it_went_in() -> None:
    """Replies and events share the pipe."""
    message = IncomingMessage(id="A", chat="1@lid", sender="1@lid", sent_at=NOW, raw=b"\x00\xff", text="hi")
    notices: list[Failed | MessageReceived] = [Failed(id=9, error="no"), MessageReceived(at=NOW, message=message)]
    theirs, ours = os.pipe()
    writer = NoticeWriter(ours)
    for notice in notices:
        writer.send(notice)
    os.close(ours)
    with os.fdopen(theirs, "rb") as pipe:
        data = pipe.read()

    found = []
    while data:
        (length,) = FRAME_HEADER.unpack(data[:4])
        found.append(notice_decoder.decode(data[4 : 4 + length]))
        data = data[4 + length :]
    assert found == notices


def test_a_daemon_that_is_gone_is_no_error_of_the_engine() -> None:
    """The end of stdin tells it, not an exception in a callback."""
    theirs, ours = os.pipe()
    os.close(theirs)
    NoticeWriter(ours).send(QrIssued(code="2@secret", number=1, valid_s=60))
    os.close(ours)


def test_every_event_of_the_client_is_in_the_union() -> None:
    """An event that is not could not cross the pipe."""
    defined = {
        kind
        for kind in vars(events).values()
        if isinstance(kind, type) and issubclass(kind, Event) and kind is not Event
    }

    assert defined == set(ClientEvent.__args__)


def test_a_secret_crosses_the_pipe_but_is_never_shown() -> None:
    """Neither by repr nor among the facts."""
    event = QrIssued(at=NOW, code="2@secret", number=1, valid_s=60)

    assert notice_decoder.decode(frame(event)[4:]) == event
    assert "secret" not in repr(event)
    assert facts(event) == {"number": 1, "valid_s": 60}


def test_garbage_is_a_decode_error() -> None:
    """The one error that the adapter expects."""
    with pytest.raises(msgspec.DecodeError):
        notice_decoder.decode(b"\x80garbage")
