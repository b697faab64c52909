"""Plaintexts that passed through an agent and its custodian: afterwards, all their memory holds none."""

import base64
import json
import os
import pathlib
import re
import unittest

from agent_at_work import AgentAtWork

NAME = "payments/settlement"


def memory_of(process: int):
    """The contents of every mapping that can be written to."""
    maps = pathlib.Path(f"/proc/{process}/maps").read_text()
    with open(f"/proc/{process}/mem", "rb", buffering=0) as memory:
        for first, last in re.findall(r"^([0-9a-f]+)-([0-9a-f]+) rw", maps, re.MULTILINE):
            memory.seek(int(first, 16))
            try:
                yield memory.read(int(last, 16) - int(first, 16))
            except OSError:
                pass  # a mapping of the kernel's own


def encoded(secret: bytes) -> str:
    return base64.b64encode(secret).decode()


class Leftovers(AgentAtWork):
    def places_of(self, *secrets: bytes) -> list[bytes]:
        """Which of them, or a part of twelve bytes that no other chance explains, is anywhere."""
        forms = [form for secret in secrets for form in (secret, base64.b64encode(secret))]
        parts = {form[at:at + 12] for form in forms for at in range(0, len(form) - 11, 12)}
        found = set()
        for content in memory_of(self.process.pid):
            found |= {part for part in parts if part in content}
        return sorted(found)

    def post(self, operation: str, **members) -> dict:
        response, body = self.call("POST", f"/v1/{operation}/{NAME}", json.dumps(members).encode())
        self.assertEqual(response.status, 200, body)
        return json.loads(body)

    def test_are_none(self):
        secret, wrapped, streamed = (os.urandom(60) for _ in range(3))
        ciphertext = self.post("encrypt", plaintext=encoded(secret))["ciphertext"]
        self.assertEqual(base64.b64decode(self.post("decrypt", ciphertext=ciphertext)["plaintext"]), secret)
        envelope = self.post("wrap", bytes=encoded(wrapped))["wrapped"]
        self.assertEqual(base64.b64decode(self.post("unwrap", wrapped=envelope)["bytes"]), wrapped)
        _, sealed = self.call("POST", f"/v1/encrypt-stream/{NAME}", streamed * 2000)
        _, opened = self.call("POST", f"/v1/decrypt-stream/{NAME}", sealed)
        self.assertEqual(opened, streamed * 2000)
        derived = base64.b64decode(self.post("derive", size=60)["bytes"])
        # A request that is refused leaves nothing either.
        refused = os.urandom(60)
        response, _ = self.call("POST", f"/v1/encrypt/{NAME}",
                                json.dumps({"plaintext": encoded(refused), "unheard": "of"}).encode())
        self.assertEqual(response.status, 400)
        self.assertEqual(self.places_of(secret, wrapped, streamed, derived, refused), [])

    def test_are_found_where_they_are(self):
        """A key that the agent keeps is in its memory: what searches would find it."""
        response, key = self.call("GET", f"/v1/keys/{NAME}", headers={"Accept": "application/octet-stream"})
        self.assertEqual(response.status, 200)
        self.assertNotEqual(self.places_of(key), [])


if __name__ == "__main__":
    unittest.main()
