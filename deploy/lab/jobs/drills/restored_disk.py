"""The disk of the parent is yesterday's again, with a key version that has been ended since."""

from jobs.deployment import Worker
from jobs.drill import CARD, EVAN, NEXT_PAYMENTS, Drill, expect
from jobs.main_story import PAYMENTS, require
from jobs.processes import wait_for

YESTERDAY, TODAY = "yesterday", "today"


class RestoredDisk(Drill):
    TITLE = "the parent's disk is yesterday's, with a key version that was ended today"

    def prepare(self) -> list:
        return [("backup", self.back_up), ("rotate", self.rotate)]

    def respond(self) -> list:
        return [("restore", self.restore), ("noticed", self.noticed), ("put-back", self.put_back)]

    def back_up(self) -> str:
        self.lab.restart_parent(lambda: self.save_disk(YESTERDAY))
        self.wait_until_served()
        return "the parent's disk is copied while it is stopped"

    def rotate(self) -> str:
        self.keys(EVAN, "rotate", CARD)
        self.keys(EVAN, "set-minimum", CARD, "2")
        self.lab.edit_policy(lambda policy: None)
        serial = self.roll_out()
        self.wait_until_served()
        return f"{CARD} has version 2, version 1 is ended; serial {serial} is in force"

    def restore(self) -> str:
        self.lab.terminate("custodian")
        self.lab.restart_parent(lambda: (self.save_disk(TODAY), self.load_disk(YESTERDAY)))
        self.lab.run_enclave("custodian", self.images["custodian"])
        unsealed = self.lab.wait_for_event("custodian", "root_unsealed")
        return f"custodian and parent started on yesterday's disk; generation {unsealed['generation']} unsealed"

    def noticed(self) -> str:
        for worker in (PAYMENTS, NEXT_PAYMENTS):
            wait_for(f"{worker.name} to be refused by rolled_back", lambda worker=worker: self.is_rolled_back(worker))
            expect(f"{worker.name}'s decryption with it", self.opened(worker, self.sealed), "refused: rolled_back")
        expect("what an operator's order is answered", self.keys(EVAN, "rotate", CARD, expect=2)["code"], "rolled_back")
        refused = self.lab.wait_for_event("custodian", "request_denied", code="rolled_back")
        return f"the workers brought the heads that they saw: {refused['detail']}; nobody is served"

    def is_rolled_back(self, worker: Worker) -> bool:
        """Never may it get what yesterday's disk would give."""
        seen = self.received(worker, CARD, "?version=1")
        require(seen.startswith("refused: "), f"version 1 of {CARD}, which was ended today: expected a refusal, seen {seen!r}")
        return seen == "refused: rolled_back"

    def put_back(self) -> str:
        self.lab.terminate("custodian")
        self.lab.restart_parent(lambda: self.load_disk(TODAY))
        self.lab.run_enclave("custodian", self.images["custodian"])
        for worker in (PAYMENTS, NEXT_PAYMENTS):
            wait_for(f"{worker.name} to be answered by the newer state",
                     lambda worker=worker: self.opened(worker, self.sealed) == "refused: version_below_minimum")
        self.wait_until_served()
        return "with the newer disk, and a custodian that goes on with its audit log, everybody is served; no worker restarted"
