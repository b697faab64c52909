"""deploy/lib/packages.sh: what it installs, how, and what it leaves behind."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

SOURCE = pathlib.Path(os.environ["CONCORDAT_SOURCE"])

APT = """#!/bin/sh
echo "apt-get $*" >>"$CALLS"
if [ -x "$POLICY_RC_D" ]; then "$POLICY_RC_D"; echo "policy $?" >>"$CALLS"; fi
case "$*" in *install*) eval "$DURING_INSTALL" ;; esac
"""
DPKG_QUERY = """#!/bin/sh
for name; do :; done
case " $INSTALLED " in *" $name "*) printf 'install ok installed' ;; *) exit 1 ;; esac
"""
SUDO = """#!/bin/sh
[ "$1" = -n ] && shift
exec "$@"
"""


class Packages(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)
        self.folder.chmod(0o777)  # one test leaves root
        shutil.copytree(SOURCE / "deploy/lib", self.folder / "lib")
        self.tools = self.folder / "tools"
        self.tools.mkdir()
        self.add_tool("apt-get", APT)
        self.add_tool("dpkg-query", DPKG_QUERY)
        self.add_tool("sudo", SUDO)
        self.calls = self.folder / "calls"
        self.calls.touch()
        self.policy = self.folder / "policy-rc.d"
        self.list = self.folder / "list.txt"
        self.list.write_text("# heading\nalpha   # why\nbeta\nshell have:sh   # there already\n")

    def add_tool(self, name: str, text: str) -> None:
        (self.tools / name).write_text(text)
        (self.tools / name).chmod(0o755)

    def only_tools(self) -> str:
        """A PATH with the fakes and the few real commands that the script needs."""
        for name in ("bash", "sh", "cat", "paste", "mkdir", "dirname", "grep", "tail", "sleep", "env", "tee", "rm",
                     "mv", "chmod"):
            if not (self.tools / name).exists():
                (self.tools / name).symlink_to(f"/usr/bin/{name}")
        return str(self.tools)

    def start(self, installed: str = "", during_install: str = "true", runner: tuple[str, ...] = ()):
        script = "set -euo pipefail; source lib/script.sh; source lib/packages.sh; ensure_packages list.txt"
        return subprocess.Popen(
            [*runner, "/bin/bash", "-c", script], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={"PATH": self.only_tools(), "CALLS": str(self.calls),
                 "POLICY_RC_D": str(self.policy), "INSTALLED": installed, "DURING_INSTALL": during_install})

    def ensure(self, **settings) -> tuple[int, str]:
        process = self.start(**settings)
        out, err = process.communicate(timeout=60)
        return process.returncode, out + err

    def test_calls_nobody_when_nothing_is_missing(self):
        status, _ = self.ensure(installed="alpha beta")
        self.assertEqual((status, self.calls.read_text()), (0, ""))

    def test_updates_and_installs_only_what_is_missing(self):
        status, _ = self.ensure(installed="alpha")
        calls = self.calls.read_text().splitlines()
        self.assertEqual(status, 0)
        self.assertRegex(calls[0], "apt-get .*update$")
        self.assertRegex(calls[2], "apt-get .*install --no-install-recommends beta$")

    def test_services_are_forbidden_meanwhile_and_only_meanwhile(self):
        self.ensure()
        self.assertEqual(self.calls.read_text().count("policy 101"), 2)
        self.assertFalse(self.policy.exists())

    def test_puts_back_a_policy_that_was_there(self):
        self.policy.write_text("#!/bin/sh\nexit 7\n")
        self.policy.chmod(0o755)
        self.ensure()
        self.assertEqual(self.calls.read_text().count("policy 101"), 2)
        self.assertIn("exit 7", self.policy.read_text())

    def test_failure_is_said_and_cleaned_up(self):
        status, said = self.ensure(during_install="exit 100")
        self.assertEqual(status, 100)
        self.assertIn("could not install: alpha beta", said)
        self.assertFalse(self.policy.exists())

    def test_interruption_stops_apt_and_cleans_up(self):
        process = self.start(during_install='echo begun >>"$CALLS"; exec sleep 600')
        end = time.monotonic() + 30
        while "begun" not in self.calls.read_text() and time.monotonic() < end:
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
        self.assertEqual(process.returncode, 143)
        self.assertFalse(self.policy.exists())

    def test_without_apt_it_prints_what_to_install(self):
        (self.tools / "apt-get").unlink()
        status, said = self.ensure()
        self.assertEqual(status, 1)
        self.assertIn("alpha beta", said)

    def test_without_root_or_sudo_it_prints_the_command(self):
        (self.tools / "sudo").unlink()
        nobody = ("/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
        status, said = self.ensure(runner=nobody if os.geteuid() == 0 else ())
        self.assertEqual(status, 1)
        self.assertIn("apt-get install --no-install-recommends alpha beta", said)
        self.assertEqual(self.calls.read_text(), "")


if __name__ == "__main__":
    unittest.main()
