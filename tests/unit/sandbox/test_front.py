"""The way in."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from linda_bot.sandbox.certificates import tls_context
from linda_bot.sandbox.front import Front

CONNECT = b"CONNECT web.whatsapp.com:443 HTTP/1.1\r\nHost: web.whatsapp.com:443\r\n\r\n"


async def echo(socket: web.WebSocketResponse) -> None:
    """Say back what is said."""
    async for message in socket:
        await socket.send_bytes(message.data)


@pytest.fixture
async def front(tmp_path: Path) -> AsyncIterator[Front]:
    """One that echoes."""
    opened = Front(tls_context(tmp_path / "ca.pem"), echo)
    await opened.open()
    yield opened
    await opened.close()


async def say(front: Front, head: bytes, *, within_s: float = 2) -> bytes:
    """Send raw bytes; return the answer until the line ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", front.port)
    writer.write(head)
    try:
        async with asyncio.timeout(within_s):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize(
    "head",
    [
        b"CONNECT example.org:443 HTTP/1.1\r\n\r\n",
        b"CONNECT web.whatsapp.com:80 HTTP/1.1\r\n\r\n",
        b"CONNECT web.whatsapp.com.example.org:443 HTTP/1.1\r\n\r\n",
        b"GET http://web.whatsapp.com:443/ HTTP/1.1\r\n\r\n",
        b"\xff\x00\r\n\r\n",
    ],
)
async def test_it_leads_nowhere_else(front: Front, head: bytes) -> None:
    """Everything but WhatsApp's host is forbidden."""
    assert (await say(front, head)).startswith(b"HTTP/1.1 403 ")


async def test_a_head_without_an_end_is_cut(front: Front) -> None:
    """Nobody fills the memory."""
    assert await say(front, b"x" * 100_000) == b""


async def test_it_can_refuse_and_be_a_black_hole(front: Front) -> None:
    """502, and no answer at all."""
    front.refuse = True
    assert (await say(front, CONNECT)).startswith(b"HTTP/1.1 502 ")
    front.black_hole = True
    with pytest.raises(TimeoutError):
        await say(front, CONNECT, within_s=0.1)


async def test_it_listens_on_the_loopback_interface_only(front: Front) -> None:
    """Another address of this machine is refused, even in 127.0.0.0/8."""
    with pytest.raises(OSError, match=r"127\.0\.0\.2"):
        await asyncio.open_connection("127.0.0.2", front.port)


async def test_a_websocket_through_it(front: Front, tmp_path: Path) -> None:
    """As a client does it; another path is not there."""
    context = ssl.create_default_context(cafile=tmp_path / "ca.pem")
    proxy = f"http://127.0.0.1:{front.port}"
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect("https://web.whatsapp.com/ws/chat", proxy=proxy, ssl=context) as socket:
            await socket.send_bytes(b"hello")
            assert await socket.receive_bytes(timeout=2) == b"hello"
        async with session.get("https://web.whatsapp.com/sw.js", proxy=proxy, ssl=context) as response:
            assert response.status == 404


async def test_a_client_that_does_not_trust_it(front: Front) -> None:
    """Its refusal is no error of ours, and the next one is served."""
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await session.get("https://web.whatsapp.com/ws/chat", proxy=f"http://127.0.0.1:{front.port}")
    assert (await say(front, b"GET / HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 403 ")


async def test_closing_drops_everybody_and_frees_the_port(front: Front) -> None:
    """In the middle of a CONNECT and of a TLS handshake; then it opens on the same port again."""
    port = front.port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    other_reader, other_writer = await asyncio.open_connection("127.0.0.1", port)
    other_writer.write(CONNECT)
    await other_reader.readuntil(b"\r\n\r\n")
    async with asyncio.timeout(2):
        await front.close()
        ends = await asyncio.gather(reader.read(), other_reader.read(), return_exceptions=True)
        await front.open(port)
    writer.close()
    other_writer.close()

    assert all(end == b"" or isinstance(end, ConnectionError) for end in ends)
    assert front.port == port


async def test_a_port_that_is_taken(front: Front, tmp_path: Path) -> None:
    """Any other is as good."""
    second = Front(tls_context(tmp_path / "other.pem"), echo)
    await second.open(front.port)
    try:
        assert second.port not in (0, front.port)
    finally:
        await second.close()


async def test_a_client_that_was_there_trusts_the_next_server(tmp_path: Path) -> None:
    """The authority is kept, for our eyes only."""
    tls_context(tmp_path / "ca.pem")
    before = (tmp_path / "ca.pem").read_bytes()
    tls_context(tmp_path / "ca.pem")

    assert (tmp_path / "ca.pem").read_bytes() == before
    assert (tmp_path / "ca-key.pem").stat().st_mode & 0o777 == 0o600
