"""Three realms on one machine: each with its authority, policy, custodian and parent, and an enclave that takes part in
sessions. What they share is what all enclaves share on AWS: the root that vouches for their documents."""

import copy
import json
import pathlib
import shutil
import socket
from dataclasses import dataclass, field

from jobs.deployment import INSTANCE_ROLE, SIGNERS, THRESHOLD, Deployment, Worker
from jobs.main_story import MainStory
from jobs.processes import Daemon, Programs, wait_for
from jobs.record import Record, StepFailed

LETTERS = ("a", "b", "c")
ROLE = "analyst"
IMAGE, CHEAT = "analyst-1", "cheat-1"
# By which the worker has its custodian seal shares of keys, each by one of them; the program has the names.
SEALING_KEYS = f"session-shares/{ROLE}/*"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class RealmDeployment(Deployment):
    address: str = "127.0.0.1"  # with the port: where other parents reach this one
    port: int = field(default_factory=free_port)
    parties: list[str] = field(default_factory=list)  # enclaves of it that others reach
    neighbours: list["RealmDeployment"] = field(default_factory=list)

    @property
    def reached_at(self) -> str:
        return f"{self.address}:{self.port}"

    def parent_config(self, workers: list[Worker]) -> dict:
        config = super().parent_config(workers)
        for worker in workers:
            config["enclaves"][worker.name]["settings"]["sessions"] = "on"
        config["peers"] = {
            "listen": f"tcp:{self.reached_at}",
            "parents": {other.realm.split(".")[0]: {"dial": f"tcp:{other.reached_at}", "enclaves": other.parties}
                        for other in self.neighbours}}
        return config


class Realm(MainStory):
    """One of them, up to where its custodian serves."""

    def __init__(self, lab: RealmDeployment, record: Record, letter: str):
        super().__init__(lab, record)
        self.letter, self.name = letter, f"bank-{letter}"
        lab.realm = f"{self.name}.example"
        self.analyst = Worker(f"analyst-{letter}", ROLE)
        # Of each there may be another one, which takes over.
        self.workers = [self.analyst, Worker(f"analyst-{letter}2", ROLE)]
        lab.parties = [worker.name for worker in self.workers]
        self.operator_key = lab.authority / "dana.key"

    def make_images(self) -> str:
        self.add_image("custodian", self.pack_custodian("custodian"))
        return "custodian"

    def make_policy(self) -> str:
        lab = self.lab
        for signer in SIGNERS:
            lab.operator("keygen", "--out", lab.authority / f"{signer}.key")
        self.make_kms_key()
        signers = [option for signer in SIGNERS for option in ("--signer", lab.authority / f"{signer}.key.pub")]
        lab.policy("init", "--realm", lab.realm, *signers, "--threshold", str(THRESHOLD), "--kms-key", self.key_arn)
        pinned = ("--account", INSTANCE_ROLE)
        lab.policy("enroll", "custodian-1", "--eif", self.images["custodian"], "--role", "custodian", *pinned)
        lab.policy("enroll", IMAGE, "--eif", self.images[ROLE], "--role", ROLE, *pinned,
                   "--grant", f"{SEALING_KEYS}:encrypt,decrypt")
        lab.edit_policy(lambda policy: policy["purposes"].update({"session-control": {"initiator": [], "responder": [ROLE]}}))
        lab.operator("keygen", "--out", self.operator_key)
        lab.policy("add-operator", "dana", "--key", f"{self.operator_key}.pub", "--purpose", "session-control",
                   "--purpose", "admin")
        return f"serial {lab.sign_policy()['serial']}"

    def next_seat(self) -> "Realm":
        """The same realm as another party of a session, by its other enclave."""
        other = copy.copy(self)
        other.name, other.analyst = f"{self.name}-next", self.workers[1]
        return other

    @property
    def authority(self) -> pathlib.Path:
        return self.lab.authority / "authority.cbor"

    @property
    def authority_digest(self) -> str:
        return json.loads((self.lab.authority / "policy.json").read_text())["authority"]

    def party(self) -> str:
        """Of `session init`."""
        return (f"name={self.name},role={ROLE},authority={self.authority},parent={self.lab.reached_at},"
                f"enclave={self.analyst.name}")

    def rule(self, others: list["Realm"], pattern: str, protocol: str, runs: int | str, images: list[str]) -> dict:
        evidence = {"images": images, "accounts": [INSTANCE_ROLE], "instances": "any"}
        return {"id": pattern, "protocol": protocol, "own_roles": [ROLE], "runs_per_input": runs,
                "realms": {other.lab.realm: {"authority": other.authority_digest, "roles": {ROLE: evidence}}
                           for other in others}}

    def start_analyst(self, image: pathlib.Path) -> None:
        self.lab.run_enclave(self.analyst.name, image)  # with a new console
        self.lab.wait_for_event(self.analyst.name, "sessions_on")
        wait_for(f"{self.analyst.name} to reach its custodian", lambda: self.ready(self.analyst))


