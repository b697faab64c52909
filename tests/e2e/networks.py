"""Networks of their own for programs, joined by one switch, whose wires can be cut.

The switch is in the network of whoever calls, which the caller has made for it (`unshare --net`): all of it is gone with
the last process in it, and nothing of the machine's own network is touched.
"""

import json
import subprocess

from jobs.record import StepFailed

SWITCH, INSIDE = "switch", "eth0"


def run(*command: str) -> str:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
    if done.returncode != 0:
        raise StepFailed(f"'{' '.join(command)}' ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def make_switch() -> None:
    run("ip", "link", "set", "lo", "up")
    run("ip", "link", "add", SWITCH, "type", "bridge")
    run("ip", "link", "set", SWITCH, "up")


class Network:
    """One of them, with an address on the switch."""

    def __init__(self, name: str, address: str):
        self.name, self.address, self.wire = name, address, f"to-{name}"
        # Holds the network until its standard input ends, as it does when this program is killed.
        self._holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo made; exec cat"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        if self._holder.stdout.readline() != b"made\n":
            raise StepFailed(f"no network {name}")
        self.within = ("nsenter", f"--net=/proc/{self._holder.pid}/ns/net")
        run("ip", "link", "add", self.wire, "type", "veth", "peer", "name", INSIDE, "netns", str(self._holder.pid))
        run("ip", "link", "set", self.wire, "master", SWITCH)
        for command in (("link", "set", "lo", "up"), ("address", "add", f"{address}/24", "dev", INSIDE),
                        ("link", "set", INSIDE, "up")):
            run(*self.within, "ip", *command)
        self.mend()

    def cut(self) -> None:
        """Whatever is on its way is lost; nobody is told."""
        run("ip", "link", "set", self.wire, "down")

    def mend(self) -> None:
        run("ip", "link", "set", self.wire, "up")

    def bytes_sent(self) -> int:
        """Through its wire."""
        return json.loads(run("ip", "-json", "-statistics", "link", "show", self.wire))[0]["stats64"]["rx"]["bytes"]
