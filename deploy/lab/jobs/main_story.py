"""The main job, step by step: a custodian's root is born and unsealed, workers get exactly the keys that policy
grants them, and whatever is not as policy says is refused for a reason that is told.

Each step returns the detail for its line in the record, or raises StepFailed.
"""

import base64
import json
import os
import pathlib
import re

from jobs import tokeniser
from jobs.deployment import INSTANCE_ROLE, REALM, SIGNERS, THRESHOLD, Deployment, Worker
from jobs.http_unix import Answer
from jobs.processes import wait_for
from jobs.record import Record, StepFailed
from jobs.tap import say_again

PAYMENTS, REPORTS = Worker("worker-a", "payments"), Worker("worker-b", "reports")
# Plays the role of worker-a with an image of which one byte is another.
ALTERED = Worker("worker-x", "payments")
# Its application makes tokens of card numbers.
SHOP = Worker("worker-c", "tokeniser")
PAYMENTS_KEY, REPORTS_KEY = "payments/settlement", "reports/daily"


def require(condition: object, otherwise: str) -> None:
    if not condition:
        raise StepFailed(otherwise)


def message(content: bytes) -> bytes:
    """The body of a request to sign."""
    return json.dumps({"message": base64.b64encode(content).decode()}).encode()


class MainStory:
    def __init__(self, deployment: Deployment, record: Record):
        self.lab, self.record = deployment, record
        self.workers = [PAYMENTS, REPORTS, SHOP, ALTERED]  # whom the parent's configuration names beside the custodian
        self.images: dict[str, pathlib.Path] = {}
        self.measured: dict[str, dict] = {}
        self.key_arn = ""
        self.challenge = os.urandom(32)
        self.released: dict[str, bytes] = {}

    def steps(self):
        """(name, function) in order."""
        return [
            ("lab", self.start_lab), ("images", self.make_images), ("policy", self.make_policy),
            ("kms-key", self.bind_kms_key), ("genesis", self.genesis), ("pin-root", self.pin_root),
            ("unseal", self.unseal), ("kms-refuses-parent", self.kms_refuses_the_parent),
            ("worker-a", lambda: self.attest_worker(PAYMENTS)), ("worker-b", lambda: self.attest_worker(REPORTS)),
            ("worker-a-granted", self.worker_a_receives), ("worker-b-granted", self.worker_b_receives),
            ("worker-a-refused", lambda: self.refused_key(PAYMENTS, REPORTS_KEY)),
            ("worker-b-refused", lambda: self.refused_key(REPORTS, PAYMENTS_KEY)),
            ("worker-b-sign-refused", self.worker_b_may_not_sign), ("tokeniser", self.application_makes_tokens),
            ("altered-image-refused", self.altered_image), ("replayed-handshake-refused", self.replayed_handshake),
            ("replayed-document-refused", self.replayed_document), ("relay-sees-ciphertext", self.only_ciphertext),
            ("counts", self.count),
        ]

    def until_serving(self) -> None:
        """To where a custodian serves and no worker runs: where other stories begin."""
        for name, step in self.steps():
            step()
            if name == "unseal":
                return

    # --- Before the first enclave ---

    def start_lab(self) -> str:
        self.record.isolation = self.lab.start_hypervisor()
        self.lab.start_kms()
        return f"hypervisor and KMS run; isolation of enclaves: {self.record.isolation}"

    def make_images(self) -> str:
        self.add_image("custodian", self.pack_custodian("custodian"))
        for worker in (PAYMENTS, REPORTS):
            self.add_image(worker.name, self.pack_agent(worker))
        self.add_image(SHOP.name, tokeniser.pack(self.lab, SHOP))
        return f"{', '.join(self.images)}; custodian's PCR0 {self.measured['custodian']['PCR0'][:16]}.."

    def add_image(self, name: str, image: pathlib.Path) -> None:
        self.images[name] = image
        self.measured[name] = json.loads(self.lab.programs.run("concordat-lab", "measure", image).stdout)["Measurements"]

    def pack_custodian(self, name: str, *options: str) -> pathlib.Path:
        authorities = f"etc/ssl/certs/ca-certificates.crt={self.lab.kms / 'tls-ca.pem'}"
        return self.lab.pack(name, "concordat-custodian-lab", "--file", authorities, *options)

    def pack_agent(self, worker: Worker) -> pathlib.Path:
        """An image with the agent alone; of each worker another one."""
        return self.lab.pack(worker.name, "concordat-worker-lab", *self.named(worker.name))

    def named(self, name: str) -> tuple[str, str]:
        """Options of an image that differs from the next one in a file with its name."""
        path = self.lab.folder / f"{name}.txt"
        path.write_text(f"{name} of {REALM}\n")
        return "--file", f"etc/name={path}"

    def make_policy(self) -> str:
        for signer in SIGNERS:
            self.lab.operator("keygen", "--out", self.lab.authority / f"{signer}.key")
        self.make_kms_key()
        signers = [option for signer in SIGNERS for option in ("--signer", self.lab.authority / f"{signer}.key.pub")]
        self.lab.policy("init", "--realm", self.lab.realm, *signers, "--threshold", str(THRESHOLD), "--kms-key", self.key_arn)
        pinned = ("--account", INSTANCE_ROLE)
        self.lab.policy("enroll", "custodian-1", "--eif", self.images["custodian"], "--role", "custodian", *pinned)
        self.lab.policy("enroll", "payments-1", "--eif", self.images[PAYMENTS.name], "--role", PAYMENTS.role, *pinned,
                        "--grant", "payments/*:get,sign,public")
        self.lab.policy("enroll", "reports-1", "--eif", self.images[REPORTS.name], "--role", REPORTS.role, *pinned,
                        "--grant", "reports/*:get")
        self.lab.policy("enroll", "tokeniser-1", "--eif", self.images[SHOP.name], "--role", SHOP.role, *pinned,
                        "--grant", f"{tokeniser.TOKENS_KEY}:mac", "--grant", f"{tokeniser.VAULT_KEY}:encrypt")
        signed = self.lab.sign_policy()
        return f"serial {signed['serial']}, signed by {signed['signatures']} of {len(SIGNERS)}, {THRESHOLD} needed"

    def make_kms_key(self) -> str:
        created = self.lab.kms_client("admin").call("CreateKey", Description=f"root of {self.lab.realm}")
        require(created.status == 200, f"KMS made no key: {created.body}")
        self.key_arn = created.body["KeyMetadata"]["Arn"]
        return self.key_arn

    def bind_kms_key(self) -> str:
        text = self.lab.kms_key_policy()
        put = self.lab.kms_client("admin").call("PutKeyPolicy", KeyId=self.key_arn, PolicyName="default", Policy=text)
        require(put.status == 200, f"KMS did not take the key policy: {put.body}")
        statements = json.loads(text)["Statement"]
        denials = sum(statement["Effect"] == "Deny" for statement in statements)
        return (f"set as printed, {len(text):,} bytes: unseals for the attested custodian under this authority;"
                f" {denials} denials for everything else")

    # --- The root ---

    def genesis(self) -> str:
        self.lab.start_parent(self.workers)
        return self.make_root()

    def make_root(self) -> str:
        self.lab.put_into_store("custodian/genesis-challenge", self.challenge)
        self.lab.run_enclave("custodian", self.images["custodian"])
        ended = self.lab.wait_for_end("custodian")
        require(ended == "exit status 0", f"the custodian ended with {ended}: {self.lab.console('custodian')[-1:]}")
        done = self.lab.wait_for_event("custodian", "genesis_done")
        return f"the custodian made a root through KMS and attests its commitment {done['commitment'][:16]}.."

    def pin_root(self) -> str:
        document = self.lab.authority / "genesis-1"
        document.write_bytes(self.lab.read_from_store("custodian/genesis-1"))
        pinned = self.lab.policy("pin-root", "--document", document, "--challenge", self.challenge.hex(),
                                 "--lab-root", self.lab.lab_root)
        signed = self.lab.sign_policy()
        self.lab.push_policy()
        return f"made by image {pinned['image']}, commitment {pinned['commitment'][:16]}..; serial {signed['serial']} signed"

    def unseal(self) -> str:
        self.lab.run_enclave("custodian", self.images["custodian"])
        unsealed = self.lab.wait_for_event("custodian", "root_unsealed")
        self.lab.wait_for_event("custodian", "serving")
        self.lab.wait_for_event("custodian", "keyring_loaded")
        self.lab.wait_for_event("custodian", "audit_log_open")
        self.record.row("custodian", "its root, from KMS", "unsealed, matches the pinned commitment")
        return f"restarted; KMS unsealed generation {unsealed['generation']}, it matches the pinned commitment; serving"

    def kms_refuses_the_parent(self) -> str:
        """All that the custodian's call has, and no document; and the ways around."""
        parent = self.lab.kms_client("instance")
        blob = base64.b64encode(self.lab.read_from_store("custodian/root-1")).decode()
        context = {"concordat:realm": self.lab.realm, "concordat:root-generation": "1"}
        key = {"KeyId": self.key_arn}
        asked = {
            "Decrypt": {**key, "CiphertextBlob": blob, "EncryptionContext": context},
            "GenerateDataKey": {**key, "KeySpec": "AES_256", "EncryptionContext": context},
            "ReEncrypt": {"SourceKeyId": self.key_arn, "CiphertextBlob": blob, "SourceEncryptionContext": context,
                          "DestinationKeyId": self.key_arn},
            "CreateGrant": {**key, "GranteePrincipal": INSTANCE_ROLE, "Operations": ["Decrypt"]},
            "PutKeyPolicy": {**key, "PolicyName": "default", "Policy": self.lab.kms_key_policy()},
        }
        for operation, members in asked.items():
            answer = parent.call(operation, **members)
            kind = answer.body.get("__type", "").rpartition("#")[2]
            require(answer.status == 400 and kind == "AccessDeniedException",
                    f"KMS answered the parent's own {operation} with {answer.status} {kind or answer.body.keys()}")
        self.record.row("parent, no attestation", "the root, from KMS", "refused: AccessDeniedException")
        return f"the parent's credentials without an attestation document: {', '.join(asked)} refused"

    # --- Workers ---

    def attest_worker(self, worker: Worker) -> str:
        self.lab.run_enclave(worker.name, self.images[worker.name])
        self.lab.wait_for_event(worker.name, "serving")
        health = wait_for(f"{worker.name} to reach the custodian", lambda: self.ready(worker))
        admitted = self.lab.wait_for_event("custodian", "peer_admitted", role=worker.role)
        return (f"admitted as image {admitted['image']}, role {admitted['role']}; it admitted the custodian"
                f" (policy serial {health['policy']['serial']})")

    def ready(self, worker: Worker) -> dict | None:
        try:
            answer = self.lab.agent(worker.name, "GET", "/v1/health")
        except (FileNotFoundError, ConnectionError):  # it has not come so far yet, or is just ending
            return None
        return answer.body if answer.status == 200 else None

    def receive(self, worker: Worker, key: str) -> str:
        answer = self.lab.agent(worker.name, "GET", f"/v1/keys/{key}")
        require(answer.status == 200, f"{worker.name} got {answer.status} for {key}: {answer.error}")
        secret = base64.b64decode(answer.body["key"])
        require(len(secret) == 32, f"{key} has {len(secret)} bytes")
        again = base64.b64decode(self.lab.agent(worker.name, "GET", f"/v1/keys/{key}").body["key"])
        require(again == secret, f"{key} is another at the second call")
        self.released[key] = secret
        self.record.row(worker.name, f"get {key}", f"{len(secret)} bytes")
        return f"{key} version {answer.body['version']}, 32 bytes"

    def worker_a_receives(self) -> str:
        received = self.receive(PAYMENTS, PAYMENTS_KEY)
        answer = self.lab.agent(PAYMENTS.name, "POST", f"/v1/sign/{PAYMENTS_KEY}", message(b"pay 10 to carol"))
        require(answer.status == 200, f"it got {answer.status} for a signature: {answer.error}")
        signature = base64.b64decode(answer.body["signature"])
        require(len(signature) == 64, f"the signature has {len(signature)} bytes")
        public = self.lab.agent(PAYMENTS.name, "GET", f"/v1/public/{PAYMENTS_KEY}")
        require(public.status == 200 and len(base64.b64decode(public.body["raw"])) == 32,
                f"it got {public.status} for its public key: {public.error}")
        self.record.row(PAYMENTS.name, f"sign {PAYMENTS_KEY}", f"{answer.body['algorithm']} signature")
        return f"{received}; {answer.body['algorithm']} signature made inside the custodian"

    def worker_b_receives(self) -> str:
        received = self.receive(REPORTS, REPORTS_KEY)
        require(self.released[REPORTS_KEY] != self.released[PAYMENTS_KEY], "both workers hold the same key")
        return received

    def refused_key(self, worker: Worker, key: str) -> str:
        return self.refusal(worker, f"get {key}", self.lab.agent(worker.name, "GET", f"/v1/keys/{key}"))

    def worker_b_may_not_sign(self) -> str:
        answer = self.lab.agent(REPORTS.name, "POST", f"/v1/sign/{REPORTS_KEY}", message(b"a report"))
        return self.refusal(REPORTS, f"sign {REPORTS_KEY}", answer)

    def refusal(self, worker: Worker, asked: str, answer: Answer) -> str:
        require(answer.status == 403 and answer.error.startswith("not_granted"),
                f"{worker.name} got {answer.status} for {asked}, not a refusal: {answer.error}")
        self.record.row(worker.name, asked, f"refused: {answer.error.rpartition(': ')[2]}")
        return answer.error

    # --- An application ---

    def application_makes_tokens(self) -> str:
        """A card number in, a token out; the keys stay in the custodian, and what was sealed stays sealed."""
        card = "4111111111111111"  # what payment schemes publish for tests
        self.lab.run_enclave(SHOP.name, self.images[SHOP.name])
        wait_for(f"the application of {SHOP.name}", lambda: tokeniser.is_ready(self.lab, SHOP))
        made, again = (tokeniser.ask(self.lab, SHOP, "POST", "tokenise", card=card) for _ in range(2))
        require(made.status == 200, f"{SHOP.name} got {made.status} for a card number: {made.error}")
        token = made.body["token"]
        require(token.endswith(card[-4:]) and card not in json.dumps(made.body), f"{token} is no token")
        require(again.body.get("token") == token, "the same card number has two tokens")
        self.record.row(f"{SHOP.name}'s application", "a token for a card number", f"{token[:15]}..{token[-5:]}")
        opened = tokeniser.ask(self.lab, SHOP, "POST", "detokenise", **made.body)
        require(opened.status == 403, f"{SHOP.name} got {opened.status} for a token: {opened.error}")
        self.record.row(f"{SHOP.name}'s application", "the card number again", f"refused: {opened.error.rpartition(': ')[2]}")
        return f"{token}; opening it again: {opened.error}"

    # --- What must be refused ---

    def altered_image(self) -> str:
        program = bytearray(self.lab.programs.path("concordat-worker-lab").read_bytes())
        at = program.find(b"concordat-worker-lab [-- APPLICATION")  # a letter of its help text
        require(at > 0, "the worker's program has no help text to alter")
        program[at] ^= 0x20
        altered = self.lab.folder / "concordat-worker-lab"
        altered.write_bytes(program)
        altered.chmod(0o755)
        image = self.lab.pack(ALTERED.name, altered, *self.named(PAYMENTS.name))
        self.lab.run_enclave(ALTERED.name, image)
        refusal = self.lab.wait_for_event("custodian", "peer_refused", source=f"enclave/{ALTERED.name}")
        differing = sorted(set(re.findall(r"\bPCR\d+\b", refusal["detail"])))
        require("PCR0" in differing, f"refused, but not by the PCR's name: {refusal['detail']}")
        answer = self.lab.agent(ALTERED.name, "GET", f"/v1/keys/{PAYMENTS_KEY}")
        require(answer.status != 200, f"the altered worker got {PAYMENTS_KEY}")
        self.lab.terminate(ALTERED.name)
        self.record.row(f"{PAYMENTS.name}, one byte altered", "the custodian", f"refused: {', '.join(differing)} differ")
        return f"one byte of {PAYMENTS.name} altered: {refusal['detail']}"

    def replayed_handshake(self) -> str:
        """The parent says again to the custodian, byte for byte, what worker-a once said."""
        heard = max((stream for stream in self.lab.taps["custodian"].streams
                     if b"enclave/" + PAYMENTS.name.encode() in stream.forth), key=lambda s: len(s.forth))
        before = len(self.refusals(PAYMENTS))
        admitted = len(self.lab.console_events("custodian", "peer_admitted"))
        say_again(self.lab.inbound("custodian"), bytes(heard.forth))
        refusal = wait_for("the custodian to refuse the replay", lambda: self.refusals(PAYMENTS)[before:])[0]
        require(len(self.lab.console_events("custodian", "peer_admitted")) == admitted, "the replay was admitted")
        self.record.row("parent, replaying", f"to be taken for {PAYMENTS.name}", f"refused: {refusal['detail']}")
        return f"{len(heard.forth)} bytes of {PAYMENTS.name} said again: {refusal['detail']}"

    def refusals(self, worker: Worker) -> list[dict]:
        return self.lab.console_events("custodian", "peer_refused", source=f"enclave/{worker.name}")

    def replayed_document(self) -> str:
        """A genuine, fresh document in answer to another challenge than the one that it was made for."""
        nonce, other = os.urandom(32), os.urandom(32)
        answer = self.lab.agent(PAYMENTS.name, "GET", f"/v1/attestation?nonce={nonce.hex()}")
        require(answer.status == 200, f"no document: {answer.error}")
        document = self.lab.folder / "document.b64"
        document.write_text(answer.body["document"])
        verify = ("attest", "verify", document, "--at", "now", "--root", self.lab.lab_root, "--json", "--nonce")
        self.lab.programs.run("concordat-lab", *verify, nonce.hex())
        verdict = json.loads(self.lab.programs.run("concordat-lab", *verify, other.hex(), expect=2).stdout)
        require(verdict["verdict"] == "refuse", f"verdict {verdict['verdict']}")
        self.record.row("parent, replaying", "a genuine document accepted", f"refused: {verdict['code']}")
        return f"accepted for its own challenge; for another one: {verdict['step']}, {verdict['code']}"

    # --- What it came to ---

    def only_ciphertext(self) -> str:
        for name, secret in self.released.items():
            for form in (secret, base64.b64encode(secret), secret.hex().encode()):
                for enclave, tap in self.lab.taps.items():
                    require(not tap.contains(form), f"{name} passed {enclave}'s relayed streams in the clear")
        carried = sum(tap.bytes_carried() for tap in self.lab.taps.values())
        require(carried > 0, "nothing was carried where the keys should have passed")
        return f"neither key is in the {carried:,} bytes that passed between the enclaves"

    def count(self) -> str:
        status = self.lab.parent_status()["totals"]
        self.record.counts = {
            "handshakes": len(self.lab.console_events("custodian", "peer_admitted")),
            "refused_peers": len(self.lab.console_events("custodian", "peer_refused")),
            "streams_relayed": status["opened"],
            "bytes_relayed": status["bytes_to_target"] + status["bytes_from_target"],
        }
        require(self.record.counts["handshakes"] >= 2 and self.record.counts["bytes_relayed"] > 0,
                f"too few: {self.record.counts}")
        return ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in self.record.counts.items())
