"""What compromise drills have in common: a realm with two operators and three workers, facts before something happens and
after it was answered, and the comparison. A fact that a drill does not name as changed must be what it was.
"""

import base64
import json
import pathlib
import re
import shutil
from concurrent.futures import ThreadPoolExecutor

from jobs import http_unix
from jobs.deployment import SIGNERS, THRESHOLD, Deployment, Worker
from jobs.main_story import PAYMENTS, REPORTS, MainStory, require
from jobs.processes import wait_for
from jobs.record import Fact, Record

# Plays the role of worker-a with another image.
NEXT_PAYMENTS = Worker("worker-d", "payments")
IMAGES = {PAYMENTS: "payments-1", NEXT_PAYMENTS: "payments-2", REPORTS: "reports-1"}
WORKERS = tuple(IMAGES)
DANA, EVAN = "dana", "evan"  # operators
CARD, DAILY = "payments/card", "reports/daily"
PLAINTEXT = b"4111111111111111"  # what payment schemes publish for tests


def expect(what: str, seen: object, wanted: object) -> None:
    require(seen == wanted, f"{what}: expected {wanted!r}, seen {seen!r}")


def text(content: bytes) -> str:
    return base64.b64encode(content).decode()


class Drill(MainStory):
    """One is told by `prepare` and `respond`, which give steps (name, function), and by the facts that these change."""

    TITLE = ""
    OPERATOR_KEYS: tuple[str, ...] = (DANA, EVAN)

    def __init__(self, deployment: Deployment, record: Record):
        super().__init__(deployment, record)
        self.workers += [NEXT_PAYMENTS]
        self.signing = SIGNERS[:THRESHOLD]
        self.changed: dict[str, str] = {}  # facts that must be others afterwards, and what they must be
        self.sealed = b""
        self.serial = 0
        self._before: dict[str, str] = {}
        self._processes: dict[Worker, list[int]] = {}
        self._secrets: dict[tuple[str, int], bytes] = {}

    def steps(self):
        realm = super().steps()
        until = [name for name, _ in realm].index("unseal") + 1
        return [*realm[:until], ("workers", self.start_workers), ("key", self.make_key), *self.prepare(),
                ("before", self.look_before), *self.respond(), ("after", self.compare)]

    def prepare(self) -> list:
        """What was so before it happens, beside the realm."""
        return []

    def respond(self) -> list:
        """What happens, and what is done about it."""
        raise NotImplementedError

    # --- The realm ---

    def make_images(self) -> str:
        made = super().make_images()
        self.add_image(NEXT_PAYMENTS.name, self.pack_agent(NEXT_PAYMENTS))
        return made

    def make_policy(self) -> str:
        super().make_policy()
        self.lab.policy("enroll", "payments-2", "--eif", self.images[NEXT_PAYMENTS.name], "--role", NEXT_PAYMENTS.role)
        self.lab.policy("grant", "payments", "payments/*", "encrypt,decrypt")
        for name in self.OPERATOR_KEYS:
            self.lab.operator("keygen", "--out", self.key_of(name))
        for name in (DANA, EVAN):
            self.lab.policy("add-operator", name, "--key", f"{self.key_of(name)}.pub", "--purpose", "admin")
        return f"serial {self.lab.sign_policy()['serial']}, operators {DANA} and {EVAN}"

    def key_of(self, operator: str) -> pathlib.Path:
        return self.lab.folder / f"{operator}.key"

    def start_workers(self) -> str:
        return "; ".join(f"{worker.name}: {self.attest_worker(worker)}" for worker in WORKERS)

    def make_key(self) -> str:
        """A key with a record, and something that is worth keeping under its first version."""
        self.keys(EVAN, "create", CARD, "--type", "aes256", "--exportable")
        self.sealed = self.encrypt(PAYMENTS)
        return f"{CARD} made by {EVAN}; {PAYMENTS.name} encrypted a card number with it"

    # --- What operators and signers do ---

    def keys(self, operator: str, *arguments: str | pathlib.Path, expect: int = 0) -> dict:
        return self.lab.keys(self.key_of(operator), *arguments, expect=expect)[0]

    def status(self, operator: str) -> dict:
        """`concordat status`: the answer, or the refusal."""
        asked = ("concordat-lab", "status", *self.lab.operator_options(self.key_of(operator)))
        return json.loads(self.lab.programs.run(*asked, expect=None).stdout)

    def roll_out(self) -> int:
        """Signs what the policy file says and hands it to the parent; the custodian obeys it when this returns."""
        serial = self.lab.roll_out("custodian", signers=self.signing)
        self.changed["policy in force"] = f"serial {serial}"
        self.serial = serial
        return serial

    def bind_kms_key(self) -> str:
        bound = super().bind_kms_key()
        policy = json.loads((self.lab.authority / "policy.json").read_text())
        admitted = [policy["images"][image]["PCR0"] for image in policy["roles"]["custodian"]["images"]]
        images = [name for name, measured in self.measured.items() if measured["PCR0"] in admitted]
        authority = self.lab.operator("authority", "show", self.lab.authority / "authority.cbor")
        self.changed["KMS unseals for"] = unseals_for(images, [authority["pcr16"]])
        return bound

    def wait_until_served(self, *workers: Worker) -> None:
        """Under the policy that was rolled out last."""
        for worker in workers or WORKERS:
            wait_for(f"{worker.name} to be served under serial {self.serial}", lambda worker=worker: (
                (health := self.ready(worker)) and health["policy"]["serial"] >= self.serial))

    # --- The parent's disk, while the parent is stopped ---

    def save_disk(self, name: str) -> None:
        (self.lab.folder / name).mkdir()
        for path in self.lab.parent.iterdir():
            shutil.copy(path, self.lab.folder / name)

    def load_disk(self, name: str) -> None:
        for path in self.lab.parent.iterdir():
            path.unlink()
        for path in (self.lab.folder / name).iterdir():
            shutil.copy(path, self.lab.parent)

    # --- What workers do ---

    def ask(self, worker: Worker, method: str, target: str, **members: str) -> http_unix.Answer:
        return self.lab.agent(worker.name, method, target, json.dumps(members).encode() if members else None)

    def encrypt(self, worker: Worker) -> bytes:
        answer = self.ask(worker, "POST", f"/v1/encrypt/{CARD}", plaintext=text(PLAINTEXT))
        expect(f"status of {worker.name}'s encryption with {CARD} ({answer.error})", answer.status, 200)
        return base64.b64decode(answer.body["ciphertext"])

    def opened(self, worker: Worker, ciphertext: bytes) -> str:
        """ "opened", or why not."""
        answer = self.ask(worker, "POST", f"/v1/decrypt/{CARD}", ciphertext=text(ciphertext))
        if answer.status != 200:
            return refusal(answer)
        expect("what was opened", base64.b64decode(answer.body["plaintext"]), PLAINTEXT)
        return "opened"

    def received(self, worker: Worker, key: str, version: str = "") -> str:
        """Which version of the key a worker gets, and whether as whoever got it before, or why none."""
        answer = self.ask(worker, "GET", f"/v1/keys/{key}{version}")
        if answer.status != 200:
            return refusal(answer)
        number, secret = answer.body["version"], base64.b64decode(answer.body["key"])
        known = self._secrets.setdefault((key, number), secret)
        require(list(self._secrets.values()).count(secret) <= 1, f"version {number} of {key} has another version's bytes")
        return f"version {number}" if known == secret else f"version {number}, other bytes than before"

    # --- Facts ---

    def facts(self) -> dict[str, str]:
        statuses = {name: self.status(name) for name in self.OPERATOR_KEYS}
        seen = statuses[EVAN]
        expect(f"what `concordat status` answers {EVAN}", seen.get("code", "ok"), "ok")
        root = seen["root"]
        facts = {"policy in force": f"serial {seen['policy']['serial']}",
                 "signers": self.whose_signatures_count(),
                 "custodian": f"attested as {seen['attested']['image']}",
                 "root": f"generation {root['generation']}, commitment {root['commitment'][:16]}..",
                 "KMS key": self.key_arn.rpartition("/")[2],
                 "KMS unseals for": self.kms_unseals_for(), CARD: self.versions_of(CARD)}
        for name, status in statuses.items():
            facts[f"operator with {name}.key"] = "answered" if status["ok"] else f"refused: {status['code']}"
        for worker in WORKERS:
            facts |= self.facts_of(worker)
        return facts

    def facts_of(self, worker: Worker) -> dict[str, str]:
        key = DAILY if worker is REPORTS else CARD
        looks = {title(worker): lambda: self.identity(worker),
                 f"{worker.name}: get {key}": lambda: self.received(worker, key)}
        if key == CARD:
            looks[f"{worker.name}: get {CARD} version 1"] = lambda: self.received(worker, CARD, "?version=1")
            looks[f"{worker.name}: decrypt what was encrypted"] = lambda: self.opened(worker, self.sealed)
        with ThreadPoolExecutor() as pool:  # an agent that nobody serves takes its time to say so
            return dict(zip(looks, pool.map(lambda look: look(), looks.values())))

    def identity(self, worker: Worker) -> str:
        """Processes are counted in the order in which they are seen: another one is another start of the enclave."""
        processes = self._processes.setdefault(worker, [])
        if (process := self.lab.process_of(worker.name)) not in processes:
            processes.append(process)
        return f"process {processes.index(process) + 1}, {self.admission(worker)}"

    def admission(self, worker: Worker) -> str:
        event, told = ("peer_admitted", "image") if self.ready(worker) else ("peer_refused", "code")
        seen = self.lab.wait_for_event("custodian", event, source=f"enclave/{worker.name}")[told]
        return f"admitted as {seen}" if told == "image" else f"refused: {seen}"

    def versions_of(self, key: str) -> str:
        described = self.keys(EVAN, "describe", key)
        states = ", ".join(f"{version['version']} {version['state']}" for version in described["versions"])
        return f"{described['state']}; version {states}; minimum {described['minimum_version']}"

    def kms_unseals_for(self) -> str:
        """Whom the key policy that KMS has names: images and authority, by their measurements."""
        answer = self.lab.kms_client("admin").call("GetKeyPolicy", KeyId=self.key_arn, PolicyName="default")
        named = answer.body["Policy"].lower()
        images = [name for name, measured in self.measured.items() if measured["PCR0"] in named]
        return unseals_for(images, sorted(set(re.findall(r'pcr16":\s*"([0-9a-f]{96})"', named))))

    def whose_signatures_count(self) -> str:
        """By the descriptor that the parent hands out."""
        shown = self.lab.operator("authority", "show", self.lab.published_authority)
        names = {json.loads(path.read_text())["key_id"]: path.name.partition(".")[0]
                 for path in self.lab.authority.glob("*.key.pub")}
        signers = sorted(names[signer["key_id"]] for signer in shown["signers"])
        return f"{shown['threshold']} of {', '.join(signers)}"

    # --- Before and after ---

    def look_before(self) -> str:
        self.changed.clear()
        self._before = self.facts()
        self.record.facts = [Fact(name, seen, "-", seen) for name, seen in self._before.items()]
        return f"{len(self._before)} facts"

    def compare(self) -> str:
        after = self.facts()
        names = [*self._before, *(name for name in after if name not in self._before)]
        self.record.facts = [
            Fact(name, before := self._before.get(name, "-"), after.get(name, "-"), self.changed.get(name, before))
            for name in names]
        wrong = [f"{fact.name}: expected '{fact.expected}', seen '{fact.after}'" for fact in self.record.facts if not fact.ok]
        unseen = self.changed.keys() - set(names)
        require(not wrong and not unseen, "; ".join([*wrong, *(f"{name}: not looked at" for name in unseen)]))
        changed = sum(fact.before != fact.after for fact in self.record.facts)
        self.record.rows.clear()  # of the main job's steps, which facts say better
        return f"{changed} facts changed as they must, {len(names) - changed} did not"


def unseals_for(images: list[str], authorities: list[str]) -> str:
    return f"{', '.join(images)} under PCR16 {', '.join(f'{pcr16[:16]}..' for pcr16 in authorities)}"


def title(worker: Worker) -> str:
    """Of the fact who it is."""
    return f"{worker.name} ({worker.role})"


def refusal(answer: http_unix.Answer) -> str:
    return f"refused: {answer.error.partition(':')[0]}"
