"""The binary node format."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linda_bot.sandbox.nodes import LID_SERVER, PHONE_SERVER, BadNodeError, Codec, Jid, Node
from tests.unit.sandbox.dictionary import TOKENS

CODEC = Codec(TOKENS)

words = st.sampled_from([*TOKENS.single[1:6], TOKENS.double[0][0], TOKENS.double[3][255]])
texts = st.one_of(words, st.text(min_size=1, max_size=30), st.text(alphabet="0123456789-.", min_size=1, max_size=20))
jids = st.builds(
    Jid,
    st.text(alphabet="0123456789", min_size=1, max_size=15),
    st.sampled_from([PHONE_SERVER, LID_SERVER]),
    st.integers(0, 255),
)
attributes = st.dictionaries(texts, st.one_of(texts, jids, st.just(Jid(""))), max_size=4)
nodes = st.recursive(
    st.builds(Node, texts, attributes, st.one_of(st.none(), st.binary(max_size=400))),
    lambda inner: st.builds(Node, texts, attributes, st.lists(inner, max_size=3)),
    max_leaves=8,
)


@given(nodes)
def test_what_is_encoded_is_decoded(node: Node) -> None:
    """Any node comes back as it was."""
    assert CODEC.decode(CODEC.encode(node)) == node


@pytest.mark.parametrize("size", [0, 1, 255, 256, (1 << 20) - 1, 1 << 20])
def test_content_of_every_length_form(size: int) -> None:
    """One, three and four bytes of length."""
    node = Node("body", content=b"x" * size)

    assert CODEC.decode(CODEC.encode(node)) == node


def test_more_children_than_a_byte_counts() -> None:
    """A client sends 812 keys in one list."""
    node = Node("list", content=[Node("key", {"id": str(number)}) for number in range(812)])

    assert CODEC.decode(CODEC.encode(node)) == node


def test_a_compressed_frame() -> None:
    """The flag byte says that the rest is deflated."""
    node = Node("iq", {"id": "1"}, [Node("ping")])
    plain = CODEC.encode(node)

    assert CODEC.decode(b"\x02" + zlib.compress(plain[1:])) == node


def test_packed_digits_and_hex() -> None:
    """Clients pack numbers two digits a byte; an odd count is padded with 15 (whatsmeow binary/encoder.go)."""
    odd = bytes((0, 248, 1, 255, 0x82, 0x49, 0x1F))
    tag = CODEC.decode(odd).tag
    hexadecimal = CODEC.decode(bytes((0, 248, 1, 251, 0x02, 0xAB, 0x0F))).tag

    assert tag == "491"
    assert hexadecimal == "AB0F"


@given(st.binary(max_size=60))
def test_nonsense_is_refused_by_one_error(data: bytes) -> None:
    """Whatever arrives, it is a node or a BadNodeError."""
    try:
        node = CODEC.decode(data)
    except BadNodeError:
        return
    assert isinstance(node, Node)


@pytest.mark.slow
@given(nodes, st.data())
def test_a_node_that_was_cut_short_is_refused(node: Node, data: st.DataObject) -> None:
    """No prefix of a node is a node."""
    body = CODEC.encode(node)
    length = data.draw(st.integers(0, len(body) - 1))

    with pytest.raises(BadNodeError):
        CODEC.decode(body[:length])


def test_a_deep_node_is_refused() -> None:
    """A frame cannot exhaust the stack."""
    with pytest.raises(BadNodeError):
        CODEC.decode(b"\x00" + bytes((248, 2, 1, 248, 1)) * 100_000)


@pytest.mark.parametrize(
    ("text", "jid"),
    [
        ("49151@s.whatsapp.net", Jid("49151")),
        ("49151:12@s.whatsapp.net", Jid("49151", device=12)),
        ("123@lid", Jid("123", LID_SERVER)),
        ("s.whatsapp.net", Jid("")),
    ],
)
def test_addresses_and_their_texts(text: str, jid: Jid) -> None:
    """Both ways."""
    assert Jid.parse(text) == jid
    assert str(jid) == text


def test_looking_into_a_node() -> None:
    """Paths, all of a kind, and what is not there."""
    node = Node("iq", {"to": Jid("1")}, [Node("a", content=[Node("b", content=b"x")]), Node("a")])

    inner = node.child("a", "b")
    assert inner is not None
    assert inner.data == b"x"
    assert len(node.all("a")) == 2
    assert node.child("a", "c") is None
    assert node.text("id") == ""
    assert node.jid("to") == Jid("1")
