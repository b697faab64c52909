"""The example witness: what it signs, and what it never does."""

import base64
import hashlib
import os
import pathlib
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["CONCORDAT_SOURCE"])
sys.path[:0] = [str(SOURCE / "deploy/lab")]
sys.dont_write_bytecode = True

import witness  # noqa: E402  (the path above comes first)

ORIGIN = "lab.example/audit/custodian"


def root_of(leaves: list[bytes]) -> bytes:
    """RFC 6962, as it is defined."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return witness.node(root_of(leaves[:split]), root_of(leaves[split:]))


def proof_of(old: int, leaves: list[bytes], whole: bool = True) -> list[bytes]:
    """SUBPROOF of RFC 6962, section 2.1.2."""
    if old == len(leaves):
        return [] if whole else [root_of(leaves)]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if old <= split:
        return proof_of(old, leaves[:split], whole) + [root_of(leaves[split:])]
    return proof_of(old - split, leaves[split:], False) + [root_of(leaves[:split])]


class WitnessTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.state = pathlib.Path(folder.name) / "state"
        self.log_key = witness.Ed25519PrivateKey.generate()
        self.key = witness.Ed25519PrivateKey.generate()
        self.witness = self.start()
        self.leaves = [bytes([i]) for i in range(70)]

    def start(self) -> witness.Witness:
        log = witness.verifier_key(ORIGIN, witness.LOG_KEY, witness.public_bytes(self.log_key))
        return witness.Witness("witness.example/1", self.key, [log], self.state)

    def note(self, leaves: list[bytes], origin: str = ORIGIN, key=None) -> str:
        text = f"{origin}\n{len(leaves)}\n{base64.b64encode(root_of(leaves)).decode()}\n"
        key = key or self.log_key
        signature = witness.key_hash(origin, witness.LOG_KEY, witness.public_bytes(key)) + key.sign(text.encode())
        return f"{text}\n\N{EM DASH} {origin} {base64.b64encode(signature).decode()}\n"

    def ask(self, old: int, leaves: list[bytes], proof: list[bytes] | None = None, note: str = "") -> str:
        hashes = proof_of(old, leaves) if proof is None and 0 < old < len(leaves) else proof or []
        lines = [f"old {old}", *(base64.b64encode(each).decode() for each in hashes)]
        return self.witness.add_checkpoint("\n".join(lines) + "\n\n" + (note or self.note(leaves)))

    def refusal(self, *arguments, **more) -> tuple[int, str]:
        with self.assertRaises(witness.Refused) as raised:
            self.ask(*arguments, **more)
        return raised.exception.status, str(raised.exception)

    def test_signs_what_goes_on_from_what_it_signed(self):
        old = 0
        for size in (1, 2, 3, 8, 9, 64, 65, 70, 70):
            line = self.ask(old, self.leaves[:size])
            mark, name, encoded = line.rstrip("\n").split(" ")
            signature = base64.b64decode(encoded)
            time = int.from_bytes(signature[4:12], "big")
            self.assertEqual((mark, name), ("\N{EM DASH}", "witness.example/1"))
            text = self.note(self.leaves[:size]).partition("\n\n")[0] + "\n"
            self.key.public_key().verify(signature[12:], f"cosignature/v1\ntime {time}\n{text}".encode())
            old = size

    def test_never_signs_an_older_or_another_one(self):
        self.ask(0, self.leaves[:20])
        self.assertEqual(self.refusal(0, self.leaves[:10]), (409, "20\n"))
        self.assertEqual(self.refusal(10, self.leaves[:30]), (409, "20\n"))
        self.assertEqual(self.refusal(20, self.leaves[:10])[0], 400)
        other = [b"other"] + self.leaves[1:]
        self.assertEqual(self.refusal(20, other[:20])[0], 422)
        self.assertEqual(self.refusal(20, other[:30])[0], 422)
        self.assertEqual(self.refusal(20, self.leaves[:30], proof=[])[0], 422)
        self.ask(20, self.leaves[:30])

    def test_remembers_through_a_restart(self):
        self.ask(0, self.leaves[:20])
        self.witness = self.start()
        self.assertEqual(self.refusal(0, self.leaves[:10]), (409, "20\n"))
        self.ask(20, self.leaves[:21])

    def test_signs_for_logs_that_it_was_told_of_and_their_keys(self):
        leaves = self.leaves[:2]
        self.assertEqual(self.refusal(0, leaves, note=self.note(leaves, origin="another"))[0], 404)
        stranger = witness.Ed25519PrivateKey.generate()
        self.assertEqual(self.refusal(0, leaves, note=self.note(leaves, key=stranger))[0], 403)

    def test_refuses_what_it_does_not_understand(self):
        for body in ("", "old 0", "old x\n\n" + self.note(self.leaves), "old 0\n!\n\n" + self.note(self.leaves),
                     "old 0\n" * 80 + "\n" + self.note(self.leaves), "old 0\n\nno checkpoint\n"):
            with self.assertRaises(witness.Refused) as raised:
                self.witness.add_checkpoint(body)
            self.assertEqual(raised.exception.status, 400, body)


if __name__ == "__main__":
    unittest.main()
