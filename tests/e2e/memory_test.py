"""Whether keys are gone from all memory of custodian and worker when they should be: the processes are stopped after keys
were destroyed, after a role was revoked, after the policy ended, and where they end themselves.

Each story first finds what it looks for where it is kept, in memory that is neither swapped nor dumped, and nowhere else.
"""

import base64
import datetime
import json
import pathlib
import re
import secrets
import signal
import socket
import subprocess
import unittest
from collections.abc import Iterator

from lab_story import open_lab  # first: it says where the others are
from jobs.main_story import PAYMENTS, MainStory
from jobs.processes import wait_for
from known_keys import KINDS, KnownKey, KnownRoot
from process_memory import is_asleep, mappings, may_stop_others, standing_at_its_exit, standing_still
from secret_search import Place, SecretSearch

CUSTODIAN, WORKER = "custodian", PAYMENTS.name
OPERATIONS = "get,sign,verify,encrypt,decrypt,wrap,unwrap,mac,derive,public"
# Of a key that no operator made.
DERIVED = "vault/derived"
DERIVED_USES = ("secret", "ed25519", "encryption", "wrapping", "mac", "derivation")
# What is granted for a time, or a policy: long enough for a few requests, and waited for.
FOR_A_WHILE = datetime.timedelta(seconds=20)


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def soon() -> str:
    return (datetime.datetime.now(datetime.timezone.utc) + FOR_A_WHILE).strftime("%Y-%m-%dT%H:%M:%SZ")


class Story(MainStory):
    """The main one, with a look at the custodian that made the root."""

    def genesis(self) -> str:
        self.lab.start_parent(self.workers)
        self.lab.put_into_store("custodian/genesis-challenge", self.challenge)
        kms = next(daemon.process for daemon in self.lab.programs.daemons if daemon.name == "kms")
        kms.send_signal(signal.SIGSTOP)  # until the custodian is watched
        self.lab.run_enclave(CUSTODIAN, self.images[CUSTODIAN])
        process = self.lab.process_of(CUSTODIAN)
        with standing_at_its_exit(process, lambda: kms.send_signal(signal.SIGCONT)):
            root = KnownRoot(self.lab, self.key_arn)
            self.left_by_genesis = SecretSearch({"root": root.bytes} | root.kept()).places_in(process)
        return self.lab.wait_for_end(CUSTODIAN)


