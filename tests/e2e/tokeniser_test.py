"""examples/tokeniser as the application of two workers: one image's role makes tokens, the other's opens what the first
one sealed, and neither may do the other's."""

import base64
import json
import os
import unittest

from lab_story import open_lab  # first: it says where the others are
from jobs import http_unix, tokeniser
from jobs.deployment import Worker
from jobs.main_story import PAYMENTS, REPORTS, MainStory
from jobs.processes import wait_for

TOKENISER, SETTLEMENT = PAYMENTS, REPORTS
CARD = "4111111111111111"  # what payment schemes publish for tests


class TokeniserStory(MainStory):
    def make_images(self) -> str:
        made = super().make_images()
        for worker in (TOKENISER, SETTLEMENT):
            self.images[worker.name] = tokeniser.pack(self.lab, worker)
        return made

    def make_policy(self) -> str:
        super().make_policy()
        for worker, key, operations in ((TOKENISER, tokeniser.TOKENS_KEY, "mac"), (TOKENISER, tokeniser.VAULT_KEY, "encrypt"),
                                        (SETTLEMENT, tokeniser.VAULT_KEY, "decrypt")):
            self.lab.policy("grant", worker.role, key, operations)
        return f"serial {self.lab.sign_policy()['serial']}"


class TokeniserInTheLab(unittest.TestCase):
    """One run for all cases."""

    @classmethod
    def setUpClass(cls):
        cls.story = open_lab(cls.addClassCleanup, story=TokeniserStory)
        cls.lab = cls.story.lab
        cls.story.until_serving()
        for worker in (TOKENISER, SETTLEMENT):
            cls.lab.run_enclave(worker.name, cls.story.images[worker.name])
            wait_for(f"the application of {worker.name}", lambda worker=worker: tokeniser.is_ready(cls.lab, worker))

    def ask(self, worker: Worker, method: str, operation: str, **members) -> http_unix.Answer:
        return tokeniser.ask(self.lab, worker, method, operation, **members)

    def refused(self, answer: http_unix.Answer) -> tuple[int, str]:
        self.assertEqual(answer.body.get("error", {}).get("request_id"), "order-17", answer)
        return answer.status, answer.error.split(":")[0]

    def test_is_not_ready_before_its_agent_has_reached_the_custodian(self):
        events = [line["event"] for line in self.lab.console(TOKENISER.name)]
        self.assertLess(events.index("listening"), events.index("ready"))

    def test_attests_to_its_callers(self):
        nonce = os.urandom(32)
        answer = self.ask(TOKENISER, "POST", "attest", nonce=base64.b64encode(nonce).decode())
        document = self.lab.folder / "tokeniser.b64"
        document.write_text(answer.body["document"])
        verdict = self.lab.operator("attest", "verify", document, "--at", "now", "--root", self.lab.lab_root,
                                    "--nonce", nonce.hex())
        measured = json.loads(self.lab.programs.run("concordat-lab", "measure", self.story.images[TOKENISER.name]).stdout)
        self.assertEqual(verdict["verdict"], "accept")
        self.assertEqual(verdict["claims"]["pcrs"]["0"], measured["Measurements"]["PCR0"])

    def test_makes_tokens_that_only_settlement_can_open(self):
        made = self.ask(TOKENISER, "POST", "tokenise", card="4111 1111 1111 1111")
        self.assertEqual(made.status, 200, made)
        self.assertRegex(made.body["token"], r"^tok1_1_[a-z2-7]{26}_1111$")
        again = self.ask(TOKENISER, "POST", "tokenise", card=CARD)
        self.assertEqual(again.body["token"], made.body["token"])
        opened = self.ask(SETTLEMENT, "POST", "detokenise", **made.body)
        self.assertEqual(opened.body, {"card": CARD})
        self.assertEqual(self.refused(self.ask(TOKENISER, "POST", "detokenise", **made.body)), (403, "not_granted"))
        self.assertEqual(self.refused(self.ask(SETTLEMENT, "POST", "tokenise", card=CARD)), (403, "not_granted"))
        moved = self.ask(SETTLEMENT, "POST", "detokenise", **{**made.body, "token": made.body["token"] + "x"})
        self.assertEqual(self.refused(moved), (422, "authentication_failed"))
        for tap in self.lab.taps.values():
            self.assertFalse(tap.contains(CARD.encode()) or tap.contains(base64.b64encode(CARD.encode())))

    def test_takes_card_numbers_only(self):
        self.assertEqual(self.refused(self.ask(TOKENISER, "POST", "tokenise", card="4111111111111112")),
                         (422, "not_a_card_number"))
        self.assertEqual(self.refused(self.ask(TOKENISER, "POST", "tokenise", number=CARD)),
                         (400, "malformed_request"))


if __name__ == "__main__":
    unittest.main()
