"""The host for files, as whatsmeow's upload.go and download.go use it."""

import base64
import hashlib
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from http import HTTPStatus
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest

from linda_bot.sandbox import media
from linda_bot.sandbox.nodes import Node
from linda_bot.sandbox.server import Sandbox
from tests.unit.sandbox.companion import link, online, request

ANN, HOST = "4915112345678", "https://mmg.whatsapp.net"


class Answer(NamedTuple):
    """What the host said."""

    status: int
    body: bytes


class Client:
    """A client's way to files: through the proxy, with the sandbox's authority."""

    def __init__(self, sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
        self._sandbox = sandbox
        self._session = session
        self._context = ssl.create_default_context(cafile=Path(sandbox.environment["SSL_CERT_FILE"]))

    async def ask(self, method: str, path: str, **options: Any) -> Answer:
        """Return the answer to a request."""
        proxy = self._sandbox.environment["HTTPS_PROXY"]
        async with self._session.request(
            method, f"{HOST}{path}", proxy=proxy, ssl=self._context, **options
        ) as response:
            return Answer(response.status, await response.read())

    async def upload(self, data: bytes, *, kind: str = "image", token: str = "", auth: str = "") -> Answer:
        """Put a file, in the right way unless something else is given."""
        token = token or base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode()
        auth = auth or self._sandbox.media.connection().text("auth")
        return await self.ask("POST", f"/mms/{kind}/{token}", params={"auth": auth, "token": token}, data=BytesIO(data))


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[Client]:
    """One."""
    async with aiohttp.ClientSession() as session:
        yield Client(sandbox, session)


async def test_a_device_is_told_where_files_go(sandbox: Sandbox, lines: AsyncExitStack) -> None:
    """With everything that whatsmeow's mediaconn.go reads."""
    device = await link(sandbox, ANN)
    line = await online(sandbox, lines, device)
    told = (await line.ask(request("w:m", "set", Node("media_conn")))).child("media_conn")

    assert told is not None
    assert told.text("auth")
    assert all(int(told.text(name)) > 0 for name in ("ttl", "auth_ttl", "max_buckets"))
    assert [host.text("hostname") for host in told.all("host")] == ["mmg.whatsapp.net"]


async def test_what_is_put_there_can_be_fetched(sandbox: Sandbox, client: Client) -> None:
    """As often as one likes, by whoever knows the path; both are noted."""
    data = bytes(range(256)) * 9000
    status, body = await client.upload(data)
    told = json.loads(body)

    assert status == HTTPStatus.OK
    assert told["url"].startswith(f"{HOST}{told['direct_path']}")
    for _ in range(2):
        fetched = await client.ask("GET", f"{told['direct_path']}&hash=x&mms-type=image&__wa-mms=")
        assert fetched == (HTTPStatus.OK, data)
    noted = [(note.what, note.facts) for note in sandbox.notes if note.what.startswith("media")]
    facts = {"kind": "image", "size": len(data)}
    assert noted == [("media_uploaded", facts), *[("media_downloaded", facts)] * 2]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/ws/chat"),
        ("GET", "/mms/image/x"),
        ("GET", f"/v/t62.sandbox/{'0' * 64}?x"),
        ("GET", "/v/t62.sandbox/..%2Fserver.db?x"),
        ("GET", "/v/t62.sandbox/../../server.db?x"),
        ("GET", "/v/t62.sandbox/?x"),
        ("POST", "/v/t62.sandbox/x"),
        ("POST", "/mms/nonsense/x"),
        ("DELETE", "/mms/image/x"),
    ],
)
async def test_everything_else_is_not_there(client: Client, method: str, path: str) -> None:
    """Above all, no other file of the sandbox's."""
    assert await client.ask(method, path) == (HTTPStatus.NOT_FOUND, b"")


async def test_what_is_wrong_with_an_upload(sandbox: Sandbox, client: Client) -> None:
    """Permission, name, and the name in the path."""
    other = base64.urlsafe_b64encode(bytes(32)).decode()

    assert (await client.upload(b"x", auth="wrong")).status == HTTPStatus.UNAUTHORIZED
    assert (await client.upload(b"x", token=other)).status == HTTPStatus.BAD_REQUEST
    assert (await client.upload(b"x", token="no base64!")).status == HTTPStatus.BAD_REQUEST
    assert not list((sandbox.directory / "media").iterdir())


async def test_it_can_refuse(sandbox: Sandbox, client: Client) -> None:
    """For a test of what a client does then."""
    sandbox.media.refuse = HTTPStatus.SERVICE_UNAVAILABLE
    assert (await client.upload(b"x")).status == HTTPStatus.SERVICE_UNAVAILABLE


async def test_files_outlive_the_server(tmp_path: Path) -> None:
    """As the messages do that they belong to; the permission to upload does, too."""
    async with Sandbox(tmp_path / "sandbox") as first, aiohttp.ClientSession() as session:
        auth = first.media.connection().text("auth")
        path = json.loads((await Client(first, session).upload(b"kept")).body)["direct_path"]
    async with Sandbox(tmp_path / "sandbox") as second, aiohttp.ClientSession() as session:
        assert (await Client(second, session).ask("GET", path)).body == b"kept"
        assert second.media.connection().text("auth") == auth


async def test_the_oldest_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And no single file is longer than what is kept in all."""
    monkeypatch.setattr(media, "MOST_BYTES", 100)
    async with Sandbox(tmp_path / "sandbox") as sandbox, aiohttp.ClientSession() as session:
        client = Client(sandbox, session)
        paths = [json.loads((await client.upload(bytes([number]) * 40)).body)["direct_path"] for number in range(3)]

        assert [(await client.ask("GET", path)).status for path in paths] == [404, 200, 200]
        assert (await client.upload(bytes(101))).status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        assert (await client.ask("GET", paths[2])).status == HTTPStatus.OK
