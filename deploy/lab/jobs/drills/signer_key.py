"""The key of a signer is lost: as many as are needed are left, and they put another one in its place."""

import json
import pathlib
import shutil

from jobs.deployment import THRESHOLD
from jobs.drill import IMAGES, WORKERS, Drill, expect, title
from jobs.main_story import require

LOST, JOINS = "carol", "dave"


class SignerKey(Drill):
    TITLE = "a signer's key is lost; those who are left put another signer in its place"

    def respond(self) -> list:
        return [("lost-key-counts", self.lost_key_counts), ("change", self.change), ("adopt", self.adopt),
                ("kms-key-policy", self.bind_kms_key), ("older-authority-refused", self.older_authority),
                ("start-anew", self.start_anew), ("lost-key-refused", self.lost_key_refused),
                ("new-signer-counts", self.new_signer_counts)]

    def authority(self, command: str, *options: str | pathlib.Path) -> dict:
        return self.lab.operator("authority", command, "--authority", self.lab.authority / "authority.cbor", *options)

    def secret_key(self, signer: str) -> pathlib.Path:
        return self.lab.authority / f"{signer}.key"

    def lost_key_counts(self) -> str:
        """Whoever has it needs one signer more."""
        self.lab.edit_policy(lambda policy: None)
        self.signing = ("alice", LOST)
        return f"serial {self.roll_out()}, signed by alice and {LOST}, is in force"

    def change(self) -> str:
        self.older = {name: pathlib.Path(shutil.copy(self.lab.authority / name, self.lab.folder / f"older.{name}"))
                      for name in ("authority.cbor", "policy.json")}
        self.lab.operator("keygen", "--out", self.secret_key(JOINS))
        lost = json.loads(pathlib.Path(f"{self.secret_key(LOST)}.pub").read_text())["key_id"]
        successor, succession = (self.lab.authority / f"authority.{name}" for name in ("next.cbor", "succession.json"))
        self.authority("change", "--signer", f"{self.secret_key(JOINS)}.pub", "--remove", lost, "--out", successor)
        for signer in ("alice", "bob"):
            signed = self.authority("sign", "--successor", successor, "--out", succession, "--key", self.secret_key(signer))
        expect("signatures of the old authority", (signed["signatures"], signed["complete"]), (THRESHOLD, True))
        verified = self.authority("verify", "--succession", succession)
        expect("epoch of the successor", verified["successor"]["epoch"], 2)
        expect("what must be done again", [redo["step"] for redo in verified["redo"]],
               ["policy", "kms_key_policy", "restart", "unseal_check"])
        self.succession = succession
        return f"alice and bob sign that {JOINS} joins and {LOST} leaves: {THRESHOLD} of the older signers are enough"

    def adopt(self) -> str:
        self.lab.operator("authority", "adopt", *self.lab.policy_files, "--succession", self.succession)
        self.signing = ("alice", "bob")
        serial = self.lab.sign_policy(self.signing)["serial"]
        self.changed |= {"policy in force": f"serial {serial}", "signers": f"{THRESHOLD} of alice, bob, {JOINS}"}
        return f"serial {serial} under the new authority, signed by alice and bob"

    def older_authority(self) -> str:
        """The parent starts a custodian under the descriptor that it still has, as whoever keeps it may."""
        self.restart("custodian")
        refused = self.lab.wait_for_event("custodian", "root_not_unsealed")
        expect("what KMS answers under the older descriptor", refused["code"], "access_denied")
        return f"a custodian started under the older descriptor: {refused['code']}"

    def restart(self, name: str) -> None:
        self.lab.terminate(name)
        self.lab.run_enclave(name, self.images[name])

    def start_anew(self) -> str:
        self.lab.hand_over_authority()
        self.restart("custodian")
        unsealed = self.lab.wait_for_event("custodian", "root_unsealed")
        for worker in WORKERS:
            self.restart(worker.name)
        self.wait_until_served()
        self.changed |= {title(worker): f"process 2, admitted as {IMAGES[worker]}" for worker in WORKERS}
        return f"every enclave under the new descriptor; generation {unsealed['generation']} unsealed, workers are served"

    def lost_key_refused(self) -> str:
        """For the new authority its command does not even sign; what it signs for the older one is obeyed by nobody."""
        signed = self.lab.programs.run(
            "concordat-lab", "policy", "sign", *self.lab.policy_files, "--key", self.secret_key(LOST), "--out",
            self.lab.folder / "refused.json", "--json", expect=2)
        expect(f"`policy sign` with {LOST}.key", json.loads(signed.stdout)["code"], "not_a_signer")
        theirs = self.lab.folder / "theirs.json"
        policy = json.loads(self.older["policy.json"].read_text())
        self.older["policy.json"].write_text(json.dumps(policy | {"serial": policy["serial"] + 1}))
        for signer in ("alice", LOST):
            made = self.lab.operator("policy", "sign", "--policy", self.older["policy.json"], "--authority",
                                     self.older["authority.cbor"], "--key", self.secret_key(signer), "--out", theirs)
        expect("whether the older authority would obey it", made["complete"], True)
        self.lab.push_policy(policy=theirs, expect=2)
        self.lab.push_policy("--force", policy=theirs)
        for name in ("custodian", *(worker.name for worker in WORKERS)):
            refused = self.lab.wait_for_event(name, "policy_not_taken")
            expect(f"why {name} refuses it", refused["code"], "too_few_signatures")
            require("1 of the 2" in refused["detail"], f"{name} counts otherwise than alice alone: {refused['detail']}")
        return f"a policy that alice and {LOST} signed: {refused['code']}, by every enclave: {refused['detail']}"

    def new_signer_counts(self) -> str:
        self.lab.edit_policy(lambda policy: None)
        self.signing = (JOINS, "bob")
        serial = self.roll_out()
        self.wait_until_served()
        return f"serial {serial}, signed by {JOINS} and bob, is in force"
