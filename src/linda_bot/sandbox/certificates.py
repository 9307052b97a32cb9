"""The two chains of trust: Noise certificates under the sandbox's own root, and TLS for web.whatsapp.com."""

import ssl
import time
from pathlib import Path

import trustme

from linda_bot.kernel.files import write_atomic
from linda_bot.sandbox.keys import KeyPair
from linda_bot.sandbox.library import protobufs

HOST = "web.whatsapp.com"
_YEAR_S = 365 * 86400


def noise_chain(root: KeyPair, intermediate: KeyPair, static: KeyPair) -> bytes:
    """Return the serialized chain that a client checks (whatsmeow handshake.go, verifyServerCert)."""
    pb = protobufs("waCert.WACert_pb2")
    details = pb.CertChain.NoiseCertificate.Details
    now = int(time.time())
    valid = {"notBefore": now - 86400, "notAfter": now + _YEAR_S}
    middle = details(serial=1, issuerSerial=0, key=intermediate.public, **valid).SerializeToString()
    leaf = details(serial=2, issuerSerial=1, key=static.public, **valid).SerializeToString()
    chain: bytes = pb.CertChain(
        intermediate=pb.CertChain.NoiseCertificate(details=middle, signature=root.sign(middle)),
        leaf=pb.CertChain.NoiseCertificate(details=leaf, signature=intermediate.sign(leaf)),
    ).SerializeToString()
    return chain


def tls_context(ca_file: Path) -> ssl.SSLContext:
    """Make a throw-away CA and a certificate for WhatsApp's host; clients are to trust `ca_file`."""
    authority = trustme.CA()
    write_atomic(ca_file, authority.cert_pem.bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(context)
    return context