@dataclass
class Ordered:
    """A party's part in a run, as its operator ordered it."""

    realm: Realm
    daemon: Daemon
    files: dict[str, pathlib.Path]

    def wait_for(self, text: str) -> None:
        self.daemon.wait_for_line(text)

    def end(self) -> tuple[int, dict]:
        """Exit status, and the object that the command printed."""
        wait_for(f"{self.daemon.name} to end", lambda: self.daemon.process.poll() is not None, 120.0)
        lines = [line for line in self.daemon.log.read_text(errors="replace").splitlines() if line.startswith("{")]
        if not lines:
            raise StepFailed(f"{self.daemon.name} printed no result:\n{self.daemon.log.read_text(errors='replace')}")
        return self.daemon.process.returncode, json.loads(lines[-1])


class Realms:
    """All of them, and the sessions that they agree on. The first one's folder holds the others."""

    def __init__(self, first: RealmDeployment, record: Record):
        self.folder, self.record = first.folder, record
        labs = [first]
        for letter in LETTERS[1:]:
            folder = first.folder / letter
            folder.mkdir(mode=0o700)
            labs.append(RealmDeployment(Programs(first.programs.folder, folder / "logs"), folder))
        first.others = labs[1:]
        self.all = [Realm(lab, record, letter) for lab, letter in zip(labs, LETTERS)]
        for realm in self.all:
            realm.lab.neighbours = [other.lab for other in self.others(realm)]
        self.runs = 0

    def others(self, realm: Realm) -> list[Realm]:
        return [other for other in self.all if other.lab is not realm.lab]

    def share_the_root(self) -> None:
        """Before their hypervisors start: that of the first has made it."""
        for realm in self.all[1:]:
            realm.lab.lab.mkdir(mode=0o700)
            for name in ("root.key", "root.der"):
                shutil.copy(self.all[0].lab.lab / name, realm.lab.lab / name)

    def agree(self, name: str, protocol: str, parties: list[Realm], parameters: pathlib.Path | None = None,
              threshold: int | None = None) -> pathlib.Path:
        """A descriptor, signed by every party's authority."""
        plain = self.folder / f"{name.replace('/', '-')}.json"
        signed = plain.with_suffix(".signed.json")
        options = [option for realm in parties for option in ("--party", realm.party())]
        if parameters is not None:
            options += ["--parameters", parameters]
        if threshold is not None:
            options += ["--threshold", str(threshold)]
        self.all[0].lab.operator("session", "init", "--id", name, "--purpose", f"shown by the lab: {name}", "--protocol",
                                 protocol, "--out", plain, *options)
        for realm in {party.letter: party for party in parties}.values():
            for signer in SIGNERS[:THRESHOLD]:
                realm.lab.operator("session", "sign", "--session", plain, "--out", signed, "--authority", realm.authority,
                                   "--key", realm.lab.authority / f"{signer}.key")
        return signed

    def order(self, realm: Realm, session: pathlib.Path, *options: str | pathlib.Path, wait: int = 60) -> Ordered:
        """Begins a party's part; `options` besides files of what comes out."""
        self.runs += 1
        stem = realm.lab.folder / f"run-{self.runs}"
        files = {kind: stem.with_suffix(f".{kind}") for kind in ("result", "receipt", "keep", "evidence")}
        outputs = [option for kind, path in files.items() for option in (f"--{kind}", path)]
        authorities = [option for other in self.others(realm) for option in ("--party-authority", other.authority)]
        daemon = realm.lab.programs.start(f"run-{self.runs}-{realm.letter}", "concordat-lab", "session", "run", session,
                                          "--as", realm.name, *authorities, *realm.lab.operator_options(realm.operator_key),
                                          *outputs, "--wait", str(wait), *options)
        return Ordered(realm, daemon, files)

    def settle(self, realm: Realm, receipt: pathlib.Path, parties: list[Realm], expect: int = 0) -> dict:
        """Has a realm's custodian end the shares that this receipt's resharing replaced."""
        authorities = [option for other in parties if other.lab is not realm.lab
                       for option in ("--party-authority", other.authority)]
        done = realm.lab.programs.run("concordat-lab", "session", "settle", receipt, "--role", ROLE, *authorities,
                                      *realm.lab.operator_options(realm.operator_key), expect=expect)
        return json.loads(done.stdout)

    def verify_receipt(self, receipt: pathlib.Path, parties: list[Realm]) -> dict:
        authorities = [option for realm in parties for option in ("--authority", realm.authority)]
        return self.all[0].lab.operator("session", "verify-receipt", receipt, *authorities, "--lab-root",
                                        self.all[0].lab.lab_root)

    def verify_evidence(self, evidence: pathlib.Path, *options: str, expect: int = 0) -> dict:
        """As anybody may who has the authorities' descriptors."""
        authorities = [option for realm in self.all for option in ("--authority", realm.authority)]
        lab = self.all[0].lab
        return json.loads(lab.programs.run("concordat-lab", "session", "verify-evidence", evidence, *authorities, *options,
                                           "--lab-root", lab.lab_root, "--json", expect=expect).stdout)
