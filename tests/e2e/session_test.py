"""deploy/lab/session.py, as ./deploy/quickstart --session runs it: three realms compute and sign together, and whoever cheats,
misleads or replays is named and refused. And session_networks.py: the same realms, each in a network of its own."""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["CONCORDAT_SOURCE"])
PROGRAMS = pathlib.Path(os.environ["CONCORDAT_BUILD"]) / "bin"

# What may be added to, and nothing taken away from.
STEPS = {"realm-a", "realm-b", "realm-c", "rules", "aggregate", "input-unseen", "runs-are-counted", "operator-comes-back",
         "led-astray-refused",
         "replay-refused", "key-generation", "restart", "signature", "resharing", "signature-after", "old-share-refused",
         "settled", "cheat-named", "cheat-proved", "receipts"}


# In networks of their own.
NETWORK_STEPS = {"networks", "realm-a", "realm-b", "realm-c", "apart", "cut-and-mended", "input-unseen"}


class Sessions(unittest.TestCase):
    def test_everything_happens_as_it_must(self):
        self.check_story([], SOURCE / "deploy/lab/session.py", STEPS)

    def test_realms_in_networks_of_their_own_meet_though_a_wire_is_cut(self):
        within = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--net"]
        tried = subprocess.run([*within, "true"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if tried.returncode != 0:
            self.skipTest(f"no network namespace: {tried.stderr.strip()}")
        self.check_story(within, SOURCE / "tests/e2e/session_networks.py", NETWORK_STEPS)

    def check_story(self, within: list[str], story: pathlib.Path, steps: set[str]) -> None:
        with tempfile.TemporaryDirectory(prefix="c") as folder:  # short: sockets live in it
            done = subprocess.run(
                [*within, "/usr/bin/python3", "-B", str(story), "--bin", str(PROGRAMS), "--json"],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=270, env={**os.environ, "TMPDIR": folder})
            print(done.stderr, flush=True)
            result = json.loads(done.stdout)
            self.assertEqual([step for step in result["steps"] if not step["ok"]], [])
            self.assertTrue(result["ok"])
            self.assertEqual(done.returncode, 0)
            self.assertLessEqual(steps, {step["name"] for step in result["steps"]})
            self.assertEqual(os.listdir(folder), [], "left behind")


if __name__ == "__main__":
    unittest.main()
