"""The KMS key can no longer be trusted: whoever may change its policy may unseal the root. A root that is sealed under one
key is not to be had from another, so that another root is made, under another key, in a store of its own. Keys that their
owners still have are imported anew; all others are others.
"""

import json
import secrets

from jobs.deployment import ADMIN
from jobs.drill import CARD, DAILY, EVAN, IMAGES, WORKERS, Drill, expect, title
from jobs.main_story import REPORTS

OLDER, NEWER = "older", "newer"  # disks of the parent


class KmsKey(Drill):
    TITLE = "the KMS key is replaced, and the root with it; imported keys are brought anew"

    def respond(self) -> list:
        return [("new-key", self.new_key), ("begin-anew", self.begin_anew),
                ("kms-key-policy", self.bind_kms_key), ("genesis", self.genesis_anew), ("pin-root", self.pin_root),
                ("unseal", self.unseal), ("close-older-key", self.close_older_key),
                ("older-disk-refused", self.older_disk), ("unseal-again", self.unseal), ("import", self.import_key),
                ("workers-anew", self.start_workers_anew)]

    def make_key(self) -> str:
        """One that its owner keeps a copy of."""
        self.material = self.lab.folder / "card.bin"
        self.material.write_bytes(secrets.token_bytes(32))
        self.material.chmod(0o600)
        self.import_key()
        self.sealed = self.encrypt(WORKERS[0])
        return f"{CARD} imported by {EVAN}; {WORKERS[0].name} encrypted a card number with it"

    def import_key(self) -> str:
        self.keys(EVAN, "import", CARD, "--type", "aes256", "--exportable", "--from", self.material)
        return f"{CARD} is imported from its owner's copy"

    def new_key(self) -> str:
        """The policy cannot just name another key."""
        self.older_key = self.key_arn
        another = self.make_kms_key()
        refused = self.lab.programs.run("concordat-lab", "policy", "set", *self.lab.policy_files, "--kms-key", another,
                                        "--json", expect=2)
        expect("`policy set --kms-key` where a root is pinned", json.loads(refused.stdout)["code"], "root_already_pinned")
        self.changed["KMS key"] = another.rpartition("/")[2]
        return "a new KMS key is made; the policy pins a root that the older one seals: root_already_pinned"

    def begin_anew(self) -> str:
        for name in ("custodian", *(worker.name for worker in WORKERS)):
            self.lab.terminate(name)
        self.lab.restart_parent(lambda: self.save_disk(OLDER))
        self.lab.edit_policy(lambda policy: policy["root"].update(generations=[]))
        self.lab.policy("set", "--kms-key", self.key_arn)
        serial = self.lab.sign_policy()["serial"]
        self.lab.push_policy()
        return f"serial {serial} pins no root and names the new KMS key; every enclave is ended"

    def genesis_anew(self) -> str:
        self.lab.restart_parent(self.remove_store)
        return self.make_root()

    def remove_store(self) -> None:
        for path in self.lab.parent.glob("store.db*"):
            path.unlink()

    def pin_root(self) -> str:
        pinned = super().pin_root()
        policy = json.loads((self.lab.authority / "policy.json").read_text())
        commitment = policy["root"]["generations"][0]["commitment"]
        self.changed |= {"policy in force": f"serial {policy['serial']}",
                         "root": f"generation 1, commitment {commitment[:16]}.."}
        return pinned

    def start_workers_anew(self) -> str:
        started = self.start_workers()
        self.changed |= {title(worker): f"process 2, admitted as {IMAGES[worker]}" for worker in WORKERS}
        self.changed[f"{REPORTS.name}: get {DAILY}"] = "version 1, other bytes than before"
        return started

    def close_older_key(self) -> str:
        """As disabling it does on AWS: nobody may use it any more."""
        statement = {"Effect": "Allow", "Principal": {"AWS": ADMIN}, "Action": ["kms:GetKeyPolicy", "kms:PutKeyPolicy"],
                     "Resource": "*"}
        put = self.lab.kms_client("admin").call("PutKeyPolicy", KeyId=self.older_key, PolicyName="default", Policy=json.dumps(
            {"Version": "2012-10-17", "Statement": [statement]}))
        expect("KMS's answer to the older key's last policy", put.status, 200)
        return "the older KMS key opens for nobody"

    def older_disk(self) -> str:
        """The parent starts a custodian with the store and the signed policy of before, which has not expired."""
        self.lab.terminate("custodian")
        self.lab.restart_parent(lambda: (self.save_disk(NEWER), self.load_disk(OLDER)))
        self.lab.run_enclave("custodian", self.images["custodian"])
        refused = self.lab.wait_for_event("custodian", "root_not_unsealed")
        expect("what KMS answers under the older policy", refused["code"], "access_denied")
        self.lab.terminate("custodian")
        self.lab.restart_parent(lambda: self.load_disk(NEWER))
        return f"a custodian with the older store and policy: {refused['code']}"
