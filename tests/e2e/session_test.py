"""deploy/lab/session.py, as ./deploy/quickstart --session runs it: three realms compute and sign together, and whoever cheats,
misleads or replays is named and refused."""

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
         "replay-refused", "key-generation", "restart", "signature", "cheat-named", "receipts"}


class Sessions(unittest.TestCase):
    def test_everything_happens_as_it_must(self):
        with tempfile.TemporaryDirectory(prefix="c") as folder:  # short: sockets live in it
            done = subprocess.run(
                ["/usr/bin/python3", "-B", str(SOURCE / "deploy/lab/session.py"), "--bin", str(PROGRAMS), "--json"],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=550, env={**os.environ, "TMPDIR": folder})
            print(done.stderr, flush=True)
            result = json.loads(done.stdout)
            self.assertEqual([step for step in result["steps"] if not step["ok"]], [])
            self.assertTrue(result["ok"])
            self.assertEqual(done.returncode, 0)
            self.assertLessEqual(STEPS, {step["name"] for step in result["steps"]})
            self.assertEqual(os.listdir(folder), [], "left behind")


if __name__ == "__main__":
    unittest.main()
