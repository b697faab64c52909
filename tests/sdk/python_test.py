"""The C library as Python uses it (examples/python), every operation at a real agent with a custodian behind it."""

import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["CONCORDAT_SOURCE"])
EXAMPLE = SOURCE / "examples/python"
os.environ["CONCORDAT_LIBRARY"] = str(pathlib.Path(os.environ["CONCORDAT_BUILD"]) / "lib/libconcordat.so")
sys.path[:0] = [str(EXAMPLE), str(SOURCE / "tests/agent")]

from agent_at_work import AgentProcess  # noqa: E402  (the paths above come first)
from concordat import Agent, ConcordatError

KEY, NEVER_GRANTED = "payments/settlement", "reports/daily"
AGREEMENT, HANDED_OVER = "payments/agreement", "payments/handed-over"
# What the example asks for.
REPORTS = ("reports/signer:sign,verify", "reports/readers:wrap,unwrap")


@unittest.skipIf(os.environ.get("CONCORDAT_SANITIZE"), "sanitized: Python does not bring the sanitizer's library")
class Python(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.process = AgentProcess(*REPORTS)
        cls.addClassCleanup(cls.process.end)
        cls.agent = Agent(cls.process.endpoint)
        cls.addClassCleanup(cls.agent.close)

    def test_waits_and_tells_its_health(self):
        self.agent.wait_for_ready(30)
        ready, text = self.agent.health()
        self.assertTrue(ready)
        self.assertEqual(json.loads(text)["policy"], {"state": "ok", "serial": 1})

    def test_signs_as_openssl_verifies(self):
        signature, envelope = self.agent.sign(KEY, b"message")
        self.agent.verify(KEY, b"message", envelope)
        with tempfile.TemporaryDirectory() as folder:
            files = {name: pathlib.Path(folder) / name for name in ("key", "message", "signature")}
            files["key"].write_bytes(self.agent.public_key(KEY))
            files["message"].write_bytes(b"message")
            files["signature"].write_bytes(signature)
            done = subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", files["key"],
                                   "-rawin", "-in", files["message"], "-sigfile", files["signature"]],
                                  capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        with self.assertRaises(ConcordatError) as caught:
            self.agent.verify(KEY, b"another", envelope)
        self.assertEqual((caught.exception.code, caught.exception.http_status), ("authentication_failed", 422))

    def test_seals_and_opens(self):
        sealed = self.agent.encrypt(KEY, b"plaintext", b"aad")
        with self.agent.decrypt(KEY, sealed, b"aad") as plaintext:
            self.assertEqual(bytes(plaintext.view), b"plaintext")
        with self.assertRaises(ConcordatError) as caught:
            self.agent.decrypt(KEY, sealed, b"other")
        self.assertEqual(caught.exception.code, "authentication_failed")
        with self.agent.decrypt(KEY, self.agent.encrypt(KEY, b"")) as nothing:
            self.assertEqual(len(nothing), 0)

    def test_wraps_bytes_and_keys(self):
        with self.agent.unwrap(KEY, self.agent.wrap(KEY, b"inner")) as inner:
            self.assertEqual(bytes(inner.view), b"inner")
        with self.agent.unwrap(KEY, self.agent.wrap_key(KEY, HANDED_OVER, 1)) as inner, \
                self.agent.get_key(HANDED_OVER) as key:
            self.assertEqual(bytes(inner.view), bytes(key.view))
            self.assertEqual(len(key), 32)

    def test_makes_macs_that_verify(self):
        tag, envelope = self.agent.mac(KEY, b"message")
        self.assertEqual((len(tag), tag), (32, self.agent.mac(KEY, b"message")[0]))
        self.agent.verify(KEY, b"message", envelope)
        with self.assertRaises(ConcordatError):
            self.agent.verify(KEY, b"another", envelope)

    def test_derives_and_draws_bytes(self):
        agent = self.agent
        with agent.derive(KEY, 48, b"context") as one, agent.derive(KEY, 48, b"context", version=1) as same, \
                agent.derive(KEY, 48, b"other") as another:
            self.assertEqual(bytes(one.view), bytes(same.view))
            self.assertNotEqual(bytes(one.view), bytes(another.view))
            self.assertEqual(len(one), 48)
        peer, other = b"\x09" + bytes(31), b"\x07" + bytes(31)  # points of curve25519 (RFC 7748)
        with agent.derive(AGREEMENT, 32, b"c", peer) as one, agent.derive(AGREEMENT, 32, b"c", other) as another:
            self.assertNotEqual(bytes(one.view), bytes(another.view))
        with agent.random(KEY, 17) as one, agent.random(KEY, 17) as another:
            self.assertEqual(len(one), 17)
            self.assertNotEqual(bytes(one.view), bytes(another.view))

    def test_attests(self):
        document = self.agent.attestation(b"\xca\xfe", b"\xbe\xef")
        for said in (b"\x42\xca\xfe", b"concordat/application/1\x42\xbe\xef"):  # CBOR
            self.assertIn(said, document)

    def test_errors_are_the_agents_own(self):
        with self.assertRaises(ConcordatError) as caught:
            self.agent.get_key(NEVER_GRANTED)
        self.assertEqual((caught.exception.code, caught.exception.http_status), ("not_granted", 403))
        self.assertRegex(caught.exception.request_id, r"^[A-Za-z0-9._-]{24}$")
        with self.assertRaises(ConcordatError) as caught:
            Agent("vsock:3:1")
        self.assertEqual(caught.exception.code, "bad_argument")

    def test_a_secret_is_gone_when_wiped(self):
        key = self.agent.get_key(KEY)
        address = key._buffer.data
        self.assertNotEqual(ctypes_read(address, 32), bytes(32))
        key.wipe()
        self.assertEqual(ctypes_read(address, 32), bytes(32))
        with self.assertRaises(ValueError):
            bytes(key.view)

    def test_streams_and_passes_on_what_callbacks_raise(self):
        sealed, opened = bytearray(), hashlib.sha256()
        plaintext = os.urandom(1_000_003)
        self.agent.encrypt_stream(KEY, (plaintext[i:i + 9999] for i in range(0, len(plaintext), 9999)), sealed.extend, b"aad")
        self.agent.decrypt_stream(KEY, [bytes(sealed)], opened.update, b"aad")
        self.assertEqual(opened.digest(), hashlib.sha256(plaintext).digest())
        with self.assertRaises(ConcordatError):
            self.agent.decrypt_stream(KEY, [bytes(sealed)], lambda _: None, b"other")

        def broken(_):
            raise ZeroDivisionError
        with self.assertRaises(ZeroDivisionError):
            self.agent.encrypt_stream(KEY, [b"x" * 100_000], broken)

    def test_the_example_signs_and_seals_a_report(self):
        scratch = tempfile.TemporaryDirectory(prefix="c")
        self.addCleanup(scratch.cleanup)
        folder = pathlib.Path(scratch.name)
        report = folder / "report.txt"
        report.write_bytes(b"all is well\n" * 10)
        done = subprocess.run(["/usr/bin/python3", EXAMPLE / "sign_report.py", self.process.endpoint, report],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len((folder / "report.sig").read_bytes()), 64)
        opened = bytearray()
        self.agent.decrypt_stream("reports/readers", [(folder / "report.sealed").read_bytes()], opened.extend,
                                  b"report.txt")
        self.assertEqual(opened, report.read_bytes())


def ctypes_read(address: int, size: int) -> bytes:
    import ctypes
    return ctypes.string_at(address, size)


if __name__ == "__main__":
    unittest.main()
