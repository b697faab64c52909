"""Two custodians beyond two parents over one etcd: the second gets the root from the first and never sees KMS; a worker at
work goes on when the parent and the custodian that it asks are killed, or just stop, and not one of its requests is lost.
Who knows whom says the parents' configuration, or their announcements in the store alone.
"""

import json
import os
import shutil
import signal
import threading
import time
import unittest

from lab_story import open_lab  # first: it says where the others are
from custody_processes import ETCD, Etcd, free_ports
from jobs.deployment import Deployment, Worker
from jobs.main_story import PAYMENTS, PAYMENTS_KEY, message
from jobs.processes import Daemon, wait_for

OTHER = "custodian-b"
# Enough to be under way at any moment.
ASKING = 4
AFTERWARDS = 200  # requests that must have been answered since the kill


class TwoInstances(Deployment):
    """A second parent with a custodian of its own, and the store of both in etcd."""

    def __post_init__(self):
        super().__post_init__()
        self.etcd_ports, self.peer_ports = free_ports(), free_ports()
        self.second: Daemon | None = None

    def parent_config(self, workers: list[Worker]) -> dict:
        config = super().parent_config(workers)
        config["enclaves"]["custodian"]["settings"] = self.told_of(OTHER)
        config["enclaves"][PAYMENTS.name]["settings"] = self.told_of(OTHER, "custodian")
        return config | {"store": self.store()} | self.meeting(0, "custodian", OTHER)

    def store(self) -> dict:
        return {"etcd": {"endpoints": [f"tcp:127.0.0.1:{self.etcd_ports[0]}"]}}

    def told_of(self, *custodians: str) -> dict:
        """Settings of an enclave."""
        return {"custodians": ",".join(custodians)}

    def address(self, parent: int) -> str:
        return f"tcp:127.0.0.1:{self.peer_ports[parent]}"

    def meeting(self, parent: int, own: str, others: str) -> dict:
        """How a parent reaches the other's enclave, and the other its own."""
        return {"peers": {"listen": self.address(parent),
                          "parents": {"other": {"dial": self.address(1 - parent), "enclaves": [others]}}}}

    def start_second_parent(self) -> None:
        """With neither a way to KMS nor credentials for it."""
        enclave = {"role": "custodian", "store": "custodian", "settings": self.told_of("custodian"),
                   "listen": f"unix:{self.sockets}/{OTHER}", "dial": f"unix:{self.inbound(OTHER)}"}
        published = self.parent / "policy-b.signed.json"
        shutil.copy(self.signed_policy, published)
        config = {
            "enclaves": {OTHER: enclave},
            "policy": {"envelope": str(published), "authority": str(self.authority / "authority.cbor")},
            "store": self.store(),
        } | self.meeting(1, OTHER, "custodian")
        path = self.folder / "parent-b.json"
        path.write_text(json.dumps(config, indent=2))
        self.second = self.programs.start("parent-b", "concordat-parent", "--config", path)
        self.second.wait_for_line(r'"event":"ready"')

    def signal_second(self, number: signal.Signals) -> None:
        """Parent and custodian."""
        custodian = self.process_of(OTHER)
        self.second.process.send_signal(number)
        os.kill(custodian, number)


class AnnouncedInstances(TwoInstances):
    """No configuration names an enclave of the other parent: each announces its own."""

    def told_of(self, *custodians: str) -> dict:
        return {}

    def meeting(self, parent: int, own: str, others: str) -> dict:
        address = self.address(parent)
        return {"peers": {"listen": address}, "announce": {"address": address, "enclaves": [own]}}


