"""The C library as Python uses it: examples/python."""

import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

from fake_agent import FakeAgent

SOURCE = pathlib.Path(os.environ["CONCORDAT_SOURCE"])
EXAMPLE = SOURCE / "examples/python"
os.environ["CONCORDAT_LIBRARY"] = str(pathlib.Path(os.environ["CONCORDAT_BUILD"]) / "lib/libconcordat.so")
sys.path.insert(0, str(EXAMPLE))

from concordat import Agent, ConcordatError  # noqa: E402  (the path above comes first)


@unittest.skipIf(os.environ.get("CONCORDAT_SANITIZE"), "sanitized: Python does not bring the sanitizer's library")
class Python(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="c")
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)
        self.fake = FakeAgent(self.folder / "agent", "keys denied")
        self.addCleanup(self.fake.__exit__)
        self.agent = Agent(self.fake.endpoint)
        self.addCleanup(self.agent.close)

    def test_uses_every_operation(self):
        agent = self.agent
        agent.wait_for_ready(30)
        self.assertTrue(agent.health()[0])
        signature, envelope = agent.sign("s", b"message")
        self.assertEqual(len(signature), 64)
        agent.verify("s", b"message", envelope)
        self.assertEqual(len(agent.public_key("s")), 44)
        sealed = agent.encrypt("e", b"plaintext", b"aad")
        with agent.decrypt("e", sealed, b"aad") as plaintext:
            self.assertEqual(bytes(plaintext.view), b"plaintext")
        with agent.unwrap("w", agent.wrap("w", b"inner")) as inner:
            self.assertEqual(bytes(inner.view), b"inner")
        with agent.unwrap("w", agent.wrap_key("w", "k")) as inner, agent.get_key("k") as key:
            self.assertEqual(bytes(inner.view), bytes(key.view))
        tag, _ = agent.mac("m", b"message")
        self.assertEqual(tag, agent.mac("m", b"message")[0])
        with agent.derive("d", 48, b"context", bytes(32), 2) as first, agent.derive("d", 48, b"other") as second:
            self.assertEqual((len(first), len(second)), (48, 48))
            self.assertNotEqual(bytes(first.view), bytes(second.view))
        self.assertEqual(len(agent.random("r", 17)), 17)
        self.assertEqual(agent.attestation(b"\xca\xfe", b"\x01"), b"document nonce=cafe&user_data=01")

    def test_an_empty_result_is_one(self):
        with self.agent.decrypt("e", self.agent.encrypt("e", b"")) as nothing:
            self.assertEqual(len(nothing), 0)

    def test_errors_are_the_agents_own(self):
        with self.assertRaises(ConcordatError) as caught:
            self.agent.get_key("denied")
        self.assertEqual((caught.exception.code, caught.exception.http_status), ("not_granted", 403))
        self.assertEqual(caught.exception.request_id, "fake-1")
        with self.assertRaises(ConcordatError) as caught:
            Agent("vsock:3:1")
        self.assertEqual(caught.exception.code, "bad_argument")
        _, envelope = self.agent.sign("s", b"message")
        with self.assertRaises(ConcordatError) as caught:
            self.agent.verify("s", b"another", envelope)
        self.assertEqual(caught.exception.code, "authentication_failed")

    def test_a_secret_is_gone_when_wiped(self):
        key = self.agent.get_key("k")
        address = key._buffer.data
        self.assertNotEqual(ctypes_read(address, 32), bytes(32))
        key.wipe()
        self.assertEqual(ctypes_read(address, 32), bytes(32))
        with self.assertRaises(ValueError):
            bytes(key.view)

    def test_streams_and_passes_on_what_callbacks_raise(self):
        sealed, opened = bytearray(), hashlib.sha256()
        plaintext = os.urandom(1_000_003)
        self.agent.encrypt_stream("s", (plaintext[i:i + 9999] for i in range(0, len(plaintext), 9999)), sealed.extend, b"aad")
        self.agent.decrypt_stream("s", [bytes(sealed)], opened.update, b"aad")
        self.assertEqual(opened.digest(), hashlib.sha256(plaintext).digest())
        with self.assertRaises(ConcordatError):
            self.agent.decrypt_stream("s", [bytes(sealed)], lambda _: None, b"other")

        def broken(_):
            raise ZeroDivisionError
        with self.assertRaises(ZeroDivisionError):
            self.agent.encrypt_stream("s", [b"x" * 100_000], broken)

    def test_the_example_signs_and_seals_a_report(self):
        report = self.folder / "report.txt"
        report.write_bytes(b"all is well\n" * 10)
        done = subprocess.run(["/usr/bin/python3", EXAMPLE / "sign_report.py", self.fake.endpoint, report],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len((self.folder / "report.sig").read_bytes()), 64)
        opened = bytearray()
        self.agent.decrypt_stream("reports/readers", [(self.folder / "report.sealed").read_bytes()], opened.extend,
                                  b"report.txt")
        self.assertEqual(opened, report.read_bytes())


def ctypes_read(address: int, size: int) -> bytes:
    import ctypes
    return ctypes.string_at(address, size)


if __name__ == "__main__":
    unittest.main()
