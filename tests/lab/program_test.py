"""concordat-lab-hypervisor as its users call it: what it prints, its exit status, and that nothing outlives it."""

import json
import os
import pathlib
import select
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from image_signer import ImageSigner  # noqa: E402  (the path above comes first)

BIN = pathlib.Path(os.environ["CONCORDAT_BUILD"]) / "bin"
PROGRAM = BIN / "concordat-lab-hypervisor"
PROBE = BIN / "lab_probe"


def call(*arguments) -> subprocess.CompletedProcess:
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=120)


def measure(image: pathlib.Path) -> dict:
    printed = subprocess.run([BIN / "concordat", "measure", image], capture_output=True, text=True, check=True)
    return json.loads(printed.stdout)["Measurements"]


class Program(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="concordat-lab-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.state = self.folder / "state"

    def serve(self) -> subprocess.Popen:
        """Returns once it serves; its first line of output is the isolation."""
        server = subprocess.Popen([PROGRAM, "serve", "--state", self.state], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.stop, server)
        self.isolation = server.stdout.readline().strip()
        for line in server.stderr:
            if '"hypervisor_ready"' in line:
                return server
        self.fail("the hypervisor did not start")

    def stop(self, server: subprocess.Popen):
        server.terminate()
        server.communicate(timeout=120)

    def pack(self, *arguments, options=()) -> pathlib.Path:
        image = self.folder / "probe.eif"
        packed = call("pack", PROBE, *options, "--out", image, "--", *arguments)
        self.assertEqual((packed.returncode, packed.stderr), (0, ""))
        return image

    def run_enclave(self, *arguments, options=()) -> dict:
        image = self.pack(*arguments, options=options)
        started = call("run", image, "--name", "probe", "--state", self.state)
        self.assertEqual((started.returncode, started.stderr), (0, ""))
        return json.loads(started.stdout)


class Commands(Program):
    def test_help_has_examples(self):
        for command in ["pack", "serve", "run", "terminate", "wait", "describe"]:
            shown = call(command, "--help")
            self.assertEqual(shown.returncode, 0)
            self.assertIn("Examples:", shown.stdout)

    def test_wrong_usage_is_one(self):
        for arguments in [[], ["fly"], ["run"], ["pack", PROBE], ["serve"]]:
            self.assertEqual(call(*arguments).returncode, 1, arguments)

    def test_pack_says_what_is_wrong(self):
        out = self.folder / "x.eif"
        missing = call("pack", self.folder / "none", "--out", out)
        self.assertEqual(missing.returncode, 1)
        self.assertIn("none: No such file or directory", missing.stderr)
        self.assertIn("want DEST=SRC", call("pack", PROBE, "--file", "nothing", "--out", out).stderr)
        self.assertFalse(out.exists())

    def test_without_a_hypervisor_says_how_to_start_one(self):
        asked = call("describe", "--state", self.state)
        self.assertEqual(asked.returncode, 1)
        self.assertIn(f"concordat-lab-hypervisor serve --state {self.state}", asked.stderr)

    def test_pack_and_measure_agree_with_describe(self):
        self.serve()
        described = self.run_enclave("wait")
        self.assertEqual(described["Measurements"], measure(self.folder / "probe.eif"))
        listed = call("describe", "--state", self.state)
        self.assertEqual(json.loads(listed.stdout), [described])


class SignedImages(Program):
    def test_pcr8_is_the_signers_and_the_rest_the_images(self):
        alice, bob = ImageSigner(self.folder, "alice"), ImageSigner(self.folder, "bob")
        unsigned = measure(self.pack("wait"))
        self.assertNotIn("PCR8", unsigned)
        for signer in (alice, bob):
            self.assertEqual(measure(self.pack("wait", options=signer.options)), {**unsigned, "PCR8": signer.pcr8})

    def test_a_running_enclave_is_of_its_signer(self):
        self.serve()
        alice = ImageSigner(self.folder, "alice")
        described = self.run_enclave("report", options=alice.options)
        self.assertEqual(described["Measurements"]["PCR8"], alice.pcr8)
        call("wait", "probe", "--state", self.state)
        console = pathlib.Path(described["Console"]).read_text()
        self.assertIn(f"pcr8={alice.pcr8}\n", console)

    def test_pack_says_why_it_cannot_sign(self):
        alice, bob = ImageSigner(self.folder, "alice"), ImageSigner(self.folder, "bob")
        out = self.folder / "x.eif"

        def refused(*options) -> str:
            packed = call("pack", PROBE, *options, "--out", out)
            self.assertEqual((packed.returncode, packed.stdout), (1, ""))
            self.assertFalse(out.exists())
            return packed.stderr

        self.assertIn("not the key of the signing certificate",
                      refused("--signing-certificate", alice.certificate, "--private-key", bob.key))
        self.assertIn("--private-key", refused("--signing-certificate", alice.certificate))
        self.assertIn("none.pem: No such file",
                      refused("--signing-certificate", self.folder / "none.pem", "--private-key", alice.key))
        alice.encrypt_key()
        self.assertIn("without a passphrase", refused(*alice.options))


class Life(Program):
    def test_run_wait_and_terminate(self):
        self.serve()
        self.assertRegex(self.isolation, "^isolation: (full|partial)")
        started = self.run_enclave("exit", "5")
        ended = call("wait", "probe", "--state", self.state)
        self.assertEqual(json.loads(ended.stdout), {"EnclaveName": "probe", "EnclaveID": started["EnclaveID"],
                                                    "Status": "exit status 5"})
        started = self.run_enclave("wait")
        terminated = call("terminate", "probe", "--state", self.state)
        self.assertEqual(json.loads(terminated.stdout), {"EnclaveName": "probe", "EnclaveID": started["EnclaveID"],
                                                         "Terminated": True})
        again = call("terminate", "probe", "--state", self.state)
        self.assertEqual(again.returncode, 1)
        self.assertIn("ended with signal 9", again.stderr)

    def test_a_damaged_image_is_refused(self):
        self.serve()
        image = self.pack("wait")
        damaged = bytearray(image.read_bytes())
        damaged[-100] ^= 1
        image.write_bytes(damaged)
        refused = call("run", image, "--name", "probe", "--state", self.state)
        self.assertEqual(refused.returncode, 2)
        self.assertEqual(refused.stdout, "")
        self.assertEqual(len(refused.stderr.splitlines()), 1)

    def test_a_missing_image_is_no_refusal(self):
        self.serve()
        self.assertEqual(call("run", self.folder / "none", "--name", "probe", "--state", self.state).returncode, 1)

    def test_a_stopped_hypervisor_leaves_nothing_running(self):
        server = self.serve()
        self.assert_ends_with(server, signal.SIGTERM, self.run_enclave("wait")["ProcessID"])
        self.assertEqual(server.wait(timeout=120), 0)
        self.assertFalse((self.state / "control.sock").exists())
        self.assertEqual(list((self.state / "run").iterdir()), [])

    def test_a_killed_hypervisor_takes_its_enclaves_along(self):
        server = self.serve()
        self.assert_ends_with(server, signal.SIGKILL, self.run_enclave("wait")["ProcessID"])

    def assert_ends_with(self, server: subprocess.Popen, how: signal.Signals, enclave: int):
        handle = os.pidfd_open(enclave)
        self.addCleanup(os.close, handle)
        server.send_signal(how)
        ready, _, _ = select.select([handle], [], [], 120)
        self.assertEqual(ready, [handle], "the enclave still runs")


if __name__ == "__main__":
    unittest.main()
