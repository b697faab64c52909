"""The KMS key can no longer be trusted: whoever may change its policy may unseal the root. A root that is sealed under one
key is not to be had from another, so that a root of the next generation is made under another key and takes over while
everything goes on. What comes from the older one keeps its bytes until it is ended; then the older root is retired and its
KMS key closed.
"""

import json
import pathlib
import secrets

from jobs.deployment import ADMIN
from jobs.drill import CARD, DAILY, EVAN, WORKERS, Drill, expect
from jobs.main_story import REPORTS, require
from jobs.processes import wait_for

OLDER, NEWER = "older", "newer"  # disks of the parent
FIRST, SECOND = "1", "2"


class KmsKey(Drill):
    TITLE = "the KMS key is replaced, and the root with it, while workers go on"

    def respond(self) -> list:
        return [("keep-disk", self.keep_disk), ("new-key", self.new_key), ("kms-key-policy", self.bind_kms_key),
                ("make-root", self.make_next_root), ("pin-root", self.pin_next_root), ("rotate", self.rotate),
                ("same-bytes", self.same_bytes), ("rewrap", self.rewrap), ("retire", self.retire),
                ("close-older-key", self.close_older_key), ("older-disk-refused", self.older_disk),
                ("unseal-again", self.unseal_again)]

    def make_key(self) -> str:
        """One that its owner keeps a copy of."""
        self.material = self.lab.folder / "card.bin"
        self.material.write_bytes(secrets.token_bytes(32))
        self.material.chmod(0o600)
        self.keys(EVAN, "import", CARD, "--type", "aes256", "--exportable", "--from", self.material)
        self.sealed = self.encrypt(WORKERS[0])
        return f"{CARD} imported by {EVAN}; {WORKERS[0].name} encrypted a card number with it"

    def root(self, *arguments: str | pathlib.Path) -> dict:
        done = self.lab.programs.run("concordat-lab", "root", *arguments, *self.lab.operator_options(self.key_of(EVAN)))
        return json.loads(done.stdout)

    def keep_disk(self) -> str:
        self.lab.restart_parent(lambda: self.save_disk(OLDER))
        self.serial = self.status(EVAN)["policy"]["serial"]
        self.wait_until_served()
        return "the parent's disk as it is now is kept"

    def new_key(self) -> str:
        """Those that are pinned stay with the key that sealed them."""
        self.older_key = self.key_arn
        self.lab.policy("set", "--kms-key", self.make_kms_key())
        self.changed["KMS key"] = self.key_arn.rpartition("/")[2]
        return f"a new KMS key is made; serial {self.roll_out()} names it for roots to come"

    def make_next_root(self) -> str:
        self.asked, self.document = secrets.token_bytes(32).hex(), self.lab.folder / "genesis-2.cbor"
        self.root("make", "--challenge", self.asked, "--out", self.document)
        return "the custodian made a root of the next generation and attests to it"

    def pin_next_root(self) -> str:
        pinned = self.lab.policy("pin-root", "--document", self.document, "--challenge", self.asked, "--lab-root",
                                 self.lab.lab_root)
        serial = self.roll_out()
        self.lab.wait_for_event("custodian", "root_unsealed", generation=2)
        self.changed["root"] = f"generation {SECOND}, commitment {pinned['commitment'][:16]}.."
        return f"serial {serial} pins it beside the older one, and KMS unseals it under the new key"

    def rotate(self) -> str:
        position = self.root("rotate", "--generation", SECOND)["since"]
        self.lab.policy("set", "--current-root", SECOND)
        serial = self.roll_out()
        self.wait_until_served()
        return f"it takes over at position {position}; under serial {serial} nothing of the older one is taken any more"

    def same_bytes(self) -> str:
        expect(f"{DAILY} for {REPORTS.name}", self.received(REPORTS, DAILY), "version 1")
        expect("what was encrypted before", self.opened(WORKERS[0], self.sealed), "opened")
        return f"{DAILY} has the bytes that it had, and what was encrypted opens"

    def rewrap(self) -> str:
        self.root("rewrap", "--adopt", DAILY, "--implicit")
        self.keys(EVAN, "rotate", DAILY)
        self.keys(EVAN, "destroy", DAILY, "--version", "1", "--yes-destroy", DAILY)
        self.changed[f"{REPORTS.name}: get {DAILY}"] = "version 2"
        return f"{DAILY} is adopted and gets version 2 from the new root; its version 1 ends"

    def retire(self) -> str:
        wait_for("the audit log to be signed under the new root", lambda: self.root("status")["audit_log"] == int(SECOND))
        self.root("retire", "--generation", FIRST)
        self.lab.policy("set", "--retire-root", FIRST)
        serial = self.roll_out()
        self.wait_until_served()
        return f"nothing leans on the older root: serial {serial} does not pin it"

    def close_older_key(self) -> str:
        """As disabling it does on AWS: nobody may use it any more."""
        statement = {"Effect": "Allow", "Principal": {"AWS": ADMIN}, "Action": ["kms:GetKeyPolicy", "kms:PutKeyPolicy"],
                     "Resource": "*"}
        put = self.lab.kms_client("admin").call("PutKeyPolicy", KeyId=self.older_key, PolicyName="default", Policy=json.dumps(
            {"Version": "2012-10-17", "Statement": [statement]}))
        expect("KMS's answer to the older key's last policy", put.status, 200)
        return "the older KMS key opens for nobody"

    def unseal_again(self) -> str:
        unsealed = self.unseal()
        self.wait_until_served()
        return unsealed

    def older_disk(self) -> str:
        """The parent starts a custodian with the store and the signed policy of before, which has not expired. KMS refuses it;
        or a worker at work, which remembers the newer policy, comes first, and that one's root is not on the older disk."""
        self.lab.terminate("custodian")
        self.lab.restart_parent(lambda: (self.save_disk(NEWER), self.load_disk(OLDER)))
        self.lab.run_enclave("custodian", self.images["custodian"])
        refused = self.lab.wait_for_event("custodian", "root_not_unsealed")
        require(refused["code"] in ("access_denied", "not_ready", "store_failed"), f"not to be unsealed: {refused}")
        expect("roots there", self.lab.console_events("custodian", "root_unsealed"), [])
        self.lab.terminate("custodian")
        self.lab.restart_parent(lambda: self.load_disk(NEWER))
        return f"a custodian with the older store and policy: {refused['code']}"
