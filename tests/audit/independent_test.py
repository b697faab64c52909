"""An exported log and the proofs made from it, checked with nothing of this project: RFC 6962 by its definition over
hashlib, notes and Ed25519 by python3-cryptography."""

import base64
import hashlib
import json
import os
import pathlib
import struct
import subprocess
import tempfile
import unittest

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

EXPORT = os.environ["CONCORDAT_AUDIT_EXPORT"]
PROGRAM = os.environ["CONCORDAT_LAB_PROGRAM"]
ENTRIES = 700  # three bundles


def leaf(entry: bytes) -> bytes:
    return hashlib.sha256(b"\0" + entry).digest()


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def split(count: int) -> int:
    return 1 << (count - 1).bit_length() - 1


def root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962 section 2.1."""
    if len(leaves) < 2:
        return leaves[0] if leaves else hashlib.sha256().digest()
    k = split(len(leaves))
    return node(root(leaves[:k]), root(leaves[k:]))


def path(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of section 2.1.1."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if index < k:
        return path(index, leaves[:k]) + [root(leaves[k:])]
    return path(index - k, leaves[k:]) + [root(leaves[:k])]


def subproof(old: int, leaves: list[bytes], is_known: bool) -> list[bytes]:
    """SUBPROOF of section 2.1.2."""
    if old == len(leaves):
        return [] if is_known else [root(leaves)]
    k = split(len(leaves))
    if old <= k:
        return subproof(old, leaves[:k], is_known) + [root(leaves[k:])]
    return subproof(old - k, leaves[k:], False) + [root(leaves[:k])]


def tile_path(level: str, index: int, width: int) -> str:
    digits = f"{index:03}"
    digits = digits.rjust((len(digits) + 2) // 3 * 3, "0")
    groups = [digits[i:i + 3] for i in range(0, len(digits), 3)]
    name = "/".join([f"x{group}" for group in groups[:-1]] + [groups[-1]])
    return f"tile/{level}/{name}" + ("" if width == 256 else f".p/{width}")


class Exported(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        cls.log_key = subprocess.run([EXPORT, cls.folder, str(ENTRIES)], check=True, capture_output=True,
                                     text=True).stdout.strip()
        cls.log = cls.folder / "log"
        cls.note = (cls.log / "checkpoint").read_text()
        cls.size = int(cls.note.splitlines()[1])
        cls.entries = cls.read_entries()
        cls.leaves = [leaf(entry) for entry in cls.entries]

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    @classmethod
    def read_entries(cls) -> list[bytes]:
        entries = []
        for index in range(0, (cls.size + 255) // 256):
            bundle = (cls.log / tile_path("entries", index, min(256, cls.size - 256 * index))).read_bytes()
            while bundle:
                length = struct.unpack(">H", bundle[:2])[0]
                entries.append(bundle[2:2 + length])
                bundle = bundle[2 + length:]
        return entries

    def run_audit(self, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run([PROGRAM, "audit", *arguments], capture_output=True, text=True)

    def test_entries_lead_to_the_root(self):
        self.assertEqual(len(self.entries), ENTRIES)
        self.assertEqual(self.size, ENTRIES)
        self.assertEqual(base64.b64decode(self.note.splitlines()[2]), root(self.leaves))

    def test_tiles_are_what_they_are_defined_to_be(self):
        found = {str(file.relative_to(self.log)) for file in (self.log / "tile").rglob("*") if file.is_file()}
        wanted = {}
        for level in range(0, 3):
            span = 256 ** level
            hashes = [root(self.leaves[i * span:(i + 1) * span]) for i in range(self.size // span)]
            for index in range(0, (len(hashes) + 255) // 256):
                tile = hashes[256 * index:256 * (index + 1)]
                wanted[tile_path(str(level), index, len(tile))] = b"".join(tile)
        for name, content in wanted.items():
            self.assertEqual((self.log / name).read_bytes(), content, name)
        self.assertEqual({name for name in found if not name.startswith("tile/entries/")}, set(wanted))

    def test_checkpoint_is_signed_by_the_log_key(self):
        text, signatures = self.note.split("\n\n")
        text += "\n"
        name, key_id, key = self.log_key.split("+", 2)  # base64 has "+", too
        public = base64.b64decode(key)
        self.assertEqual(public[0], 1)
        self.assertEqual(hashlib.sha256(name.encode() + b"\n" + public).digest()[:4].hex(), key_id)
        self.assertEqual(text.splitlines()[0], name)
        own = [base64.b64decode(line.split(" ")[2]) for line in signatures.splitlines()
               if line.startswith(f"\N{EM DASH} {name} ")]
        self.assertEqual(len(own), 2)  # the boot's key has the same name
        mine = [signature for signature in own if signature[:4].hex() == key_id]
        self.assertEqual(len(mine), 1)
        Ed25519PublicKey.from_public_bytes(public[1:]).verify(mine[0][4:], text.encode())

    def test_evidence_is_named_by_its_hash(self):
        for file in (self.log / "evidence").rglob("*"):
            if file.is_file():
                self.assertEqual(hashlib.sha256(file.read_bytes()).hexdigest(), file.name)
                self.assertEqual(file.parent.name, file.name[:2])

    def test_proofs_are_what_they_are_defined_to_be(self):
        for index in (0, 1, 255, 256, 511, 600, 699):
            done = self.run_audit("prove", str(self.log), "--entry", str(index))
            self.assertEqual(done.returncode, 0, done.stderr)
            head, note = done.stdout.split("\n\n", 1)
            lines = head.splitlines()
            self.assertEqual(lines[:2], ["c2sp.org/tlog-proof@v1", f"index {index}"])
            self.assertEqual([base64.b64decode(line) for line in lines[2:]], path(index, self.leaves))
            self.assertEqual(note, self.note)
        for old in (1, 2, 255, 256, 257, 350, 512, 699):
            done = self.run_audit("prove", str(self.log), "--since", str(old))
            self.assertEqual(done.returncode, 0, done.stderr)
            lines = done.stdout.split("\n\n", 1)[0].splitlines()
            self.assertEqual(lines[0], f"old {old}")
            self.assertEqual([base64.b64decode(line) for line in lines[1:]], subproof(old, self.leaves, True))

    def test_the_program_agrees(self):
        arguments = ["verify", str(self.log), "--lab-root", str(self.folder / "root.der"), "--authority",
                     str(self.folder / "authority.cbor"), "--json"]
        done = self.run_audit(*arguments)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        report = json.loads(done.stdout)
        self.assertEqual((report["ok"], report["size"], report["entries"]), (True, ENTRIES, ENTRIES))
        self.assertEqual(report["root"], base64.b64encode(root(self.leaves)).decode())
        self.assertEqual({boot["log_key"] for boot in report["boots"]}, {self.log_key})

    def test_the_program_finds_a_changed_byte(self):
        bundle = self.log / "tile/entries/001"
        content = bundle.read_bytes()
        bundle.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        try:
            done = self.run_audit("verify", str(self.log), "--lab-root", str(self.folder / "root.der"), "--json")
        finally:
            bundle.write_bytes(content)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual([finding["where"] for finding in json.loads(done.stdout)["findings"]], ["entry 511"])


if __name__ == "__main__":
    unittest.main()
