"""The two chains of trust: Noise certificates under the sandbox's own root, and TLS for WhatsApp's hosts."""

import ssl
import time
from pathlib import Path

import trustme

from linda_bot.kernel.files import write_atomic
from linda_bot.sandbox.keys import KeyPair
from linda_bot.sandbox.library import HOST, MEDIA_HOST, protobufs

_DAY_S = 86400
_YEAR_S = 365 * _DAY_S


def noise_chain(root: KeyPair, intermediate: KeyPair, static: KeyPair) -> bytes:
    """Return the serialized chain that a client checks (whatsmeow handshake.go, verifyServerCert)."""
    pb = protobufs("waCert.WACert_pb2")
    details = pb.CertChain.NoiseCertificate.Details
    now = int(time.time())
    valid = {"notBefore": now - _DAY_S, "notAfter": now + _YEAR_S}
    middle = details(serial=1, issuerSerial=0, key=intermediate.public, **valid).SerializeToString()
    leaf = details(serial=2, issuerSerial=1, key=static.public, **valid).SerializeToString()
    chain: bytes = pb.CertChain(
        intermediate=pb.CertChain.NoiseCertificate(details=middle, signature=root.sign(middle)),
        leaf=pb.CertChain.NoiseCertificate(details=leaf, signature=intermediate.sign(leaf)),
    ).SerializeToString()
    return chain


def tls_context(ca_file: Path) -> ssl.SSLContext:
    """Return a context that speaks for WhatsApp's hosts to clients that trust `ca_file`.

    The authority is made on first use and kept, so that a client that still runs trusts the next server as well.
    """
    key_file = ca_file.with_name("ca-key.pem")
    try:
        authority = trustme.CA.from_pem(ca_file.read_bytes(), key_file.read_bytes())
    except (OSError, ValueError):
        authority = trustme.CA()
        write_atomic(key_file, authority.private_key_pem.bytes())
        write_atomic(ca_file, authority.cert_pem.bytes())
    return _context_of(authority)


def false_tls_context() -> ssl.SSLContext:
    """Return a context that speaks for WhatsApp's hosts with an authority of its own, which nobody trusts."""
    return _context_of(trustme.CA())


def _context_of(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST, MEDIA_HOST).configure_cert(context)
    return context
