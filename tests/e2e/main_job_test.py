"""deploy/lab/main_job.py: everything happens as it must, and it cleans up after itself however it ends."""

import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time
import unittest

SOURCE = pathlib.Path(os.environ["CONCORDAT_SOURCE"])
PROGRAMS = pathlib.Path(os.environ["CONCORDAT_BUILD"]) / "bin"

# What issue after issue may add to, and none may take away from.
STEPS = {"kms-key", "genesis", "pin-root", "unseal", "kms-refuses-parent", "worker-a", "worker-b", "worker-a-granted",
         "worker-b-granted", "worker-a-refused", "worker-b-refused", "worker-b-sign-refused", "altered-image-refused",
         "replayed-handshake-refused", "replayed-document-refused", "relay-sees-ciphertext", "counts"}


def processes_that_name(folder: str) -> list[str]:
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if folder.encode() in (command := path.read_bytes()):
                found.append(command.replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            pass  # it has ended meanwhile
    return found


class MainJob(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="c")  # short: sockets live in it
        self.addCleanup(scratch.cleanup)
        self.folder = scratch.name

    def start(self, programs: pathlib.Path = PROGRAMS) -> subprocess.Popen:
        return subprocess.Popen(
            ["/usr/bin/python3", "-B", str(SOURCE / "deploy/lab/main_job.py"), "--bin", str(programs), "--json"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "TMPDIR": self.folder})

    def test_everything_happens_as_it_must(self):
        process = self.start()
        out, err = process.communicate(timeout=500)
        print(err, flush=True)  # with its line on isolation, which the summary of a whole run judges
        result = json.loads(out)
        self.assertEqual([step for step in result["steps"] if not step["ok"]], [])
        self.assertTrue(result["ok"])
        self.assertEqual(process.returncode, 0)
        self.assertLessEqual(STEPS, {step["name"] for step in result["steps"]})
        self.assertIn(result["isolation"], ("full", "partial"))
        self.assertGreaterEqual(result["counts"]["handshakes"], 2)
        self.assertGreater(result["counts"]["bytes_relayed"], 0)
        self.assertEqual(os.listdir(self.folder), [], "left behind")

    def test_says_what_failed_and_keeps_what_shows_why(self):
        process = self.start(programs=pathlib.Path(self.folder) / "nothing")
        out, err = process.communicate(timeout=60)
        result = json.loads(out)
        self.assertEqual((process.returncode, result["ok"]), (1, False))
        self.assertIn("no program", result["steps"][-1]["detail"])
        kept = [line for line in err.splitlines() if line.startswith("kept: ")]
        self.assertTrue(kept and self.folder in kept[0])

    def test_leaves_no_process_when_it_is_ended(self):
        process = self.start()
        for line in process.stderr:
            if " genesis: " in line:
                break
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        self.assertNotEqual(process.returncode, 0)
        end = time.monotonic() + 20
        while processes_that_name(self.folder) and time.monotonic() < end:
            time.sleep(0.05)
        self.assertEqual(processes_that_name(self.folder), [])


if __name__ == "__main__":
    unittest.main()
