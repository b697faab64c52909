"""CBOR, HKDF and sealed envelopes as keyservice/KEYRING.md says, written from that page alone, with another library."""

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def head(major, n):
    if n < 24:
        return bytes([major << 5 | n])
    for info, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if n < 1 << 8 * size:
            return bytes([major << 5 | info]) + n.to_bytes(size, "big")
    raise ValueError(n)


def cbor(value):
    if value is None:
        return b"\xf6"
    if isinstance(value, bool):
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return head(0, value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    return head(4, len(value)) + b"".join(map(cbor, value))


def parse(data, at=0):
    """The item at `at`, and where it ends."""
    major, info = data[at] >> 5, data[at] & 31
    at += 1
    if major == 7:
        return {20: False, 21: True, 22: None}[info], at
    if info >= 24:
        size = 1 << info - 24
        info, at = int.from_bytes(data[at:at + size], "big"), at + size
    if major == 0:
        return info, at
    if major in (2, 3):
        raw = data[at:at + info]
        return (raw if major == 2 else raw.decode()), at + info
    items = []
    for _ in range(info):
        item, at = parse(data, at)
        items.append(item)
    return items, at


def envelope_items(encoded):
    items, end = parse(encoded)
    assert end == len(encoded) and cbor(items) == encoded
    return items


def hkdf(key, salt, info, size):
    return HKDF(algorithm=hashes.SHA384(), length=size, salt=salt, info=info).derive(key)


def sealed(key, before_body, aad, plaintext):
    """The envelope whose items before its last are `before_body`."""
    header = head(4, len(before_body) + 1) + b"".join(map(cbor, before_body))
    message_key = hkdf(key, before_body[-1], header, 32)
    return header + cbor(AESGCM(message_key).encrypt(bytes(12), plaintext, header + cbor(aad)))


def opened(key, encoded, aad):
    items = envelope_items(encoded)
    header = encoded[:len(encoded) - len(cbor(items[-1]))]
    message_key = hkdf(key, items[-2], header, 32)
    return AESGCM(message_key).decrypt(bytes(12), items[-1], header + cbor(aad))
