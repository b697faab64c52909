"""The day KMS is lost: a root that was shared among five holders is restored in a fresh custodian by three of them, while
wrong, forged and repeated contributions arrive; and what is not ordered, not attested or not a custodian is refused."""

import base64
import hashlib
import json
import pathlib
import secrets
import unittest

from lab_story import open_lab  # first: it says where the others are
import hpke
from jobs.deployment import SIGNERS, THRESHOLD
from jobs.main_story import PAYMENTS, PAYMENTS_KEY
from jobs.processes import wait_for

HOLDERS = ("erin", "frank", "grace", "heidi", "ivan")
NEEDED = 3
CONTRIBUTION = "concordat/recovery-contribution/1"


class Recovery(unittest.TestCase):
    def setUp(self):
        self.story = open_lab(self.addCleanup)
        self.lab, self.folder = self.story.lab, self.story.lab.folder
        self.story.until_serving()
        self.lab.operator("keygen", "--out", self.folder / "dana.key")
        self.lab.policy("add-operator", "dana", "--key", self.folder / "dana.key.pub", "--purpose", "admin")
        self.name_holders(HOLDERS, NEEDED)
        self.lab.roll_out("custodian")

    # --- What the story is told with ---

    def holder_file(self, name: str) -> pathlib.Path:
        return self.folder / f"{name}.recovery.key"

    def name_holders(self, names, threshold: int) -> None:
        for name in names:
            if not self.holder_file(name).exists():
                self.lab.operator("recovery", "key", "--out", self.holder_file(name))
        keys = [hpke.public(hpke.holder_key(self.holder_file(name))).hex() for name in names]
        options = [option for name, key in zip(names, keys) for option in ("--recovery-holder", f"{name}={key}")]
        self.lab.policy("set", "--recovery-threshold", str(threshold), *options)

    def recovery(self, *arguments, expect: int = 0) -> dict:
        done = self.lab.programs.run("concordat-lab", "recovery", *arguments, "--json", expect=expect)
        return json.loads(done.stdout)

    def signed_files(self) -> tuple:
        return ("--policy", self.lab.signed_policy, "--authority", self.lab.authority / "authority.cbor")

    def at_custodian(self) -> tuple:
        return self.lab.operator_options(self.folder / "dana.key")[:-1]  # --json is put by `recovery`

    def lab_root(self) -> tuple:
        return ("--lab-root", self.lab.lab_root)

    def sign(self, order: pathlib.Path, *options, signers=SIGNERS[:THRESHOLD]) -> dict:
        signed = {}
        for signer in signers:
            signed = self.recovery("sign", "--order", order, "--key", self.lab.authority / f"{signer}.key",
                                   *self.signed_files(), *self.lab_root(), *options)
        return signed

    def make_set(self, name: str = "set", *options, command=("make",)) -> pathlib.Path:
        order, out = self.folder / f"{name}.order.json", self.folder / f"{name}.set"
        self.recovery("order", "make", "--out", order, *self.signed_files(), *options)
        self.assertTrue(self.sign(order)["complete"])
        self.made = self.recovery(*command, "--order", order, "--out", out, "--store", "custodian", *self.at_custodian())
        return out

    def lose_kms(self) -> None:
        """And every custodian that has the root in memory."""
        self.lab.stop_kms()
        self.lab.terminate("custodian")
        self.lab.run_enclave("custodian", self.story.images["custodian"])
        self.lab.wait_for_event("custodian", "serving")
        self.lab.wait_for_event("custodian", "root_not_unsealed")

    def order_restore(self, shares: pathlib.Path, *attest) -> pathlib.Path:
        target, order = self.folder / "recovery.target", self.folder / f"restore-{secrets.token_hex(4)}.json"
        self.attested = self.recovery("attest", "--out", target, *self.at_custodian(), *attest)
        self.recovery("order", "restore", "--set", shares, "--target", target, "--out", order, *self.signed_files(),
                      *self.lab_root())
        return order

    def contribution(self, holder: str, order: pathlib.Path, shares: pathlib.Path, expect: int = 0):
        out = self.folder / f"{holder}.contribution"
        made = self.recovery("contribute", "--key", self.holder_file(holder), "--order", order, "--set", shares, "--target",
                             self.folder / "recovery.target", "--out", out, *self.signed_files(), *self.lab_root(),
                             expect=expect)
        return out if expect == 0 else made["code"]

    def dishonest(self, sealed_by: str, name: str, order: pathlib.Path, share: bytes) -> pathlib.Path:
        """As a holder with a program of its own would make it."""
        payload = base64.b64decode(json.loads(order.read_text())["payload"])
        digest, restore = hashlib.sha256(payload).digest(), json.loads(payload)
        info = hpke.cbor([CONTRIBUTION, digest, bytes.fromhex(restore["set_digest"]), name, sorted(HOLDERS).index(name) + 1])
        sealed = hpke.seal_from(hpke.holder_key(self.holder_file(sealed_by)), bytes.fromhex(restore["target"]), info, share)
        out = self.folder / f"dishonest-{secrets.token_hex(4)}"
        out.write_bytes(hpke.cbor([CONTRIBUTION, digest, name, sealed]))
        return out

    def restore(self, order: pathlib.Path, shares: pathlib.Path, *contributions, expect: int = 0) -> dict:
        return self.recovery("restore", *contributions, "--order", order, "--set", shares, *self.at_custodian(), expect=expect)

    def codes(self, answer: dict) -> list:
        return [one.get("code", "taken") for one in answer["contributions"]]

    def key_of_the_worker(self) -> bytes:
        def received():
            answer = self.lab.agent(PAYMENTS.name, "GET", f"/v1/keys/{PAYMENTS_KEY}")
            return base64.b64decode(answer.body["key"]) if answer.status == 200 else None
        return wait_for(f"{PAYMENTS.name} to get {PAYMENTS_KEY}", received)

    def recovery_entries(self) -> list:
        """Of the custodian's audit log, which an auditor finds good: (kind, operation, outcome, detail)."""
        log = self.folder / f"log-{secrets.token_hex(4)}"
        self.lab.programs.run("concordat-lab", "audit", "export", log, "--parent", self.lab.operator_endpoint, "--json")
        trusted = (*self.lab_root(), "--authority", self.lab.authority / "authority.cbor", "--json")
        self.lab.programs.run("concordat-lab", "audit", "verify", log, *trusted)
        shown = self.lab.programs.run("concordat-lab", "audit", "show", log, *trusted).stdout.decode()
        entries = (json.loads(line) for line in shown.splitlines())
        return [(entry["kind"], entry["operation"], entry["outcome"], entry.get("detail", ""))
                for entry in entries if entry.get("operation", "").startswith("recovery-")]

    # --- Stories ---

    def test_a_lost_kms_costs_no_key(self):
        self.story.attest_worker(PAYMENTS)
        before = self.key_of_the_worker()
        shares = self.make_set()
        self.assertEqual((self.made["threshold"], self.made["holders"]), (NEEDED, list(HOLDERS)))
        self.assertEqual(self.lab.read_from_store(f"custodian/recovery-{self.made['set']}"), shares.read_bytes())
        self.lab.terminate(PAYMENTS.name)
        self.lose_kms()
        self.assertEqual(self.recovery("status", *self.at_custodian())["phase"], "not_begun")

        order = self.order_restore(shares)
        signing = ("--set", shares, "--target", self.folder / "recovery.target")
        self.sign(order, *signing, signers=SIGNERS[:1])
        self.assertEqual(self.contribution("erin", order, shares, expect=2), "too_few_signatures")
        self.assertEqual(self.recovery("restore", "--order", order, "--set", shares, *self.at_custodian(), expect=2)["code"],
                         "too_few_signatures")
        self.sign(order, *signing, signers=SIGNERS[1:2])

        erin = self.contribution("erin", order, shares)
        answer = self.restore(order, shares, erin, erin, self.dishonest("frank", "frank", order, secrets.token_bytes(31) + b"\0"),
                              self.dishonest("frank", "grace", order, secrets.token_bytes(31) + b"\0"), expect=2)
        self.assertEqual(self.codes(answer), ["taken", "share_repeated", "share_wrong", "contribution_not_authentic"])
        states = {holder["name"]: (holder["in"], holder["refused"], holder["last_refusal"]) for holder in answer["holders"]}
        self.assertEqual(states["erin"], (True, 1, "share_repeated"))
        self.assertEqual(states["frank"], (False, 1, "share_wrong"))
        self.assertEqual(states["grace"], (False, 0, None))
        self.assertEqual(answer["not_authentic"], 1)
        refused = self.lab.console_events("custodian", "recovery_share_refused", code="share_wrong")
        self.assertEqual([event["holder"] for event in refused], ["frank"])

        answer = self.restore(order, shares, self.contribution("grace", order, shares))
        self.assertEqual((answer["phase"], answer["shares"]), ("collecting", 2))
        answer = self.restore(order, shares, self.contribution("heidi", order, shares))
        self.assertTrue(answer["has_root"])
        self.lab.wait_for_event("custodian", "root_restored")
        self.lab.wait_for_event("custodian", "keyring_loaded")
        self.story.attest_worker(PAYMENTS)
        self.assertEqual(self.key_of_the_worker(), before)
        # The log that the restored root opened says what was done before there was one.
        entries = self.recovery_entries()
        self.assertEqual([entry[:3] for entry in entries], [
            ("recovery", "recovery-make", "ok"),
            ("recovery", "recovery-attest", "ok"),
            ("refusal", "recovery-start", "too_few_signatures"),
            ("recovery", "recovery-start", "ok"), ("recovery", "recovery-contribute", "ok"),
            ("refusal", "recovery-contribute", "share_repeated"), ("refusal", "recovery-contribute", "share_wrong"),
            ("refusal", "recovery-contribute", "contribution_not_authentic"),
            ("recovery", "recovery-start", "ok"), ("recovery", "recovery-contribute", "ok"),
            ("recovery", "recovery-start", "ok"), ("recovery", "recovery-contribute", "ok")])
        self.assertIn("holder frank", entries[6][3])
        self.assertIn("root_restored", entries[-1][3])
        # What was collected is gone, and nothing begins again under a root.
        self.assertEqual(self.recovery("attest", *self.at_custodian(), "--out", self.folder / "x", expect=2)["code"], "has_root")

    def test_other_holders_are_given_shares_of_the_same_root(self):
        first = self.make_set()
        self.name_holders(("erin", "judy"), 2)
        self.lab.roll_out("custodian")
        second = self.make_set("second", "--replaces", first, command=("reshare", "--replaces", first))
        self.assertEqual((self.made["threshold"], self.made["holders"]), (2, ["erin", "judy"]))
        self.assertEqual(self.made["replaces"], self.recovery_id(first))
        self.lose_kms()
        # A holder whom the policy names no longer restores nothing, though the set has a share of it.
        order = self.order_restore(first)
        self.sign(order, "--set", first, "--target", self.folder / "recovery.target")
        self.assertEqual(self.codes(self.restore(order, first, self.contribution("frank", order, first), expect=2)),
                         ["not_a_holder"])
        order = self.order_restore(second, "--anew")
        self.sign(order, "--set", second, "--target", self.folder / "recovery.target")
        answer = self.restore(order, second, *(self.contribution(name, order, second) for name in ("erin", "judy")))
        self.assertTrue(answer["has_root"])

    def recovery_id(self, shares: pathlib.Path) -> str:
        order = json.loads((self.folder / f"{shares.stem}.order.json").read_text())
        return json.loads(base64.b64decode(order["payload"]))["set"]

    def test_no_share_leaves_for_a_target_that_was_not_ordered(self):
        shares = self.make_set()
        self.lose_kms()
        order = self.order_restore(shares)
        self.sign(order, "--set", shares, "--target", self.folder / "recovery.target")
        # The custodian is started again, or replaced by its parent: another key, not the ordered one.
        self.recovery("attest", "--anew", "--out", self.folder / "recovery.target", *self.at_custodian())
        self.assertEqual(self.contribution("erin", order, shares, expect=2), "recovery_document_differs")
        self.assertEqual(self.restore(order, shares, expect=2)["code"], "recovery_document_differs")
        # Another set than the ordered one; and under AWS's roots no lab's custodian counts.
        self.assertEqual(self.lab.programs.run(
            "concordat", "recovery", "contribute", "--key", self.holder_file("erin"), "--order", order, "--set", shares,
            "--target", self.folder / "recovery.target", "--out", self.folder / "none", *self.signed_files(), "--json",
            expect=2).stdout.decode().split('"code":"')[1].split('"')[0], "untrusted_root")
        self.assertFalse((self.folder / "none").exists())

    def test_one_signer_has_no_set_made(self):
        order = self.folder / "order.json"
        self.recovery("order", "make", "--out", order, *self.signed_files())
        self.sign(order, signers=SIGNERS[:1])
        refused = self.recovery("make", "--order", order, "--out", self.folder / "none", *self.at_custodian(), expect=2)
        self.assertEqual(refused["code"], "too_few_signatures")
        self.assertFalse((self.folder / "none").exists())


if __name__ == "__main__":
    unittest.main()
