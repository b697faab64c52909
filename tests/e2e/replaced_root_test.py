"""A custodian whose root the policy replaced: it ends, by itself, as refused."""

import os
import pathlib
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["CONCORDAT_SOURCE"])
PROGRAMS = pathlib.Path(os.environ["CONCORDAT_BUILD"]) / "bin"
sys.path.insert(0, str(SOURCE / "deploy/lab"))

from jobs.deployment import Deployment  # noqa: E402  (the path above comes first)
from jobs.main_story import MainStory
from jobs.processes import Programs
from jobs.record import Record


class ReplacedRoot(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="c")  # short: sockets live in it
        self.addCleanup(scratch.cleanup)
        folder = pathlib.Path(scratch.name)
        self.lab = Deployment(Programs(PROGRAMS, folder / "logs"), folder)
        self.addCleanup(self.lab.close)

    def serve(self):
        """The main job until the custodian serves the root that the policy pins."""
        for name, step in MainStory(self.lab, Record(as_json=True)).steps():
            step()
            if name == "unseal":
                return

    def pin_another_root(self):
        def change(policy: dict) -> None:
            policy["root"]["generations"][0]["commitment"] = "5a" * 32

        self.lab.edit_policy(change)
        self.lab.sign_policy()
        self.lab.push_policy()

    def test_ends_the_custodian(self):
        self.serve()
        self.pin_another_root()
        self.assertEqual(self.lab.wait_for_end("custodian"), "exit status 2")
        self.assertEqual(self.lab.wait_for_event("custodian", "ended")["code"], "wrong_root")


if __name__ == "__main__":
    unittest.main()
