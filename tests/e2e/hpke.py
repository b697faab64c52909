"""RFC 9180 by another hand, for contributions that no honest holder makes: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256,
ChaCha20Poly1305, and as much of CBOR as their contexts are."""

import base64
import hashlib
import hmac
import pathlib
import struct

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

KEM, SUITE = b"KEM\x00\x20", b"HPKE\x00\x20\x00\x01\x00\x03"


def cbor(item) -> bytes:
    def head(major: int, value: int) -> bytes:
        for size, code, limit in ((0, value, 24), (1, 24, 1 << 8), (2, 25, 1 << 16), (4, 26, 1 << 32)):
            if value < limit:
                return bytes([major << 5 | code]) + (value.to_bytes(size, "big") if size else b"")
        raise ValueError(value)
    if isinstance(item, int):
        return head(0, item)
    if isinstance(item, bytes):
        return head(2, len(item)) + item
    if isinstance(item, str):
        return head(3, len(item.encode())) + item.encode()
    return head(4, len(item)) + b"".join(map(cbor, item))


def holder_key(file: pathlib.Path) -> X25519PrivateKey:
    """Of a key file without a passphrase: its last 32 bytes."""
    return X25519PrivateKey.from_private_bytes(base64.b64decode("".join(file.read_text().splitlines()[1:-1]))[-32:])


def public(key: X25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def extract(salt: bytes, suite: bytes, label: bytes, content: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + content, hashlib.sha256)


def expand(key: bytes, suite: bytes, label: bytes, info: bytes, size: int) -> bytes:
    labeled = struct.pack(">H", size) + b"HPKE-v1" + suite + label + info
    return hmac.digest(key, labeled + b"\x01", hashlib.sha256)[:size]


def seal_from(sender: X25519PrivateKey, recipient: bytes, info: bytes, plaintext: bytes) -> bytes:
    """Mode auth."""
    ephemeral, to = X25519PrivateKey.generate(), X25519PublicKey.from_public_bytes(recipient)
    context = public(ephemeral) + recipient + public(sender)
    agreed = extract(b"", KEM, b"eae_prk", ephemeral.exchange(to) + sender.exchange(to))
    shared = expand(agreed, KEM, b"shared_secret", context, 32)
    schedule = b"\x02" + extract(b"", SUITE, b"psk_id_hash", b"") + extract(b"", SUITE, b"info_hash", info)
    secret = extract(shared, SUITE, b"secret", b"")
    key, nonce = expand(secret, SUITE, b"key", schedule, 32), expand(secret, SUITE, b"base_nonce", schedule, 12)
    return public(ephemeral) + ChaCha20Poly1305(key).encrypt(nonce, plaintext, b"")
