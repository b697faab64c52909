"""The image of a worker turns out to be broken: whatever it received may be known to somebody."""

import json

from jobs.drill import CARD, EVAN, NEXT_PAYMENTS, Drill, expect, title
from jobs.main_story import PAYMENTS
from jobs.processes import wait_for

REVOKED = "payments-1"


class WorkerImage(Drill):
    TITLE = "a worker's image is revoked, and the key that it received rotated"

    def respond(self) -> list:
        return [("revoke", self.revoke), ("refused", self.refused), ("rotate", self.rotate), ("rewrap", self.rewrap),
                ("end-version", self.end_version)]

    def revoke(self) -> str:
        older, report = self.lab.folder / "older.json", self.lab.folder / "report.json"
        older.write_bytes(self.lab.signed_policy.read_bytes())
        report.write_text(json.dumps(wait_for("the custodian to report the release", self.report_of_release)))
        revoked = self.lab.policy("revoke", "--image", REVOKED, "--released", report)
        impact = self.lab.operator("policy", "impact", older, self.lab.authority / "policy.json", "--released", report)
        for command, said in (("revoke", revoked), ("impact", impact)):
            expect(f"keys to rotate by `policy {command}`",
                   [(entry["keys"], entry["images"]) for entry in said["rotate"]], [("payments/*", [REVOKED])])
            expect(f"versions received by `policy {command}`",
                   sorted({(entry["key"], entry["version"], entry["image"]) for entry in said["received"]}),
                   [(CARD, 1, REVOKED)])
        return f"serial {self.roll_out()}; to rotate: payments/*; received by {REVOKED}: {CARD} version 1"

    def report_of_release(self) -> dict | None:
        report = self.lab.report_of("custodian")
        released = {(entry["key"], entry["operation"], entry["image"]) for entry in report.get("releases", [])}
        return report if (CARD, "get", REVOKED) in released else None

    def refused(self) -> str:
        self.lab.wait_for_event("custodian", "channel_ended", role=PAYMENTS.role)
        refused = self.lab.wait_for_event("custodian", "peer_refused", source=f"enclave/{PAYMENTS.name}")
        self.changed |= {title(PAYMENTS): "process 1, refused: image_differs",
                         f"{PAYMENTS.name}: get {CARD}": "refused: refused_by_peer",
                         f"{PAYMENTS.name}: get {CARD} version 1": "refused: refused_by_peer",
                         f"{PAYMENTS.name}: decrypt what was encrypted": "refused: refused_by_peer"}
        self.wait_until_served(NEXT_PAYMENTS)
        return refused["detail"]

    def rotate(self) -> str:
        expect(f"newest version of {CARD}", self.keys(EVAN, "rotate", CARD)["newest_version"], 2)
        self.changed[f"{NEXT_PAYMENTS.name}: get {CARD}"] = "version 2"
        return f"{CARD} has version 2"

    def rewrap(self) -> str:
        """What is to last is made anew under the version that nobody outside knows."""
        self.older_ciphertext = self.sealed
        kept = self.lab.folder / "card.envelope"
        kept.write_bytes(self.sealed)
        expect("version of the ciphertext", self.keys(EVAN, "rewrap", kept, "--out", kept)["version"], 2)
        self.sealed = kept.read_bytes()
        return "the card number is encrypted under version 2"

    def end_version(self) -> str:
        self.keys(EVAN, "set-minimum", CARD, "2")
        expect("the ciphertext of version 1", self.opened(NEXT_PAYMENTS, self.older_ciphertext),
               "refused: version_below_minimum")
        self.changed |= {CARD: "enabled; version 1 enabled, 2 enabled; minimum 2",
                         f"{NEXT_PAYMENTS.name}: get {CARD} version 1": "refused: version_below_minimum"}
        return "version 1 is neither given out nor read with"
