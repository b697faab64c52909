"""One realm in the lab: hypervisor, KMS, parent and the files of its policy authority, all in one folder.

What an operator would do by hand is done by the same commands here; see deploy/RUNBOOK.md.
"""

import json
import pathlib
import signal
from dataclasses import dataclass, field

from jobs import http_unix
from jobs.kms_client import KmsClient
from jobs.processes import Daemon, Programs, wait_for
from jobs.record import StepFailed
from jobs.tap import Tap

REGION = "us-east-1"
# Of the parent instance: PCR3 of every enclave on it, and who calls KMS in its name.
INSTANCE_ROLE = "arn:aws:iam::111122223333:role/lab-instance"
ADMIN = "arn:aws:iam::111122223333:user/lab-admin"
REALM = "lab.example"
SIGNERS = ("alice", "bob", "carol")
THRESHOLD = 2


@dataclass(frozen=True)
class Worker:
    """An enclave's name and what policy says of it."""

    name: str
    role: str


@dataclass
class Deployment:
    programs: Programs
    folder: pathlib.Path
    taps: dict[str, Tap] = field(default_factory=dict)

    def __post_init__(self):
        self.lab, self.kms, self.store = (self.folder / name for name in ("lab", "kms", "store"))
        self.sockets, self.authority = self.folder / "sockets", self.folder / "authority"
        for folder in (self.programs.logs, self.sockets, self.authority, self.store, self.store / "custodian"):
            folder.mkdir(mode=0o700)
        self.policy_files = ("--policy", self.authority / "policy.json", "--authority", self.authority / "authority.cbor")
        self.signed_policy = self.authority / "policy.signed.json"
        self.lab_root = self.lab / "root.der"
        self._parent: Daemon | None = None

    # --- The lab's platform ---

    def start_hypervisor(self) -> str:
        """Returns how far enclaves are isolated: "full" or "partial"."""
        daemon = self.programs.start("hypervisor", "concordat-lab-hypervisor", "serve", "--state", self.lab,
                                     "--role-arn", INSTANCE_ROLE)
        return daemon.wait_for_line(r'"event":"hypervisor_ready".*"isolation":"(full|partial)"')[1]

    def start_kms(self, *options: str) -> None:
        daemon = self.programs.start("kms", "concordat-lab-kms", "--state", self.kms, "--region", REGION, "serve",
                                     "--https", f"unix:{self.sockets}/kms", "--http", f"unix:{self.sockets}/kms-http",
                                     "--attestation-root", self.lab_root, *options)
        daemon.wait_for_line(r'"event":"ready"')

    def kms_credentials(self, principal: str) -> dict:
        return json.loads((self.kms / f"credentials/{principal}.json").read_text())

    def kms_client(self, principal: str) -> KmsClient:
        """`principal`: admin, or instance: what whoever owns the parent has."""
        return KmsClient(self.sockets / "kms-http", REGION, self.kms_credentials(principal))

    def pack(self, name: str, program: str | pathlib.Path, *options: str | pathlib.Path) -> pathlib.Path:
        image = self.folder / f"{name}.eif"
        path = program if isinstance(program, pathlib.Path) else self.programs.path(program)
        self.programs.run("concordat-lab-hypervisor", "pack", path, "--out", image, *options)
        return image

    # --- The policy authority ---

    def operator(self, *arguments: str | pathlib.Path) -> dict:
        """A command of the operator's program that prints one JSON object."""
        return json.loads(self.programs.run("concordat-lab", *arguments, "--json").stdout)

    def policy(self, command: str, *arguments: str | pathlib.Path) -> dict:
        return self.operator("policy", command, *self.policy_files, *arguments)

    def sign_policy(self) -> dict:
        """By as many signers as are needed."""
        signed = {}
        for signer in SIGNERS[:THRESHOLD]:
            signed = self.policy("sign", "--key", self.authority / f"{signer}.key", "--out", self.signed_policy)
        if not signed["complete"]:
            raise StepFailed(f"{THRESHOLD} signatures are not enough: {signed}")
        return signed

    def kms_key_policy(self) -> str:
        """The key policy that goes with the policy, as the command prints it."""
        return self.programs.run("concordat-lab", "policy", "kms-key-policy", *self.policy_files,
                                 "--administrator", ADMIN).stdout.decode()

    # --- The parent and its enclaves ---

    def start_parent(self, workers: list[Worker]) -> None:
        credentials = self.kms_credentials("instance")
        enclaves = {"custodian": {"role": "custodian", "store": "custodian"}}
        enclaves |= {worker.name: {"role": worker.role, "settings": {"custodian": "custodian"}} for worker in workers}
        for name, enclave in enclaves.items():
            enclave |= {"listen": f"unix:{self.sockets}/{name}", "dial": f"unix:{self._tapped(name)}"}
        config = {
            "enclaves": enclaves,
            "egress": {f"kms.{REGION}.amazonaws.com:443": f"unix:{self.sockets}/kms"},
            "policy": {"envelope": str(self.signed_policy), "authority": str(self.authority / "authority.cbor")},
            "store": {"directory": str(self.store)},
            "credentials": {"access_key_id": credentials["AccessKeyId"],
                            "secret_access_key": credentials["SecretAccessKey"],
                            "session_token": credentials["Token"]},
            "operator": {"listen": f"unix:{self.sockets}/operator"},
        }
        path = self.folder / "parent.json"
        path.write_text(json.dumps(config, indent=2))
        self._parent = self.programs.start("parent", "concordat-parent", "--config", path)
        self._parent.wait_for_line(r'"event":"ready"')

    def _tapped(self, name: str) -> pathlib.Path:
        """Where the parent dials an enclave: a tap before the enclave's own socket."""
        listen = self.sockets / f"{name}.tap"
        self.taps[name] = Tap(listen, self.inbound(name))
        return listen

    def inbound(self, name: str) -> pathlib.Path:
        return self.lab / f"run/{name}.sock"

    def hand_out_new_policy(self) -> None:
        assert self._parent is not None
        reloads = self.parent_status()["policy"]["reloads"]
        self._parent.process.send_signal(signal.SIGHUP)
        wait_for("the parent to read the new policy", lambda: self.parent_status()["policy"]["reloads"] != reloads)

    def parent_status(self) -> dict:
        return http_unix.request(self.sockets / "operator", "GET", "/v1/status").body

    def run_enclave(self, name: str, image: pathlib.Path) -> None:
        self.programs.run("concordat-lab-hypervisor", "run", image, "--name", name, "--state", self.lab,
                          "--parent-socket", self.sockets / name)

    def terminate(self, name: str) -> None:
        self.programs.run("concordat-lab-hypervisor", "terminate", name, "--state", self.lab)

    def wait_for_end(self, name: str) -> str:
        """Returns how the enclave's program ended, such as "exit status 0"."""
        ended = self.programs.run("concordat-lab-hypervisor", "wait", name, "--state", self.lab)
        return json.loads(ended.stdout)["Status"]

    def console_lines(self, name: str) -> list[str]:
        """What an enclave's programs wrote, oldest first."""
        path = self.lab / f"console/{name}.log"
        return path.read_text(errors="replace").splitlines() if path.exists() else []

    def console(self, name: str) -> list[dict]:
        """What an enclave's program logged, oldest first."""
        return [json.loads(line) for line in self.console_lines(name) if line.startswith("{")]

    def console_events(self, name: str, event: str, **fields) -> list[dict]:
        return [line for line in self.console(name)
                if line["event"] == event and all(line.get(key) == value for key, value in fields.items())]

    def wait_for_event(self, name: str, event: str, **fields) -> dict:
        """The latest line of an enclave's console with this event and these fields."""
        return wait_for(f"{name} to log '{event}'", lambda: self.console_events(name, event, **fields))[-1]

    def agent(self, worker: str, method: str, target: str, body: bytes | None = None) -> http_unix.Answer:
        """Asks a worker's agent as the application beside it does."""
        return http_unix.request(self.lab / f"run/{worker}/lab/agent.sock", method, target, body)

    def close(self) -> None:
        for tap in self.taps.values():
            tap.close()
        self.programs.stop_all()
