"""Policies rolled out to running enclaves, and parents that withhold, replay and mix them.

One lab with a custodian and two workers serves all stories; each begins with both workers ready under a policy that
wants no freshness statements, and every wait is for an event.
"""

import base64
import datetime
import json
import shutil
import unittest

from lab_story import open_lab  # first: it says where the others are
from jobs.main_story import PAYMENTS, PAYMENTS_KEY, REPORTS, REPORTS_KEY
from jobs.processes import wait_for

ENCLAVES = ("custodian", PAYMENTS.name, REPORTS.name)
# Short enough to wait for, long enough for a machine that does much besides.
MAX_AGE_SECONDS = 6


def rfc3339(when: datetime.datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


class RollOut(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.story = open_lab(cls.addClassCleanup)
        cls.lab, cls.folder = cls.story.lab, cls.story.lab.folder
        cls.story.until_serving()
        for worker in (PAYMENTS, REPORTS):
            cls.story.attest_worker(worker)
        cls.key = cls.folder / "online.key"
        cls.lab.operator("keygen", "--out", cls.key)
        cls.public_key = json.loads((cls.folder / "online.key.pub").read_text())["public_key"]
        cls.good = json.loads((cls.lab.authority / "policy.json").read_text())

    def setUp(self):
        self.policy_of(lambda policy: None)
        self.lab.push_policy()
        for worker in (PAYMENTS, REPORTS):
            self.wait_until_ready(worker)
        self.marks = {name: len(self.lab.console(name)) for name in ENCLAVES}

    # --- What the stories are told with ---

    def policy_of(self, change) -> int:
        """Signs the policy that all began with, changed, under the next serial."""
        def apply(policy: dict) -> None:
            serial = policy["serial"]
            policy.clear()
            policy.update(json.loads(json.dumps(self.good)), serial=serial)
            change(policy)
        serial = self.lab.edit_policy(apply)
        self.lab.sign_policy()
        return serial

    def wait_until_ready(self, worker) -> dict:
        return wait_for(f"{worker.name} to be ready", lambda: self.story.ready(worker))

    def event(self, name: str, event: str, **fields) -> dict:
        return self.lab.wait_for_event(name, event, since=self.marks[name], **fields)

    def key_of(self, worker, name: str) -> bytes:
        answer = self.lab.agent(worker.name, "GET", f"/v1/keys/{name}")
        self.assertEqual(answer.status, 200, answer.error)
        return base64.b64decode(answer.body["key"])

    def serial_of(self, worker) -> int:
        return self.lab.agent(worker.name, "GET", "/v1/health").body["policy"]["serial"]

    # --- Roll-out and revocation ---

    def test_a_pushed_policy_is_taken_by_running_enclaves_and_survives_the_parent(self):
        serial = self.policy_of(lambda policy: None)
        self.assertTrue(self.lab.push_policy()["ok"])
        for name in ENCLAVES:
            self.event(name, "policy_in_force", serial=serial)
        self.lab.restart_parent()
        self.assertEqual(self.lab.parent_status()["policy"]["serial"], serial)
        self.wait_until_ready(PAYMENTS)
        # Its enclaves ask it again by themselves.
        following = self.policy_of(lambda policy: None)
        self.lab.push_policy()
        for name in ENCLAVES:
            self.event(name, "policy_in_force", serial=following)

    def test_a_revoked_image_loses_its_channel_and_is_refused_by_name_while_the_other_goes_on(self):
        self.key_of(PAYMENTS, PAYMENTS_KEY)
        serial = self.policy_of(lambda policy: policy["roles"]["payments"].update(images=[]))
        self.lab.push_policy()
        self.event("custodian", "policy_in_force", serial=serial)
        self.event("custodian", "channel_ended", role=PAYMENTS.role)
        refused = self.event("custodian", "peer_refused", source=f"enclave/{PAYMENTS.name}", code="role_has_no_image")
        self.assertIn("as role 'payments'", refused["detail"])
        self.wait_until_ready(REPORTS)
        self.key_of(REPORTS, REPORTS_KEY)
        self.assertIsNone(self.story.ready(PAYMENTS))
        # What it had received, and that it was refused, is there for operators to read.
        report = wait_for("the custodian to report the refusal", self.report_with("role_has_no_image"))
        self.assertIn((PAYMENTS_KEY, "get", "payments", "payments-1", 1),
                      {(entry["key"], entry["operation"], entry["role"], entry["image"], entry["version"])
                       for entry in report["releases"]})
        self.assertTrue(report["releases_complete"])

    def report_with(self, code: str):
        def look():
            report = self.lab.report_of("custodian")
            return report if code in {refusal["code"] for refusal in report.get("refusals", [])} else None
        return look

    def test_a_withdrawn_grant_is_withdrawn_at_once(self):
        self.key_of(PAYMENTS, PAYMENTS_KEY)
        self.policy_of(lambda policy: policy.update(
            grants=[grant for grant in policy["grants"] if grant["role"] != "payments"]))
        self.lab.push_policy()
        refused = wait_for("the grant to be withdrawn", lambda: (
            answer if (answer := self.lab.agent(PAYMENTS.name, "GET", f"/v1/keys/{PAYMENTS_KEY}")).status == 403 else None))
        self.assertTrue(refused.error.startswith("not_granted"))

    # --- Parents that replay and mix ---

    def test_a_replayed_policy_is_refused_and_changes_nothing(self):
        older = self.folder / "older.json"
        shutil.copy(self.lab.signed_policy, older)
        serial = self.policy_of(lambda policy: None)
        self.lab.push_policy()
        for name in ENCLAVES:
            self.event(name, "policy_in_force", serial=serial)
        self.lab.push_policy(policy=older, expect=2)  # an honest parent does not even take it
        self.lab.push_policy("--force", policy=older)
        for name in ENCLAVES:
            self.event(name, "policy_not_taken", code="policy_serial_lower")
        self.assertEqual(self.serial_of(PAYMENTS), serial)
        self.wait_until_ready(PAYMENTS)

    def test_two_policies_of_one_serial_are_a_conflict(self):
        serial = self.policy_of(lambda policy: None)
        self.lab.push_policy()
        for name in ENCLAVES:
            self.event(name, "policy_in_force", serial=serial)
        other = self.folder / "other.json"
        other.unlink(missing_ok=True)
        self.lab.edit_policy(lambda policy: (policy.update(serial=serial), policy["channel_life"].update(seconds=1234)))
        for signer in ("alice", "bob"):
            self.lab.policy("sign", "--key", self.lab.authority / f"{signer}.key", "--out", other)
        self.lab.push_policy("--force", policy=other)
        for name in ENCLAVES:
            self.event(name, "policy_not_taken", code="policy_serial_conflict")
        self.wait_until_ready(PAYMENTS)

    def test_a_policy_that_too_few_signed_is_refused(self):
        self.lab.edit_policy(lambda policy: None)
        alone = self.folder / "alone.json"
        alone.unlink(missing_ok=True)
        self.lab.policy("sign", "--key", self.lab.authority / "alice.key", "--out", alone)
        self.lab.push_policy(policy=alone, expect=2)
        self.lab.push_policy("--force", policy=alone)
        for name in ENCLAVES:
            self.event(name, "policy_not_taken", code="too_few_signatures")
        self.wait_until_ready(PAYMENTS)

    # --- Parents that withhold ---

    def with_freshness(self, policy: dict) -> None:
        policy["freshness"] = {"key": self.public_key, "max_age_seconds": MAX_AGE_SECONDS}

    def test_a_withheld_statement_ends_everything_until_the_next_one_comes(self):
        secret = self.key_of(PAYMENTS, PAYMENTS_KEY)
        serial = self.policy_of(self.with_freshness)
        self.lab.push_policy()
        self.event("custodian", "policy_not_usable", code="freshness_missing")
        server = self.lab.serve_freshness(self.key, every=1)
        for name in ENCLAVES:
            self.event(name, "policy_usable_again", serial=serial)
        self.wait_until_ready(PAYMENTS)
        self.marks = {name: len(self.lab.console(name)) for name in ENCLAVES}
        server.stop()  # nothing new reaches the parent, as if it kept it to itself
        for name in ENCLAVES:
            self.event(name, "policy_not_usable", code="freshness_too_old")
        answer = self.lab.agent(PAYMENTS.name, "GET", f"/v1/keys/{PAYMENTS_KEY}")
        self.assertEqual((answer.status, answer.body["error"]["code"]), (503, "freshness_too_old"))
        self.event("custodian", "root_wiped")
        server = self.lab.serve_freshness(self.key, every=1)
        self.addCleanup(server.stop)
        self.event("custodian", "keyring_loaded")
        self.event("custodian", "audit_log_open")
        self.wait_until_ready(PAYMENTS)
        self.assertEqual(self.key_of(PAYMENTS, PAYMENTS_KEY), secret)

    def test_a_statement_of_another_policy_makes_nothing_fresh(self):
        self.policy_of(self.with_freshness)
        earlier = self.folder / "earlier.json"
        self.lab.operator("policy", "freshness", "sign", *self.lab.freshness_options(self.key), "--out", earlier)
        self.policy_of(self.with_freshness)
        self.lab.push_policy()
        self.lab.push_policy("--freshness", earlier, expect=2)
        self.lab.push_policy("--freshness", earlier, "--force")
        for name in ENCLAVES:
            self.event(name, "freshness_not_taken", code="freshness_other_policy")
            self.event(name, "policy_not_usable", code="freshness_missing")
        self.assertIsNone(self.story.ready(PAYMENTS))

    def test_at_expiry_everything_ends_and_a_newer_policy_brings_it_back(self):
        secret = self.key_of(PAYMENTS, PAYMENTS_KEY)
        now = datetime.datetime.now(datetime.timezone.utc)
        ends = now + datetime.timedelta(seconds=2 * MAX_AGE_SECONDS)
        serial = self.policy_of(lambda policy: policy.update(
            validity={"not_before": policy["validity"]["not_before"], "not_after": rfc3339(ends)}))
        self.lab.push_policy()
        self.event("custodian", "policy_in_force", serial=serial)
        for name in ENCLAVES:
            self.event(name, "policy_not_usable", code="policy_expired")
        self.event("custodian", "root_wiped")
        answer = self.lab.agent(PAYMENTS.name, "GET", f"/v1/keys/{PAYMENTS_KEY}")
        self.assertEqual((answer.status, answer.body["error"]["code"]), (503, "policy_expired"))
        self.policy_of(lambda policy: None)
        self.lab.push_policy()
        self.event("custodian", "keyring_loaded")
        self.event("custodian", "audit_log_open")
        self.wait_until_ready(PAYMENTS)
        self.assertEqual(self.key_of(PAYMENTS, PAYMENTS_KEY), secret)


if __name__ == "__main__":
    unittest.main()
