"""KMS cannot be reached while a custodian starts: its worker is connected to it and says that it is not ready, and why; a
request is refused by a code; and when KMS is back, so is all of it, without anybody's help.
"""

import threading
import unittest

from lab_story import open_lab  # first: it says where the others are
from jobs import http_unix
from jobs.main_story import PAYMENTS, PAYMENTS_KEY, message
from jobs.processes import wait_for

PATIENCE_SECONDS = 240


class KmsOutage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.story = open_lab(cls.addClassCleanup)
        cls.lab = cls.story.lab
        cls.story.until_serving()
        cls.story.attest_worker(PAYMENTS)

    def health(self) -> http_unix.Answer:
        return self.lab.agent(PAYMENTS.name, "GET", "/v1/health")

    def sign(self) -> http_unix.Answer:
        return self.lab.agent(PAYMENTS.name, "POST", f"/v1/sign/{PAYMENTS_KEY}", message(b"pay 10 to carol"))

    def restart_custodian(self) -> None:
        self.lab.terminate("custodian")
        self.lab.run_enclave("custodian", self.story.images["custodian"])

    def test_a_custodian_without_its_root_is_told_of_and_comes_back_by_itself(self):
        self.assertEqual(self.sign().status, 200)
        self.lab.stop_kms()
        self.restart_custodian()
        wait_for("the custodian to try", lambda: self.lab.console_events("custodian", "root_not_unsealed"))

        said = self.lab.wait_for_event(PAYMENTS.name, "custodian_not_serving")
        self.assertEqual(said["code"], "root_missing")
        health = self.health()
        self.assertEqual((health.status, health.body["ready"]), (503, False))
        self.assertIn("root_missing", health.body["custodian"])
        failed = [check for check in health.body["checks"] if not check["ok"] and check["name"] == "custodian"]
        self.assertIn("root_missing", failed[0]["detail"])
        refused = self.sign()
        self.assertEqual(refused.status, 503)
        self.assertTrue(refused.error.startswith("not_ready: "), refused.error)

        answers = []
        waiting = threading.Thread(target=lambda: answers.append(http_unix.request(
            self.lab.agent_socket(PAYMENTS.name), "GET", f"/v1/wait-for-ready?timeout_seconds={PATIENCE_SECONDS}",
            timeout=PATIENCE_SECONDS + 30)))
        waiting.start()
        self.assertEqual(self.health().status, 503)
        self.assertEqual(answers, [])
        self.lab.start_kms()
        waiting.join()
        self.assertEqual([(answer.status, answer.body["ready"]) for answer in answers], [(200, True)])
        self.assertEqual(self.sign().status, 200, "at once: that it is ready was no hope")
        self.lab.wait_for_event(PAYMENTS.name, "custodian_serves")
        self.assertEqual(len(self.lab.console_events("custodian", "root_unsealed")), 1)


if __name__ == "__main__":
    unittest.main()
