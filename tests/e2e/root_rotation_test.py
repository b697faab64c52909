"""Another root generation by commands, with custodian, replica and worker at work: keys under the first, a second one made,
pinned and taking over, old keys readable with their bytes, everything moved or ended, and the first one retired.
"""

import base64
import contextlib
import json
import secrets
import shutil
import sqlite3
import unittest

from lab_story import open_lab  # first: it says where the others are
from jobs.deployment import Deployment, Worker
from jobs.main_story import PAYMENTS, PAYMENTS_KEY, message
from jobs.processes import wait_for

REPLICA = "custodian-b"
FIRST, SECOND = "ledger/first", "ledger/second"


class WithReplica(Deployment):
    """A second custodian on the same instance, with neither a way to KMS nor credentials for it."""

    def parent_config(self, workers: list[Worker]) -> dict:
        config = super().parent_config(workers)
        config["enclaves"][REPLICA] = {"role": "custodian", "store": "custodian", "settings": {"custodians": "custodian"},
                                       "listen": f"unix:{self.sockets}/{REPLICA}", "dial": f"unix:{self.inbound(REPLICA)}"}
        return config


class RootRotation(unittest.TestCase):
    def setUp(self):
        self.story = open_lab(self.addCleanup, WithReplica)
        self.lab, self.folder = self.story.lab, self.story.lab.folder
        self.story.until_serving()
        self.lab.operator("keygen", "--out", self.folder / "dana.key")
        self.lab.policy("add-operator", "dana", "--key", self.folder / "dana.key.pub", "--purpose", "admin")
        self.lab.policy("enroll", "custodian-1", "--eif", self.story.images["custodian"], "--role", "custodian",
                        "--initiates", "replica", "--responds", "replica")
        self.lab.roll_out("custodian")

    # --- What the story is told with ---

    def root(self, *arguments, expect: int = 0) -> dict:
        done = self.lab.programs.run("concordat-lab", "root", *arguments, *self.lab.operator_options(self.folder / "dana.key"),
                                     expect=expect)
        return json.loads(done.stdout)

    def keys(self, *arguments, expect: int = 0) -> list[dict]:
        return self.lab.keys(self.folder / "dana.key", *arguments, expect=expect)

    def came_from(self, key: str) -> list:
        return [version["root_generation"] for version in self.keys("describe", key)[0]["versions"]]

    def key_of_the_worker(self) -> bytes:
        """Of one that holds nothing yet."""
        if PAYMENTS.name in self.running:
            self.lab.terminate(PAYMENTS.name)
        self.running.add(PAYMENTS.name)
        self.story.attest_worker(PAYMENTS)

        def received():
            answer = self.lab.agent(PAYMENTS.name, "GET", f"/v1/keys/{PAYMENTS_KEY}")
            return base64.b64decode(answer.body["key"]) if answer.status == 200 else None
        return wait_for(f"{PAYMENTS.name} to get {PAYMENTS_KEY}", received)

    def restart_custodian(self, generations: int) -> None:
        self.lab.terminate("custodian")
        self.lab.run_enclave("custodian", self.story.images["custodian"])
        for event in ("serving", "keyring_loaded", "audit_log_open"):
            self.lab.wait_for_event("custodian", event)
        wait_for("every generation", lambda: len(self.lab.console_events("custodian", "root_unsealed")) == generations)

    def refusal(self, *arguments) -> str:
        return self.root(*arguments, expect=2)["code"]

    def make_second(self) -> None:
        challenge, document = secrets.token_bytes(32).hex(), self.folder / "genesis-2.cbor"
        self.story.bind_kms_key()  # which names the next generation, too
        make = ("make", "--challenge", challenge, "--out", document)
        cut_short = b"sealed by KMS, and then the custodian was gone"
        self.lab.put_into_store("custodian/root-2", cut_short)
        self.assertEqual(self.refusal(*make), "root_already_pinned")
        self.assertEqual(self.refusal(*make, "--anew"), "not_confirmed")
        self.assertIn("'root-2'", self.root(*make, "--anew", "--yes")["replaced"])
        self.assertEqual([copy.read_bytes() for copy in self.folder.glob("genesis-2.cbor.replaced-*")], [cut_short])
        self.assertEqual(self.refusal(*make), "root_already_pinned")
        self.assertEqual(self.refusal(*make, "--anew", "--yes"), "genesis_complete")
        pinned = self.lab.policy("pin-root", "--document", document, "--challenge", challenge, "--lab-root", self.lab.lab_root)
        self.assertEqual(pinned["generation"], 2)
        self.lab.roll_out("custodian")
        self.lab.wait_for_event("custodian", "root_unsealed", generation=2)

    def rotate(self) -> None:
        status = self.root("status")
        self.assertEqual([(one["generation"], one["current"], one["held"]) for one in status["generations"]],
                         [(1, True, True), (2, False, True)])
        self.assertEqual((status["sealing"], status["implicit"]), (1, 1))
        status = self.root("rotate", "--generation", "2")
        self.assertEqual((status["sealing"], status["implicit"], status["snapshot_wanting"]), (2, 1, False))
        self.assertEqual(self.root("rotate", "--generation", "2")["since"], status["since"], "it takes over once")
        self.lab.policy("set", "--current-root", "2")
        self.lab.roll_out("custodian")
        wait_for("the log's key to be of the second", lambda: self.root("status")["audit_log"] == 2)

    def retire_first(self) -> None:
        self.assertEqual(self.root("retire", "--generation", "1", "--list")["custodians"], ["custodian", REPLICA])
        self.assertEqual([(one["name"], one["asked"]) for one in self.root("retire", "--generation", "1")["custodians"]],
                         [("custodian", True), (REPLICA, True)])
        self.lab.policy("set", "--retire-root", "1")
        self.lab.roll_out("custodian", REPLICA)
        self.assertEqual([one["generation"] for one in self.root("status")["generations"]], [2])

    # --- The story ---

    def test_a_new_generation_takes_over_and_the_older_one_is_retired(self):
        self.running: set[str] = set()
        worker_key = self.key_of_the_worker()
        self.keys("create", FIRST, "--type", "derived")
        self.make_second()
        self.rotate()
        self.keys("create", SECOND, "--type", "derived")
        self.assertEqual((self.came_from(FIRST), self.came_from(SECOND)), ([1], [2]))
        self.assertEqual(self.key_of_the_worker(), worker_key)

        self.restart_custodian(generations=2)
        self.assertEqual(self.key_of_the_worker(), worker_key)
        self.lab.run_enclave(REPLICA, self.story.images["custodian"])
        self.lab.wait_for_event(REPLICA, "keyring_loaded")
        wait_for("both generations at the replica", lambda: [
            (event["from"], event["generation"]) for event in self.lab.console_events(REPLICA, "root_unsealed")]
            == [("custodian", 2), ("custodian", 1)])

        self.assertEqual(self.refusal("retire", "--generation", "2"), "generation_needed")
        self.assertEqual(self.refusal("retire", "--generation", "1"), "generation_needed")
        status = self.root("rewrap", "--adopt", PAYMENTS_KEY, "--implicit")
        self.assertEqual((status["implicit"], status["generations"][0]["versions"]), (2, 2))
        self.assertEqual(self.key_of_the_worker(), worker_key, "it was adopted as it is")
        self.assertEqual(self.refusal("retire", "--generation", "1"), "generation_needed")
        for key in (PAYMENTS_KEY, FIRST):
            self.keys("rotate", key)
            self.assertEqual(self.came_from(key), [1, 2])
            self.keys("destroy", key, "--version", "1", "--yes-destroy", key)
        self.retire_first()

        self.restart_custodian(generations=1)
        self.assertNotEqual(self.key_of_the_worker(), worker_key)
        self.check_log()

    def test_an_older_store_without_the_root_that_took_over_since_serves_nobody(self):
        """As a parent may have it, before the policy calls the second one current."""
        self.running: set[str] = set()
        self.key_of_the_worker()
        self.make_second()
        self.lab.restart_parent(lambda: self.copy_disk(self.lab.parent, self.folder / "yesterday"))
        wait_for("a signature again", lambda: self.signed() == "signed")
        self.assertEqual(self.root("rotate", "--generation", "2")["sealing"], 2)
        self.assertEqual(self.signed(), "signed")

        self.lab.terminate("custodian")
        self.lab.restart_parent(self.put_back_without_the_second)
        self.lab.run_enclave("custodian", self.story.images["custodian"])
        self.lab.wait_for_event("custodian", "root_unsealed", generation=1)
        self.lab.wait_for_event("custodian", "head_refused", code="generation_not_held")
        wait_for("the worker to be refused", lambda: self.signed() == "generation_not_held")
        self.assertEqual(self.refusal("rotate", "--generation", "2"), "generation_not_held")
        self.lab.wait_for_event("custodian", "root_not_unsealed", generation=2)
        self.assertEqual(self.signed(), "generation_not_held")

        self.lab.terminate("custodian")
        self.lab.restart_parent(lambda: self.copy_disk(self.folder / "today", self.lab.parent))
        self.lab.run_enclave("custodian", self.story.images["custodian"])
        wait_for("a signature under the newer store", lambda: self.signed() == "signed")

    def signed(self) -> str:
        """What the worker gets for a message, which only the custodian can sign."""
        answer = self.lab.agent(PAYMENTS.name, "POST", f"/v1/sign/{PAYMENTS_KEY}", message(b"pay 10 to carol"))
        return "signed" if answer.status == 200 else answer.error.split(":")[0]

    @staticmethod
    def copy_disk(source, target) -> None:
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)

    def put_back_without_the_second(self) -> None:
        self.copy_disk(self.lab.parent, self.folder / "today")
        self.copy_disk(self.folder / "yesterday", self.lab.parent)
        with contextlib.closing(sqlite3.connect(self.lab.parent / "store.db")) as database, database:
            gone = database.execute("DELETE FROM entries WHERE name = 'root-2'").rowcount
        self.assertEqual(gone, 1)

    def check_log(self) -> None:
        """An auditor finds it good, and in it what was done."""
        log = self.folder / "log"
        self.lab.programs.run("concordat-lab", "audit", "export", log, "--parent", self.lab.operator_endpoint, "--json")
        trusted = ("--lab-root", self.lab.lab_root, "--authority", self.lab.authority / "authority.cbor", "--json")
        self.lab.programs.run("concordat-lab", "audit", "verify", log, *trusted)
        shown = self.lab.programs.run("concordat-lab", "audit", "show", log, *trusted).stdout.decode()
        entries = [json.loads(line) for line in shown.splitlines()]
        told = {(entry["kind"], entry.get("operation"), entry["outcome"]) for entry in entries}
        for entry in (("rotation", "root-take-over", "ok"), ("key_change", "adopt", "ok"), ("key_change", "root-implicit", "ok"),
                      ("refusal", "root-retire", "generation_needed"), ("operator_action", "root-retire", "ok")):
            self.assertIn(entry, told)


if __name__ == "__main__":
    unittest.main()
