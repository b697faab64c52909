"""Compromise drills, as `./deploy/quickstart --drill NAME` runs them: what changes, and what must not."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["CONCORDAT_SOURCE"])
PROGRAMS = pathlib.Path(os.environ["CONCORDAT_BUILD"]) / "bin"
sys.path.insert(0, str(SOURCE / "deploy/lab"))

from jobs.drill import Drill  # noqa: E402  (the path above comes first)
from jobs.drills import DRILLS
from jobs.deployment import Deployment
from jobs.processes import Programs
from jobs.record import Record, StepFailed

REFUSED = "refused: refused_by_peer"
ENDED = "refused: version_below_minimum"


class Drills(unittest.TestCase):
    def run_drill(self, name: str, *steps: str) -> dict[str, tuple[str, str]]:
        """What changed: of each fact before and after. `steps` happened in this order, and no other after the first look."""
        with tempfile.TemporaryDirectory(prefix="c") as scratch:  # short: sockets live in it
            done = subprocess.run(
                ["/usr/bin/python3", "-B", str(SOURCE / "deploy/lab/drill.py"), name, "--bin", str(PROGRAMS), "--json"],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=400, env={**os.environ, "TMPDIR": scratch})
            print(done.stderr, flush=True)  # with its line on isolation, which the summary of a whole run judges
            result = json.loads(done.stdout)
            self.assertEqual([step for step in result["steps"] if not step["ok"]], [])
            self.assertEqual((done.returncode, result["ok"]), (0, True))
            self.assertEqual(os.listdir(scratch), [], "left behind")
        happened = [step["name"] for step in result["steps"]]
        self.assertEqual(happened[happened.index("before"):], ["before", *steps, "after"])
        self.facts = {fact["name"]: (fact["before"], fact["after"]) for fact in result["facts"]}
        return {name: seen for name, seen in self.facts.items() if seen[0] != seen[1]}

    def test_worker_image(self):
        changed = self.run_drill("worker-image", "revoke", "refused", "rotate", "rewrap", "end-version")
        self.assertEqual(changed, {
            "policy in force": ("serial 10", "serial 11"),
            "payments/card": ("enabled; version 1 enabled; minimum 1", "enabled; version 1 enabled, 2 enabled; minimum 2"),
            "worker-a (payments)": ("process 1, admitted as payments-1", "process 1, refused: image_differs"),
            "worker-a: get payments/card": ("version 1", REFUSED),
            "worker-a: get payments/card version 1": ("version 1", REFUSED),
            "worker-a: decrypt what was encrypted": ("opened", REFUSED),
            "worker-d: get payments/card": ("version 1", "version 2"),
            "worker-d: get payments/card version 1": ("version 1", ENDED),
        })
        self.assertEqual(self.facts["worker-d: decrypt what was encrypted"][1], "opened")

    def test_operator_key(self):
        changed = self.run_drill("operator-key", "misuse", "revoke", "refused", "what-was-done", "undo")
        self.assertEqual(changed, {
            "policy in force": ("serial 10", "serial 12"),
            "operator with dana.key": ("answered", "refused: operator_unknown"),
            "operator with dana-2.key": ("refused: operator_unknown", "answered"),
        })

    def test_signer_key(self):
        changed = self.run_drill("signer-key", "lost-key-counts", "change", "adopt", "kms-key-policy",
                                 "older-authority-refused", "start-anew", "lost-key-refused", "new-signer-counts")
        self.assertEqual(changed.pop("policy in force"), ("serial 10", "serial 13"))
        self.assertEqual(changed.pop("signers"), ("2 of alice, bob, carol", "2 of alice, bob, dave"))
        before, after = changed.pop("KMS unseals for")
        self.assertRegex(after, "^custodian under PCR16 [0-9a-f]{16}..$")
        self.assertNotEqual(before, after)
        self.assertEqual({name: after for name, (_, after) in changed.items()}, {
            "worker-a (payments)": "process 2, admitted as payments-1",
            "worker-d (payments)": "process 2, admitted as payments-2",
            "worker-b (reports)": "process 2, admitted as reports-1",
        })

    def test_custodian_image(self):
        changed = self.run_drill("custodian-image", "enroll", "kms-key-policy", "replace", "revoke", "kms-key-policy-again",
                                 "roll-out", "older-image-refused", "newer-image-again")
        before, after = changed.pop("KMS unseals for")
        self.assertEqual(after, before.replace("custodian ", "custodian-2 "))
        self.assertEqual(changed, {
            "policy in force": ("serial 10", "serial 12"),
            "custodian": ("attested as custodian-1", "attested as custodian-2"),
        })

    def test_kms_key(self):
        changed = self.run_drill("kms-key", "keep-disk", "new-key", "kms-key-policy", "make-root", "pin-root", "rotate",
                                 "same-bytes", "rewrap", "retire", "close-older-key", "older-disk-refused", "unseal-again")
        self.assertEqual(set(changed), {"policy in force", "root", "KMS key", "worker-b: get reports/daily"})
        self.assertEqual(changed["worker-b: get reports/daily"], ("version 1", "version 2"))
        self.assertEqual(self.facts["worker-a: decrypt what was encrypted"], ("opened", "opened"))

    def test_restored_disk(self):
        self.assertEqual(self.run_drill("restored-disk", "restore", "noticed", "put-back"), {})
        self.assertEqual(self.facts["worker-a: get payments/card version 1"][0], ENDED)


class Comparison(unittest.TestCase):
    """A drill that shows something else than it must fails, and says what."""

    def compared(self, before: dict, changed: dict, after: dict) -> str:
        folder = tempfile.TemporaryDirectory(prefix="c")
        self.addCleanup(folder.cleanup)
        path = pathlib.Path(folder.name)
        drill = Drill(Deployment(Programs(PROGRAMS, path / "logs"), path), Record(as_json=True))
        drill.facts = lambda: before
        drill.look_before()
        drill.changed |= changed
        drill.facts = lambda: after
        return drill.compare()

    def test_takes_what_changed_as_it_must(self):
        self.assertEqual(self.compared({"a": "1", "b": "1"}, {"a": "2"}, {"a": "2", "b": "1"}),
                         "1 facts changed as they must, 1 did not")

    def test_wants_what_must_change_to_change(self):
        with self.assertRaisesRegex(StepFailed, "a: expected '2', seen '1'"):
            self.compared({"a": "1"}, {"a": "2"}, {"a": "1"})

    def test_wants_all_else_to_stay(self):
        with self.assertRaisesRegex(StepFailed, "b: expected '1', seen '3'"):
            self.compared({"a": "1", "b": "1"}, {"a": "2"}, {"a": "2", "b": "3"})
        with self.assertRaisesRegex(StepFailed, "b: expected '1', seen '-'"):
            self.compared({"b": "1"}, {}, {})
        with self.assertRaisesRegex(StepFailed, "c: expected '-', seen '1'"):
            self.compared({}, {}, {"c": "1"})

    def test_wants_to_have_looked(self):
        with self.assertRaisesRegex(StepFailed, "c: not looked at"):
            self.compared({"a": "1"}, {"c": "2"}, {"a": "1"})


class Names(unittest.TestCase):
    def test_the_quickstart_lists_every_drill(self):
        usage = subprocess.run([SOURCE / "deploy/quickstart", "--help"], capture_output=True, text=True, check=True).stdout
        for name, drill in DRILLS.items():
            self.assertRegex(usage, f"\n +{name} +{drill.TITLE}\n")
            self.assertTrue(hasattr(Drills, f"test_{name.replace('-', '_')}"), f"no test runs {name}")


if __name__ == "__main__":
    unittest.main()
