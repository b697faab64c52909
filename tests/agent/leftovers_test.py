"""Plaintexts that passed through an agent and its custodian: afterwards, all their memory holds none."""

import base64
import json
import os
import pathlib
import sys
import unittest

from agent_at_work import AgentAtWork

sys.path.insert(0, str(pathlib.Path(os.environ["CONCORDAT_SOURCE"]) / "tests/support"))
from process_memory import standing_still  # noqa: E402  (the path above comes first)
from secret_search import SecretSearch

NAME = "payments/settlement"


def encoded(secret: bytes) -> str:
    return base64.b64encode(secret).decode()


class Leftovers(AgentAtWork):
    def places_of(self, **wanted: bytes) -> list[str]:
        self.call("GET", "/v1/health")  # what the agent did before is done when this is answered
        with standing_still(self.process.pid):
            return [str(place) for place in SecretSearch(wanted).places_in(self.process.pid)]

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
        self.assertEqual(self.places_of(secret=secret, wrapped=wrapped, streamed=streamed, derived=derived,
                                        refused=refused), [])

    def test_are_found_where_they_are(self):
        """A key that the agent keeps is in its memory: what searches would find it."""
        response, key = self.call("GET", f"/v1/keys/{NAME}", headers={"Accept": "application/octet-stream"})
        self.assertEqual(response.status, 200)
        self.assertNotEqual(self.places_of(key=key), [])


if __name__ == "__main__":
    unittest.main()