class EnclavesAtWork(unittest.TestCase):
    """A custodian with keys that are known, and a worker that has received each of them and worked with it."""

    def setUp(self):
        if not may_stop_others():
            self.skipTest("without CAP_SYS_PTRACE: enclaves cannot be stopped and their memory cannot be read")
        self.story = open_lab(self.addCleanup, story=Story)
        self.lab, self.folder = self.story.lab, self.story.lab.folder
        self.story.until_serving()
        self.operator = self.folder / "dana.key"
        self.lab.operator("keygen", "--out", self.operator)
        self.lab.policy("add-operator", "dana", "--key", f"{self.operator}.pub", "--purpose", "admin")
        self.lab.policy("grant", PAYMENTS.role, "vault/*", OPERATIONS)
        self.lab.roll_out(CUSTODIAN)
        self.story.attest_worker(PAYMENTS)

        self.root = KnownRoot(self.lab, self.story.key_arn)
        self.known = {kind: KnownKey(kind) for kind in KINDS}
        self.plaintexts = {"plaintext": secrets.token_bytes(48), "wrapped bytes": secrets.token_bytes(48)}
        for kind, key in self.known.items():
            self.import_key(key, "--exportable")
        self.work()
        self.receive()

    # --- What is done with keys ---

    def keys(self, *arguments, expect: int = 0) -> None:
        self.lab.keys(self.operator, *arguments, expect=expect)

    def import_key(self, key: KnownKey, *options, expect: int = 0) -> None:
        file = self.folder / "imported.key"
        file.write_bytes(key.file)
        self.keys("import", f"vault/{key.kind}", "--type", key.kind, "--from", file, *options, expect=expect)
        file.unlink()

    def ask(self, operation: str, name: str, **members) -> dict:
        answer = self.lab.agent(WORKER, "POST", f"/v1/{operation}/{name}", json.dumps(members).encode())
        self.assertEqual(answer.status, 200, answer.error)
        return answer.body

    def operations(self) -> Iterator[str]:
        """Carries out every one that each key has; says which, each time."""
        message, plaintext, wrapped = (encoded(content) for content in (b"a message", *self.plaintexts.values()))
        for name in ("vault/ed25519", "vault/p256", "vault/p384", DERIVED):
            envelope = self.ask("sign", name, message=message)["envelope"]
            yield f"sign with {name}"
            self.ask("verify", name, message=message, envelope=envelope)
            yield f"verify with {name}"
        for name in ("vault/hmac", DERIVED):
            envelope = self.ask("mac", name, message=message)["envelope"]
            yield f"mac with {name}"
            self.ask("verify", name, message=message, envelope=envelope)
            yield f"verify a mac with {name}"
        for name in ("vault/aes256", DERIVED):
            sealed = self.ask("encrypt", name, plaintext=plaintext)["ciphertext"]
            yield f"encrypt with {name}"
            self.assertEqual(self.ask("decrypt", name, ciphertext=sealed)["plaintext"], plaintext)
            yield f"decrypt with {name}"
            envelope = self.ask("wrap", name, bytes=wrapped)["wrapped"]
            yield f"wrap with {name}"
            self.assertEqual(self.ask("unwrap", name, wrapped=envelope)["bytes"], wrapped)
            yield f"unwrap with {name}"
        for name in ("vault/aes256", "vault/hmac", DERIVED):
            self.ask("derive", name, size=32)
            yield f"derive from {name}"
        for name in ("vault/ed25519", "vault/p256", "vault/p384", "vault/x25519", DERIVED):
            public = self.lab.agent(WORKER, "GET", f"/v1/public/{name}")
            self.assertEqual(public.status, 200, public.error)
            yield f"public key of {name}"
        self.ask("derive", "vault/x25519", size=32, peer=public.body["raw"])
        yield "derive from vault/x25519"

    def work(self) -> None:
        self.assertTrue(all(self.operations()))

    def receive(self) -> None:
        """Each key, by one caller that waits for it and by one that does not."""
        expected = {f"vault/{kind}": key.bytes for kind, key in self.known.items()}
        expected[DERIVED] = self.root.derived(DERIVED, "secret")
        for name, key in expected.items():
            answer = self.lab.agent(WORKER, "GET", f"/v1/keys/{name}")
            self.assertEqual(answer.status, 200, answer.error)
            self.assertEqual(base64.b64decode(answer.body["key"]), key)
            with socket.socket(socket.AF_UNIX) as impatient:
                impatient.connect(str(self.lab.agent_socket(WORKER)))
                impatient.sendall(f"GET /v1/keys/{name} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())

    def health(self) -> dict:
        return self.lab.agent(WORKER, "GET", "/v1/health").body

    # --- What is looked for ---

    def imported(self) -> dict[str, bytes]:
        return {name: content for key in self.known.values() for name, content in key.kept().items()}

    def released(self) -> dict[str, bytes]:
        return self.imported() | {"derived key": self.root.derived(DERIVED, "secret")}

    def never_kept(self) -> dict[str, bytes]:
        """Beyond the call that needs it."""
        made = {name: content for key in self.known.values() for name, content in key.made_of_it().items()}
        derived = {f"derived key for {use}": self.root.derived(DERIVED, use) for use in DERIVED_USES}
        # A custodian keeps a few keys ready that sign.
        return {"root": self.root.bytes} | self.plaintexts | made | {
            name: content for name, content in derived.items() if not name.endswith(("secret", "ed25519"))}

    def every_secret(self) -> dict[str, bytes]:
        signs = {"derived key for ed25519": self.root.derived(DERIVED, "ed25519")}
        return self.root.kept() | self.released() | signs | self.never_kept()

    def places(self, wanted: dict[str, bytes], process: int) -> list[str]:
        return [str(place) for place in SecretSearch(wanted).places_in(process)]

    def look_into(self, enclave: str, wanted: dict[str, bytes]) -> list[Place]:
        process = self.lab.process_of(enclave)
        wait_for(f"{enclave} to have nothing to do", lambda: is_asleep(process))
        with standing_still(process):
            return SecretSearch(wanted).places_in(process)

    def assert_kept(self, enclave: str, wanted: dict[str, bytes]) -> None:
        """Each is there, as it is, and nothing of any in a place that is not for secrets."""
        places = self.look_into(enclave, wanted)
        whole = {place.secret for place in places
                 if place.form == "as it is" and place.bytes == len(wanted[place.secret])}
        self.assertEqual(sorted(wanted.keys() - whole), [], "not where the search should find them")
        self.assertEqual([str(place) for place in places if not place.mapping.is_for_secrets], [])

    def assert_gone(self, enclave: str, wanted: dict[str, bytes]) -> None:
        self.assertEqual([str(place) for place in self.look_into(enclave, wanted)], [])


class Memory(EnclavesAtWork):
    def test_holds_live_keys_where_they_are_neither_swapped_nor_dumped(self):
        self.assert_kept(CUSTODIAN, self.root.kept() | self.imported())
        self.assert_kept(WORKER, self.released())
        self.assert_gone(CUSTODIAN, self.never_kept())
        self.assert_gone(WORKER, self.root.kept() | self.never_kept())
        for enclave in (CUSTODIAN, WORKER):
            process = pathlib.Path(f"/proc/{self.lab.process_of(enclave)}")
            self.assertRegex((process / "limits").read_text(), r"(?m)^Max core file size +0 +0 ")
            kept = sum(mapping.end - mapping.first for mapping in mappings(int(process.name)) if mapping.is_for_secrets)
            locked = int(re.search(r"(?m)^VmLck:\s*(\d+) kB$", (process / "status").read_text())[1]) * 1024
            self.assertGreater(kept, 0)
            self.assertGreaterEqual(locked, kept)
            self.assertEqual(self.lab.console_events(enclave, "secret_memory_not_locked"), [])

    def test_of_the_custodian_holds_nothing_of_an_operation_that_is_over(self):
        """Neither what it makes of keys nor what it is given, and keys in no other place than before."""
        for operation in self.operations():
            with self.subTest(operation):
                places = self.look_into(CUSTODIAN, self.imported() | self.never_kept())
                self.assertEqual([str(place) for place in places if not place.mapping.is_for_secrets
                                  or place.secret in self.never_kept()], [])

    def test_holds_no_key_that_was_refused(self):
        refused = KnownKey("p256")
        self.import_key(refused, expect=2)  # there is one of that name
        refused.file += b"\0"
        self.import_key(refused, "--next-version", expect=2)
        self.assert_gone(CUSTODIAN, refused.kept())

    def test_holds_no_key_that_was_destroyed(self):
        older, newer = self.known["aes256"], KnownKey("aes256")
        self.import_key(newer, "--next-version")
        self.assert_kept(CUSTODIAN, self.imported() | {"next version": newer.bytes})
        self.keys("destroy", "vault/aes256", "--version", "1", "--yes-destroy", "vault/aes256")
        self.assert_gone(CUSTODIAN, older.kept())
        self.assert_kept(CUSTODIAN, {"next version": newer.bytes})
        # Its worker has them for as long as they were released for: five minutes, or less by policy.
        self.known["aes256"] = newer
        self.lab.policy("ungrant", PAYMENTS.role, "vault/*")
        self.lab.policy("grant", PAYMENTS.role, "vault/*", "get", "--expires", soon())
        self.lab.roll_out(CUSTODIAN, WORKER)
        wait_for("the worker to reach the custodian", lambda: self.story.ready(PAYMENTS))
        self.receive()
        self.assert_kept(WORKER, self.released())
        for kind in self.known:
            self.keys("destroy", f"vault/{kind}", "--yes-destroy", f"vault/{kind}")
        self.assert_gone(CUSTODIAN, self.imported() | older.kept() | self.never_kept())
        wait_for("the keys' end at the worker", lambda: self.health()["cached_keys"] == 0)
        self.assert_gone(WORKER, self.every_secret() | older.kept())

    def test_of_a_revoked_worker_holds_no_key(self):
        self.lab.edit_policy(lambda policy: None)
        self.lab.roll_out(CUSTODIAN, WORKER)  # ends the channel, so that requests wait for the next one
        self.work()
        self.receive()
        self.assert_kept(WORKER, self.released())
        self.lab.policy("revoke", "--role", PAYMENTS.role)
        self.lab.roll_out(CUSTODIAN, WORKER)
        self.assert_gone(WORKER, self.every_secret())
        self.assert_kept(CUSTODIAN, self.root.kept() | self.imported())

    def test_holds_no_key_after_the_policys_end(self):
        self.lab.edit_policy(lambda policy: policy["validity"].update(not_after=soon()))
        self.lab.roll_out(CUSTODIAN, WORKER)
        wait_for("the worker to reach the custodian", lambda: self.story.ready(PAYMENTS))
        self.receive()
        self.assert_kept(WORKER, self.released())
        self.assert_kept(CUSTODIAN, self.root.kept() | self.imported())
        self.lab.wait_for_event(CUSTODIAN, "root_wiped")
        self.lab.wait_for_event(WORKER, "policy_not_usable", code="policy_expired")
        self.assert_gone(CUSTODIAN, self.every_secret())
        self.assert_gone(WORKER, self.every_secret())

    def test_holds_no_key_where_the_program_ends(self):
        self.assert_kept(WORKER, self.released())
        self.assert_gone_at_the_end_of(WORKER)
        self.assert_gone_at_the_end_of(CUSTODIAN)
        # The next one has its keys out of the store.
        self.story.unseal()
        self.assert_kept(CUSTODIAN, self.root.kept() | self.imported())
        self.assert_gone_at_the_end_of(CUSTODIAN)

    def assert_gone_at_the_end_of(self, enclave: str) -> None:
        process = self.lab.process_of(enclave)
        with standing_at_its_exit(process):
            self.assertEqual(self.places(self.every_secret(), process), [])
        self.assertEqual(self.lab.wait_for_end(enclave), "exit status 0")

    def test_of_the_operators_program_holds_no_key_where_it_ends(self):
        key = KnownKey("p384")
        program = subprocess.Popen(
            [self.lab.programs.path("concordat-lab"), "keys", "import", "vault/p384", "--type", "p384", "--from", "-",
             "--next-version", *self.lab.operator_options(self.operator)], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)

        def give_the_key() -> None:
            program.stdin.write(key.file)
            program.stdin.close()
        with standing_at_its_exit(program.pid, give_the_key):
            self.assertEqual(self.places(key.kept(), program.pid), [])
        self.assertEqual(program.wait(), 0)
        self.assert_kept(CUSTODIAN, key.kept())

    def test_holds_no_root_where_genesis_ends(self):
        self.assertEqual([str(place) for place in self.story.left_by_genesis], [])


if __name__ == "__main__":
    unittest.main()