@unittest.skipUnless(ETCD.exists(), "etcd is not installed")
class Failover(unittest.TestCase):
    """An instance that loses its power."""

    DEPLOYMENT = TwoInstances

    @classmethod
    def setUpClass(cls):
        cls.story = open_lab(cls.addClassCleanup, cls.DEPLOYMENT)
        cls.lab, cls.folder = cls.story.lab, cls.story.lab.folder
        etcd = Etcd(cls.folder, cls.lab.etcd_ports)
        cls.addClassCleanup(etcd.kill)
        cls.story.until_serving()
        cls.lab.policy("enroll", "custodian-1", "--eif", cls.story.images["custodian"], "--role", "custodian",
                       "--initiates", "replica", "--responds", "replica")
        cls.lab.roll_out("custodian")
        cls.lab.start_second_parent()
        cls.lab.run_enclave(OTHER, cls.story.images["custodian"])
        cls.lab.wait_for_event(OTHER, "keyring_loaded")

    def setUp(self):
        self.answers: list[tuple[float, float, int]] = []  # began, took, status
        self.is_over = threading.Event()

    def ask_on_and_on(self) -> None:
        while not self.is_over.is_set():
            began = time.monotonic()
            answer = self.lab.agent(PAYMENTS.name, "POST", f"/v1/sign/{PAYMENTS_KEY}", message(b"pay 10 to carol"))
            self.answers.append((began, time.monotonic() - began, answer.status))

    def served_by(self, custodian: str) -> int:
        return len(self.lab.console_events(custodian, "request_served", operation="sign"))

    def lose_second(self) -> None:
        self.lab.signal_second(signal.SIGKILL)

    def ask_at_work(self) -> list[threading.Thread]:
        asking = [threading.Thread(target=self.ask_on_and_on) for _ in range(ASKING)]
        for thread in asking:
            thread.start()
        self.addCleanup(self.is_over.set)
        return asking

    def end_of_work(self, asking: list[threading.Thread]) -> None:
        self.is_over.set()
        for thread in asking:
            thread.join()
        self.assertEqual({status for _, _, status in self.answers}, {200}, "no request may be lost")

    def test_nothing_is_lost_with_a_parent_and_its_custodian(self):
        self.assertEqual(self.lab.wait_for_event(OTHER, "root_unsealed")["from"], "custodian")
        self.assertEqual(len(self.lab.console_events("custodian", "root_given")), 1)
        self.story.attest_worker(PAYMENTS)
        for custodian in ("custodian", OTHER):
            self.lab.wait_for_event(PAYMENTS.name, "custodian_admitted", custodian=custodian)

        asking = self.ask_at_work()
        wait_for("the second custodian to serve", lambda: self.served_by(OTHER))
        before = self.served_by("custodian")
        self.lose_second()
        killed = time.monotonic()
        wait_for("the first custodian to serve", lambda: sum(began > killed for began, _, _ in self.answers) >= AFTERWARDS)
        self.end_of_work(asking)
        self.assertEqual(self.lab.wait_for_event(PAYMENTS.name, "custodian_chosen")["custodian"], "custodian")
        wait_for("its console to say so", lambda: self.served_by("custodian") >= before + AFTERWARDS)
        gap = max(took for _, took, _ in self.answers)
        print(f"{len(self.answers)} requests, all answered; the longest took {gap * 1000:.0f} ms")


class Stopped(Failover):
    """One that just stops: nothing is closed, nobody is told."""

    def lose_second(self) -> None:
        self.lab.signal_second(signal.SIGSTOP)
        self.addCleanup(self.lab.signal_second, signal.SIGCONT)


class Announced(Failover):
    """Found by what parents announce, the second one while the worker is at work; then the first is lost."""

    DEPLOYMENT = AnnouncedInstances

    def test_nothing_is_lost_with_a_parent_and_its_custodian(self):
        self.assertEqual(self.lab.wait_for_event(OTHER, "root_unsealed")["from"], "custodian")
        self.lab.terminate(OTHER)
        self.story.attest_worker(PAYMENTS)
        asking = self.ask_at_work()
        wait_for("the first custodian to serve", lambda: self.served_by("custodian"))
        self.lab.run_enclave(OTHER, self.story.images["custodian"])
        self.lab.wait_for_event(PAYMENTS.name, "custodian_serves", custodian=OTHER)
        self.lab.terminate("custodian")
        lost = time.monotonic()
        wait_for("the second custodian to serve", lambda: sum(began > lost for began, _, _ in self.answers) >= AFTERWARDS)
        self.end_of_work(asking)
        self.assertEqual(self.lab.wait_for_event(PAYMENTS.name, "custodian_chosen")["custodian"], OTHER)


if __name__ == "__main__":
    unittest.main()
