"""One realm in the lab: hypervisor, KMS, parent and the files of its policy authority, all in one folder.

What an operator would do by hand is done by the same commands here; see deploy/RUNBOOK.md.
"""

import json
import pathlib
import shutil
import signal
from collections.abc import Callable
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
    realm: str = REALM
    others: list["Deployment"] = field(default_factory=list)  # other realms, which end with this one

    def __post_init__(self):
        self.lab, self.kms, self.parent = (self.folder / name for name in ("lab", "kms", "parent"))
        self.sockets, self.authority = self.folder / "sockets", self.folder / "authority"
        for folder in (self.programs.logs, self.sockets, self.authority, self.parent):
            folder.mkdir(mode=0o700)
        self.policy_files = ("--policy", self.authority / "policy.json", "--authority", self.authority / "authority.cbor")
        self.signed_policy = self.authority / "policy.signed.json"
        # The parent's copies; pushes replace that of the policy.
        self.published_policy = self.parent / "policy.signed.json"
        self.published_authority = self.parent / "authority.cbor"
        self.lab_root = self.lab / "root.der"
        self._parent: Daemon | None = None
        self._kms: Daemon | None = None

    # --- The lab's platform ---

    def start_hypervisor(self) -> str:
        """Returns how far enclaves are isolated: "full" or "partial"."""
        daemon = self.programs.start("hypervisor", "concordat-lab-hypervisor", "serve", "--state", self.lab,
                                     "--role-arn", INSTANCE_ROLE)
        return daemon.wait_for_line(r'"event":"hypervisor_ready".*"isolation":"(full|partial)"')[1]

    def start_kms(self, *options: str) -> None:
        self._kms = self.programs.start("kms", "concordat-lab-kms", "--state", self.kms, "--region", REGION, "serve",
                                        "--https", f"unix:{self.sockets}/kms", "--http", f"unix:{self.sockets}/kms-http",
                                        "--attestation-root", self.lab_root, *options)
        self._kms.wait_for_line(r'"event":"ready"')

    def stop_kms(self) -> None:
        assert self._kms is not None
        self._kms.stop()

    def restart_kms(self, *options: str) -> None:
        self.stop_kms()
        self.start_kms(*options)

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

    def sign_policy(self, signers: tuple[str, ...] = SIGNERS[:THRESHOLD]) -> dict:
        """By as many signers as are needed."""
        signed = {}
        for signer in signers:
            signed = self.policy("sign", "--key", self.authority / f"{signer}.key", "--out", self.signed_policy)
        if not signed["complete"]:
            raise StepFailed(f"{THRESHOLD} signatures are not enough: {signed}")
        return signed

    def kms_key_policy(self) -> str:
        """The key policy that goes with the policy, as the command prints it."""
        return self.programs.run("concordat-lab", "policy", "kms-key-policy", *self.policy_files,
                                 "--administrator", ADMIN).stdout.decode()

    def edit_policy(self, change: Callable[[dict], None]) -> int:
        """Changes the policy file and raises its serial, which it returns."""
        path = self.authority / "policy.json"
        policy = json.loads(path.read_text())
        policy["serial"] += 1
        change(policy)
        path.write_text(json.dumps(policy, indent=2) + "\n")
        return policy["serial"]

    def push_policy(self, *options: str | pathlib.Path, policy: pathlib.Path | None = None, expect: int = 0) -> dict:
        """To the running parent, as an operator does; what came of the last thing pushed."""
        done = self.programs.run("concordat", "policy", "push", "--policy", policy or self.signed_policy, *options,
                                 "--parent", self.operator_endpoint, "--json", expect=expect)
        return json.loads(done.stdout)["parents"][-1]

    def roll_out(self, *enclaves: str, signers: tuple[str, ...] = SIGNERS[:THRESHOLD]) -> int:
        """Signs the policy as it is, pushes it and waits for it in those enclaves; returns its serial."""
        serial = self.sign_policy(signers)["serial"]
        self.push_policy()
        for enclave in enclaves:
            self.wait_for_event(enclave, "policy_in_force", serial=serial)
        return serial

    def keys(self, key: pathlib.Path, *arguments: str | pathlib.Path, expect: int = 0) -> list[dict]:
        """What `concordat keys` prints, line by line, for the operator whose key this is."""
        done = self.programs.run("concordat-lab", "keys", *arguments, *self.operator_options(key), expect=expect)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def operator_options(self, key: pathlib.Path) -> tuple:
        """Of commands that ask the custodian."""
        return ("--parent", self.operator_endpoint, "--policy", self.signed_policy, "--authority",
                self.authority / "authority.cbor", "--key", key, "--lab-root", self.lab_root, "--json")

    def freshness_options(self, key: pathlib.Path) -> tuple:
        return ("--key", key, "--policy", self.signed_policy, "--authority", self.authority / "authority.cbor")

    def serve_freshness(self, key: pathlib.Path, every: int) -> Daemon:
        return self.programs.start("freshness", "concordat", "policy", "freshness", "serve", *self.freshness_options(key),
                                   "--parent", self.operator_endpoint, "--every", str(every))

    # --- The parent and its enclaves ---

    @property
    def operator_endpoint(self) -> str:
        return f"unix:{self.sockets}/operator"

    def start_parent(self, workers: list[Worker]) -> None:
        self._publish()
        (self.folder / "parent.json").write_text(json.dumps(self.parent_config(workers), indent=2))
        self._run_parent()

    def parent_config(self, workers: list[Worker]) -> dict:
        credentials = self.kms_credentials("instance")
        kms = f"kms.{REGION}.amazonaws.com:443"
        enclaves = {"custodian": {"role": "custodian", "store": "custodian", "egress": [kms], "credentials": True}}
        enclaves |= {worker.name: {"role": worker.role, "settings": {"custodians": "custodian"}} for worker in workers}
        for name, enclave in enclaves.items():
            enclave |= {"listen": f"unix:{self.sockets}/{name}", "dial": f"unix:{self._tapped(name)}"}
        return {
            "enclaves": enclaves,
            "egress": {kms: f"unix:{self.sockets}/kms"},
            "policy": {"envelope": str(self.published_policy), "authority": str(self.published_authority)},
            "store": {"sqlite": str(self.parent / "store.db")},
            "credentials": {"access_key_id": credentials["AccessKeyId"],
                            "secret_access_key": credentials["SecretAccessKey"],
                            "session_token": credentials["Token"]},
            "operator": {"listen": self.operator_endpoint},
        }

    def _publish(self) -> None:
        shutil.copy(self.signed_policy, self.published_policy)
        shutil.copy(self.authority / "authority.cbor", self.published_authority)

    def hand_over_authority(self) -> None:
        """The parent reads descriptor and signed policy anew, as where the signers have changed."""
        assert self._parent is not None
        self._publish()
        self._parent.process.send_signal(signal.SIGHUP)
        self._parent.wait_for_line(r'"event":"reloaded"')

    def _run_parent(self) -> None:
        self._parent = self.programs.start("parent", "concordat-parent", "--config", self.folder / "parent.json")
        self._parent.wait_for_line(r'"event":"ready"')

    def restart_parent(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        assert self._parent is not None
        self._parent.stop()
        try:
            meanwhile()
        finally:
            self._run_parent()

    def put_into_store(self, entry: str, content: bytes) -> None:
        """A new entry, as an operator makes one; `entry` is FOLDER/NAME."""
        status, answer = http_unix.exchange(self.sockets / "operator", "PUT", f"/v1/store/{entry}", content,
                                            {"If-None-Match": "*"})
        if status != 204:
            raise StepFailed(f"the parent's store does not take {entry}: {status} {answer.decode(errors='replace')}")

    def read_from_store(self, entry: str) -> bytes:
        status, content = http_unix.exchange(self.sockets / "operator", "GET", f"/v1/store/{entry}")
        if status != 200:
            raise StepFailed(f"the parent's store has no {entry}: {status} {content.decode(errors='replace')}")
        return content

    def report_of(self, enclave: str) -> dict:
        """What an enclave says of itself; empty before it has said anything."""
        answer = http_unix.request(self.sockets / "operator", "GET", f"/v1/reports/{enclave}")
        return answer.body if answer.status == 200 else {}

    def _tapped(self, name: str) -> pathlib.Path:
        """Where the parent dials an enclave: a tap before the enclave's own socket."""
        listen = self.sockets / f"{name}.tap"
        self.taps[name] = Tap(listen, self.inbound(name))
        return listen

    def inbound(self, name: str) -> pathlib.Path:
        return self.lab / f"run/{name}.sock"

    def parent_status(self) -> dict:
        return http_unix.request(self.sockets / "operator", "GET", "/v1/status").body

    def run_enclave(self, name: str, image: pathlib.Path) -> None:
        self.programs.run("concordat-lab-hypervisor", "run", image, "--name", name, "--state", self.lab,
                          "--parent-socket", self.sockets / name)

    def process_of(self, name: str) -> int:
        """The number of an enclave's process, as it is outside."""
        described = self.programs.run("concordat-lab-hypervisor", "describe", "--state", self.lab)
        return next(enclave["ProcessID"] for enclave in json.loads(described.stdout) if enclave["EnclaveName"] == name)

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

    def wait_for_event(self, name: str, event: str, since: int = 0, **fields) -> dict:
        """The latest line of an enclave's console with this event and these fields, after the first `since` lines."""
        def look():
            return [line for line in self.console(name)[since:]
                    if line["event"] == event and all(line.get(key) == value for key, value in fields.items())]
        return wait_for(f"{name} to log '{event}' {fields or ''}", look)[-1]

    def agent(self, worker: str, method: str, target: str, body: bytes | None = None) -> http_unix.Answer:
        """Asks a worker's agent as the application beside it does."""
        return http_unix.request(self.agent_socket(worker), method, target, body)

    def agent_socket(self, worker: str) -> pathlib.Path:
        return self.lab / f"run/{worker}/lab/agent.sock"

    def close(self) -> None:
        for other in self.others:
            other.close()
        for tap in self.taps.values():
            tap.close()
        self.programs.stop_all()
