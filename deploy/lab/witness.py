#!/usr/bin/python3
"""An example witness of audit logs (https://c2sp.org/tlog-witness): it signs checkpoints of the logs that it was told of,
each only if it goes on from the one that it signed last, and so never an older or another one.

  keygen   makes its key, and prints the verifier key for `concordat audit verify --witness`
  serve    answers POST /add-checkpoint
  submit   hands an exported log's checkpoint to a witness and puts its signature below it

What it remembers of a log is on disk before its signature leaves. Examples:

  witness.py keygen --name witness.example/1 --key witness.key
  witness.py serve --key witness.key --state witness --log 'lab.example/audit/custodian+1a2b3c4d+AZ..' --port 8910
  witness.py submit audit-2026-02 --witness http://127.0.0.1:8910 --concordat build/release/bin/concordat
"""

import argparse
import base64
import contextlib
import hashlib
import http.server
import os
import pathlib
import struct
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

LOG_KEY, COSIGNATURE_KEY = 1, 4  # kinds of keys in notes
MAX_REQUEST = 256 * 1024
MAX_PROOF = 63


class Refused(Exception):
    """With the status that the protocol has for it."""

    def __init__(self, status: int, why: str):
        super().__init__(why)
        self.status = status


RAW, NOT_SEALED = serialization.Encoding.Raw, serialization.NoEncryption()


