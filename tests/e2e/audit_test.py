"""The audit log of a running custodian: written as it serves, copied from its parent's store, checked without either."""

import contextlib
import hashlib
import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import sys
import threading
import unittest

from lab_story import PROGRAMS, SOURCE, open_lab  # first: it says where the others are
from jobs.main_story import PAYMENTS, PAYMENTS_KEY, message
from jobs.processes import wait_for


class Audit(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.story = open_lab(cls.addClassCleanup)
        cls.lab, cls.folder = cls.story.lab, cls.story.lab.folder
        cls.story.until_serving()
        cls.story.attest_worker(PAYMENTS)

    # --- What the stories are told with ---

    def sign(self) -> int:
        return self.lab.agent(PAYMENTS.name, "POST", f"/v1/sign/{PAYMENTS_KEY}", message(b"order")).status

    def export(self, name: str) -> pathlib.Path:
        out = self.folder / name
        self.lab.programs.run("concordat-lab", "audit", "export", out, "--parent", self.lab.operator_endpoint, "--json")
        return out

    def audit(self, command: str, *arguments, expect: int = 0) -> str:
        return self.lab.programs.run("concordat-lab", "audit", command, *arguments, "--lab-root", self.lab.lab_root,
                                     "--authority", self.lab.authority / "authority.cbor", "--json",
                                     expect=expect).stdout.decode()

    def verify(self, log: pathlib.Path, *options, expect: int = 0) -> dict:
        return json.loads(self.audit("verify", log, *options, expect=expect))

    def entries(self, log: pathlib.Path) -> list[dict]:
        return [json.loads(line) for line in self.audit("show", log).splitlines()]

    def faults(self, log: pathlib.Path) -> list[str]:
        return [f"{each['code']} {each['where']}" for each in self.verify(log, expect=2)["findings"]]

    # --- The stories ---

    def test_what_was_done_is_in_the_log_which_is_good(self):
        self.assertEqual(self.sign(), 200)
        log = self.export("log")
        origin = self.lab.console_events("custodian", "audit_log_open")[-1]["origin"]
        self.assertEqual(self.verify(log, "--origin", origin)["findings"], [])
        entries = self.entries(log)
        self.assertLessEqual({"boot", "admission", "use"}, {entry["kind"] for entry in entries})
        # The log's first boot knew nothing of its root: where that was born comes right behind it.
        self.assertEqual([entry["kind"] for entry in entries[:2]], ["boot", "genesis"])
        self.assertEqual([each["type"] for each in entries[1]["evidence"]], ["document"])
        self.assertEqual((entries[-1]["operation"], entries[-1]["key"]["name"]), ("sign", PAYMENTS_KEY))

    def test_one_changed_byte_is_named(self):
        self.sign()
        log = self.export("spoiled")
        bundle = next(path for path in (log / "tile/entries").rglob("*") if path.is_file())
        content = bytearray(bundle.read_bytes())
        content[40] ^= 1
        bundle.write_bytes(content)
        self.assertIn("entry_changed entry 0", self.faults(log))

    def test_one_changed_byte_in_the_parents_database_is_named(self):
        self.sign()
        copy = self.export("before")
        name = next(path.relative_to(copy) for path in (copy / "evidence").rglob("*") if path.is_file())
        record = "audit.custodian." + str(name).replace("/", "_")
        content = self.lab.read_from_store(f"custodian/{record}")
        spoiled = content[:-1] + bytes([content[-1] ^ 1])
        self.replace_in_store(record, spoiled)
        try:
            self.assertIn(f"evidence_changed {name}", self.faults(self.export("after")))
        finally:
            self.replace_in_store(record, content)

    def replace_in_store(self, record: str, content: bytes) -> None:
        """As whoever owns the parent can."""
        def change():
            with contextlib.closing(sqlite3.connect(self.lab.parent / "store.db")) as database, database:
                done = database.execute("UPDATE entries SET content = ?, version = ? WHERE name = ?",
                                        (content, hashlib.sha256(content).hexdigest(), record))
                self.assertEqual(done.rowcount, 1)
        self.lab.restart_parent(change)

    def test_a_follower_sees_what_an_auditor_sees(self):
        self.sign()
        out = self.audit("follow", "--parent", self.lab.operator_endpoint, "--once")
        followed = [json.loads(line) for line in out.splitlines()]
        self.assertEqual(followed, self.entries(self.export("followed"))[:len(followed)])
        self.assertGreater(len(followed), 2)

    def test_a_witness_signs_what_goes_on_and_nothing_older(self):
        tool = [sys.executable, "-B", SOURCE / "deploy/lab/witness.py"]
        concordat = ("--concordat", PROGRAMS / "concordat-lab")
        self.sign()
        older = self.export("older")
        key = self.folder / "witness.key"
        made = subprocess.run([*tool, "keygen", "--name", "witness.example/1", "--key", key], check=True,
                              capture_output=True, text=True)
        witness = ("--witness", made.stdout.strip())
        server = subprocess.Popen([*tool, "serve", "--key", key, "--state", self.folder / "witness", "--log",
                                   self.verify(older)["boots"][-1]["log_key"]], stdout=subprocess.PIPE, text=True)
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.wait)
        self.addCleanup(server.terminate)
        submit = [*tool, "submit", "--witness", server.stdout.readline().split()[-1], *concordat]
        for _ in range(2):
            self.sign()
            newer = self.export("newer")
            self.verify(newer, *witness, expect=2)
            subprocess.run([*submit, newer], check=True)
            self.assertEqual(self.verify(newer, *witness)["witnesses"][0]["name"], "witness.example/1")
        refused = subprocess.run([*submit, older], capture_output=True, text=True)
        self.assertEqual(refused.returncode, 2, refused.stderr)
        self.assertIn("entries were signed", refused.stderr)
        self.verify(older, *witness, expect=2)

    def uses(self, log: pathlib.Path) -> int:
        return sum(entry["kind"] == "use" for entry in self.entries(log))

    def sign_until_killed(self) -> int:
        """How many were answered while the custodian was killed."""
        answered, over = [], threading.Event()

        def go_on():
            while not over.is_set():
                if self.sign() == 200:
                    answered.append(1)
        workers = [threading.Thread(target=go_on) for _ in range(4)]
        for worker in workers:
            worker.start()
        wait_for("answers", lambda: len(answered) > 20)
        os.kill(self.lab.process_of("custodian"), signal.SIGKILL)
        self.lab.wait_for_end("custodian")
        over.set()
        for worker in workers:
            worker.join()
        return len(answered)

    def test_killed_between_two_writes_nothing_is_without_entry(self):
        for round_ in range(3):
            before = self.export("before-kill")
            boots, uses = len(self.verify(before)["boots"]), self.uses(before)
            answered = self.sign_until_killed()
            self.lab.run_enclave("custodian", self.story.images["custodian"])
            self.lab.wait_for_event("custodian", "audit_log_open")
            wait_for("the worker to be served again", lambda: self.sign() == 200)
            after = self.export(f"after-kill-{round_}")
            report = self.verify(after, "--seen", before / "checkpoint")
            self.assertEqual(report["findings"], [])
            self.assertEqual(len(report["boots"]), boots + 1)
            self.assertGreaterEqual(self.uses(after) - uses, answered + 1)


if __name__ == "__main__":
    unittest.main()
