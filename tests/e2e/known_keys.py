"""Secrets of a realm in the lab that a test knows all the same, and what libraries make of them: keys that it imports, and
the root with what is derived from it, which the local KMS's own key opens."""

import hashlib
import hmac
import secrets

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from envelopes import cbor, head
from jobs.deployment import REALM, Deployment

_MAKERS = {"ed25519": Ed25519PrivateKey.generate, "x25519": X25519PrivateKey.generate,
           "p256": lambda: ec.generate_private_key(ec.SECP256R1()), "p384": lambda: ec.generate_private_key(ec.SECP384R1())}
KINDS = ("aes256", "hmac", *_MAKERS)


class KnownKey:
    def __init__(self, kind: str):
        self.kind = kind
        self.bytes = self.file = secrets.token_bytes(32)
        if kind in _MAKERS:
            key = _MAKERS[kind]()
            self.file = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
            if kind.endswith("25519"):
                self.bytes = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
            else:
                self.bytes = key.private_numbers().private_value.to_bytes(key.key_size // 8, "big")

    def kept(self) -> dict[str, bytes]:
        return {self.kind: self.bytes}

    def made_of_it(self) -> dict[str, bytes]:
        if self.kind != "ed25519":
            return {}
        digest = hashlib.sha512(self.bytes).digest()  # RFC 8032, section 5.1.5
        scalar = bytes([digest[0] & 0xf8, *digest[1:31], digest[31] & 0x7f | 0x40])
        return {"ed25519's scalar": scalar, "ed25519's prefix": digest[32:]}


def _expanded(key: bytes, info: bytes, size: int) -> bytes:
    """HKDF-Expand (RFC 5869), to no more than one block of SHA-384."""
    return hmac.digest(key, info + b"\x01", "sha384")[:size]


class KnownRoot:
    """As keyservice/root.hpp derives from it."""

    def __init__(self, lab: Deployment, key_arn: str):
        """`key_arn`: of the only key of the local KMS."""
        context = {"concordat:realm": REALM, "concordat:root-generation": "1"}
        bound = head(4, 2) + cbor(key_arn) + head(5, 2) + b"".join(cbor(name) + cbor(context[name]) for name in context)
        blob = lab.read_from_store("custodian/root-1")  # magic (4), key's id (36), nonce (12)
        (key,) = (lab.kms / "keys").glob("*.key")
        self.bytes = AESGCM(key.read_bytes()).decrypt(blob[40:52], blob[52:], bound)
        self._extracted = hmac.digest(b"concordat/root/1", self.bytes, "sha384")

    def kept(self) -> dict[str, bytes]:
        """By a custodian, from which everything else comes."""
        return {"extracted root": self._extracted,
                "journal key": _expanded(self._extracted, b"concordat/journal-key/1", 48)}

    def derived(self, name: str, use: str) -> bytes:
        return _expanded(self._extracted, cbor(["concordat/key/1", use, name, 1]), 32)