def public_bytes(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(RAW, serialization.PublicFormat.Raw)


def private_bytes(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(RAW, serialization.PrivateFormat.Raw, NOT_SEALED)


def key_hash(name: str, kind: int, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


def verifier_key(name: str, kind: int, public: bytes) -> str:
    encoded = base64.b64encode(bytes([kind]) + public).decode()
    return f"{name}+{key_hash(name, kind, public).hex()}+{encoded}"


def read_verifier_key(text: str) -> tuple[str, bytes, Ed25519PublicKey]:
    name, hexed, encoded = text.split("+", 2)
    key = base64.b64decode(encoded, validate=True)
    if len(key) != 33 or key[0] != LOG_KEY or key_hash(name, LOG_KEY, key[1:]).hex() != hexed:
        raise ValueError(f"no verifier key of a log: {text}")
    return name, bytes.fromhex(hexed), Ed25519PublicKey.from_public_bytes(key[1:])


class Checkpoint:
    def __init__(self, note: str):
        self.text, separator, signatures = note.partition("\n\n")
        self.text += "\n"
        lines = self.text.split("\n")
        if not separator or len(lines) != 4 or not lines[1].isascii() or not lines[1].isdigit():
            raise Refused(400, "no checkpoint")
        self.origin, self.size = lines[0], int(lines[1])
        self.root = decode_hash(lines[2])
        self.signatures = []
        for line in signatures.splitlines():
            mark, name, encoded = (line.split(" ") + ["", ""])[:3]
            if mark != "\N{EM DASH}":
                raise Refused(400, "no signature line")
            self.signatures.append((name, decode(encoded)))

    def is_signed_by(self, name: str, hashed: bytes, key: Ed25519PublicKey) -> bool:
        for signer, signature in self.signatures:
            if signer == name and signature[:4] == hashed:
                with contextlib.suppress(InvalidSignature):
                    key.verify(signature[4:], self.text.encode())
                    return True
        return False


def decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise Refused(400, "no base64") from error


def decode_hash(text: str) -> bytes:
    out = decode(text)
    if len(out) != 32:
        raise Refused(400, "no hash")
    return out


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def is_consistent(old: int, old_root: bytes, size: int, root: bytes, proof: list[bytes]) -> bool:
    """RFC 9162, section 2.1.4.2."""
    if old == size:
        return not proof and old_root == root
    if old == 0:
        return not proof
    proof = list(proof)
    if old & (old - 1) == 0:
        proof.insert(0, old_root)
    if not proof:
        return False
    at, last = old - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = second = proof[0]
    for hashed in proof[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            first, second = node(hashed, first), node(hashed, second)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            second = node(second, hashed)
        at, last = at >> 1, last >> 1
    return last == 0 and first == old_root and second == root


class Witness:
    def __init__(self, name: str, key: Ed25519PrivateKey, logs: list[str], state: pathlib.Path):
        self.name, self.key, self.state = name, key, state
        self.logs = {read_verifier_key(text)[0]: read_verifier_key(text) for text in logs}
        self.lock = threading.Lock()
        state.mkdir(parents=True, exist_ok=True)

    def _file(self, origin: str) -> pathlib.Path:
        return self.state / hashlib.sha256(origin.encode()).hexdigest()

    def seen(self, origin: str) -> tuple[int, bytes]:
        try:
            size, root = self._file(origin).read_text().split()
        except FileNotFoundError:
            return 0, hashlib.sha256().digest()
        return int(size), bytes.fromhex(root)

    def remember(self, checkpoint: Checkpoint) -> None:
        path = self._file(checkpoint.origin)
        with open(path.with_suffix(".new"), "w") as file:
            file.write(f"{checkpoint.size} {checkpoint.root.hex()}\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(path.with_suffix(".new"), path)
        folder = os.open(self.state, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)

    def add_checkpoint(self, body: str) -> str:
        head, separator, note = body.partition("\n\n")
        first, *hashes = head.split("\n")
        if not separator or not first.startswith("old ") or not first[4:].isdigit() or len(hashes) > MAX_PROOF:
            raise Refused(400, "want 'old SIZE', a proof and a checkpoint")
        old, proof = int(first[4:]), [decode_hash(line) for line in hashes]
        checkpoint = Checkpoint(note)
        if checkpoint.origin not in self.logs:
            raise Refused(404, "a log that this witness was not told of")
        if not checkpoint.is_signed_by(*self.logs[checkpoint.origin]):
            raise Refused(403, "the log's key did not sign it")
        if old > checkpoint.size:
            raise Refused(400, "old is larger than the checkpoint")
        with self.lock:
            size, root = self.seen(checkpoint.origin)
            if old != size:
                raise Refused(409, f"{size}\n")
            if not is_consistent(size, root, checkpoint.size, checkpoint.root, proof):
                raise Refused(422, "it does not go on from what was signed last")
            self.remember(checkpoint)
        return self.cosign(checkpoint)

    def cosign(self, checkpoint: Checkpoint) -> str:
        now = int(time.time())
        signature = self.key.sign(f"cosignature/v1\ntime {now}\n{checkpoint.text}".encode())
        hashed = key_hash(self.name, COSIGNATURE_KEY, public_bytes(self.key))
        encoded = base64.b64encode(hashed + struct.pack(">Q", now) + signature).decode()
        return f"\N{EM DASH} {self.name} {encoded}\n"


def handler(witness: Witness) -> type:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            size = int(self.headers.get("Content-Length") or 0)
            if self.path != "/add-checkpoint" or size > MAX_REQUEST:
                return self.answer(404 if size <= MAX_REQUEST else 413, "")
            try:
                self.answer(200, witness.add_checkpoint(self.rfile.read(size).decode("utf-8", "strict")))
            except UnicodeDecodeError:
                self.answer(400, "no text\n")
            except Refused as refused:
                self.answer(refused.status, str(refused))

        def answer(self, status: int, text: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "text/x.tlog.size" if status == 409 else "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_):
            pass
    return Handler


def read_key(path: pathlib.Path) -> tuple[str, Ed25519PrivateKey]:
    name, seed = path.read_text().split()
    return name, Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))


def keygen(options) -> int:
    key = Ed25519PrivateKey.generate()
    with open(os.open(options.key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"{options.name}\n{private_bytes(key).hex()}\n")
    print(verifier_key(options.name, COSIGNATURE_KEY, public_bytes(key)))
    return 0


def serve(options) -> int:
    witness = Witness(*read_key(options.key), options.log, options.state)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", options.port), handler(witness))
    print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
    return 0


def post(url: str, body: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(urllib.request.Request(f"{url}/add-checkpoint", body.encode()), timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def growth(options, old: int, note: str) -> str:
    """What a witness is asked with."""
    size = Checkpoint(note).size
    if old in (0, size):
        return f"old {old}\n\n{note}"
    proven = subprocess.run([options.concordat, "audit", "prove", options.folder, "--since", str(old)],
                            capture_output=True, text=True)
    if proven.returncode != 0:
        raise Refused(422, proven.stderr)
    return proven.stdout


def submit(options) -> int:
    path = options.folder / "checkpoint"
    note = path.read_text()
    # A witness that has seen another size says which: once is enough, unless somebody else submits.
    old = 0
    for _ in range(3):
        if old > Checkpoint(note).size:
            break
        status, text = post(options.witness, growth(options, old, note))
        if status == 200:
            path.write_text(note + text)
            return 0
        if status != 409:
            break
        old = int(text)
    print(f"witness.py: the witness refused: {text.strip() or status}"
          + (f" entries were signed, {Checkpoint(note).size} are there" if status == 409 else ""), file=sys.stderr)
    return 2


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    make = commands.add_parser("keygen", help="make the witness's key")
    make.add_argument("--name", required=True)
    make.add_argument("--key", type=pathlib.Path, required=True)
    make.set_defaults(run=keygen)
    listen = commands.add_parser("serve", help="answer on 127.0.0.1")
    listen.add_argument("--key", type=pathlib.Path, required=True)
    listen.add_argument("--state", type=pathlib.Path, required=True)
    listen.add_argument("--log", action="append", required=True, help="verifier key of a log; again for another")
    listen.add_argument("--port", type=int, default=0)
    listen.set_defaults(run=serve)
    give = commands.add_parser("submit", help="have an exported log's checkpoint signed")
    give.add_argument("folder", type=pathlib.Path)
    give.add_argument("--witness", required=True, help="its URL")
    give.add_argument("--concordat", default="concordat", help="the operator's program")
    give.set_defaults(run=submit)
    options = parser.parse_args()
    try:
        return options.run(options)
    except (OSError, ValueError) as error:
        print(f"witness.py: {error}", file=sys.stderr)
        return 1
    except Refused as error:
        print(f"witness.py: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
