#!/usr/bin/python3
"""Makes tests/peer/vectors/concordat1.json from peer/PROTOCOL.md alone.

An independent reading of the specification: CBOR, HKDF and framing are written out here, X25519,
Ed25519 and AES-256-GCM come from Debian's python3-cryptography. `--check` compares with the committed file.
"""
import hashlib
import hmac
import json
import pathlib
import sys

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

VECTORS = pathlib.Path(__file__).parent / "vectors" / "concordat1.json"


def head(major, n):
    if n < 24:
        return bytes([major << 5 | n])
    for info, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if n < 1 << 8 * size:
            return bytes([major << 5 | info]) + n.to_bytes(size, "big")
    raise ValueError(n)


def cbor(value):
    if isinstance(value, int):
        return head(0, value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(cbor, value))
    if isinstance(value, dict):
        entries = sorted((cbor(k), cbor(v)) for k, v in value.items())
        return head(5, len(entries)) + b"".join(k + v for k, v in entries)
    raise TypeError(value)


def frame(kind, body):
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def extract(salt, key):
    return hmac.new(salt, key, hashlib.sha384).digest()


def expand(key, info, size):
    out, block, counter = b"", b"", 1
    while len(out) < size:
        block = hmac.new(key, block + info + bytes([counter]), hashlib.sha384).digest()
        out, counter = out + block, counter + 1
    return out[:size]


def sha384(*parts):
    return hashlib.sha384(b"".join(parts)).digest()


def box(stage, label, plaintext):
    material = expand(stage, label, 44)
    return AESGCM(material[:32]).encrypt(material[32:], plaintext, b"")


def record(material, sequence, kind, payload):
    iv = int.from_bytes(material[32:], "big")
    header = bytes([kind]) + (len(payload) + 16).to_bytes(3, "big")
    nonce = (iv ^ sequence).to_bytes(12, "big")
    return header + AESGCM(material[:32]).encrypt(nonce, payload, header)


def public(secret):
    return X25519PrivateKey.from_private_bytes(secret).public_key()


def raw(key):
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def spki(key):
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def make():
    secret_i, secret_r = sha384(b"secret I")[:32], sha384(b"secret R")[:32]
    n_i, n_r = sha384(b"n I")[:32], sha384(b"n R")[:32]
    digest, serial, purpose = hashlib.sha256(b"policy").digest(), 70000, "keys"
    e_i, e_r = public(secret_i), public(secret_r)
    document_r, document_i = b"document of R", b"document of I"

    hello = frame(0x01, cbor([1, raw(e_i), n_i, purpose, serial, digest]))
    clear = cbor([raw(e_r), n_r, serial, digest])
    z = X25519PrivateKey.from_private_bytes(secret_i).exchange(e_r)
    t1 = sha384(b"concordat/1/T1", hello, clear)
    box_1 = box(extract(t1, z), b"concordat/1/box_1", cbor([document_r]))
    t2 = sha384(b"concordat/1/T2", t1, box_1)
    box_2 = box(extract(t2, z), b"concordat/1/box_2", cbor([0, document_i]))
    t3 = sha384(b"concordat/1/T3", t2, box_2)
    p3 = extract(t3, z)
    traffic_i = expand(p3, b"concordat/1/traffic/initiator", 44)
    traffic_r = expand(p3, b"concordat/1/traffic/responder", 44)
    exporter = expand(p3, b"concordat/1/exporter", 48)
    extensions = {"bb": b"\x01", "a": b"", "session-key": b"\x02" * 32}
    operator = Ed25519PrivateKey.from_private_bytes(sha384(b"secret operator")[:32])
    operator_key = raw(operator.public_key())
    operator_signature = operator.sign(b"concordat/1/operator\0" + operator_key + t2)
    operator_evidence = cbor([1, operator_key, operator_signature])
    operator_box = box(extract(t2, z), b"concordat/1/box_2", operator_evidence)
    statement = [t1, purpose, "custodian", serial, digest, extensions]
    values = {
        "secret_i": secret_i, "secret_r": secret_r, "n_i": n_i, "n_r": n_r,
        "public_i": raw(e_i), "public_r": raw(e_r), "spki_i": spki(e_i),
        "policy_digest": digest, "document_r": document_r, "document_i": document_i,
        "hello_frame": hello, "reply_clear": clear, "z": z, "t1": t1, "t2": t2, "t3": t3,
        "reply_frame": frame(0x02, clear + cbor(box_1)), "confirm_frame": frame(0x03, cbor(box_2)),
        "accept_frame": frame(0x04, cbor(box(p3, b"concordat/1/accept", cbor([0])))),
        "record_i_0": record(traffic_i, 0, 0x10, b"first"),
        "record_i_1": record(traffic_i, 1, 0x10, b"second"),
        "close_i_2": record(traffic_i, 2, 0x11, b""),
        "record_r_0": record(traffic_r, 0, 0x10, b"answer"),
        "operator_seed": sha384(b"secret operator")[:32], "operator_key": operator_key,
        "operator_signature": operator_signature, "operator_evidence": operator_evidence,
        "operator_confirm_frame": frame(0x03, cbor(operator_box)),
        "operator_t3": sha384(b"concordat/1/T3", t2, operator_box),
        "exporter": exporter,
        "export_test": expand(exporter, b"concordat/1/export/test\0" + sha384(b"context"), 40),
        "statement_items": b"".join(map(cbor, statement)),
    }
    return {"purpose": purpose, "serial": serial, **{k: v.hex() for k, v in values.items()}}


def main():
    text = json.dumps(make(), indent=2) + "\n"
    if sys.argv[1:] == ["--check"]:
        if VECTORS.read_text() != text:
            sys.exit(f"{VECTORS} differs from what the specification gives")
        print("vectors agree with the specification")
    else:
        VECTORS.write_text(text)


if __name__ == "__main__":
    main()
