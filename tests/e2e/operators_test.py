"""Operators at a running custodian, through its parent: who is answered, who is refused, by whom, what the parent sees
of it, and the keys that they administer.

One lab with a custodian serves all stories; each begins under a policy with the operators dana (admin) and evan (audit).
"""

import json
import pathlib
import secrets
import shutil
import unittest

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from lab_story import open_lab  # first: it says where the others are
from envelopes import envelope_items, opened, sealed
from jobs.deployment import Worker
from jobs.processes import wait_for

# An enclave that claims to be a custodian and is of another image.
IMPOSTOR = Worker("impostor", "custodian")
OPERATORS = {"dana": "admin", "evan": "audit"}


class Operators(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.story = open_lab(cls.addClassCleanup)
        cls.lab, cls.folder = cls.story.lab, cls.story.lab.folder
        cls.story.workers.append(IMPOSTOR)
        cls.story.until_serving()
        cls.lab.edit_policy(lambda policy: policy["purposes"].update(
            audit={"initiator": [], "responder": ["custodian"]}))
        for name in (*OPERATORS, "mallory"):
            cls.lab.operator("keygen", "--out", cls.folder / f"{name}.key")

    def setUp(self):
        for name, purpose in OPERATORS.items():
            self.lab.policy("add-operator", name, "--key", self.folder / f"{name}.key.pub", "--purpose", purpose)
        self.lab.roll_out("custodian")

    # --- What the stories are told with ---

    def command(self, key: str, policy: pathlib.Path | None = None, enclave: str = "custodian") -> tuple:
        return ("status", "--parent", self.lab.operator_endpoint, "--enclave", enclave, "--policy",
                policy or self.lab.signed_policy, "--authority", self.lab.authority / "authority.cbor", "--key",
                self.folder / f"{key}.key", "--json")

    def status(self, key: str, *options, expect: int = 0, **more):
        return self.lab.programs.run("concordat-lab", *self.command(key, **more), "--lab-root", self.lab.lab_root, *options,
                                     expect=expect)

    def refusal(self, key: str, **more) -> str:
        return json.loads(self.status(key, expect=2, **more).stdout)["code"]

    def keys(self, *arguments, expect: int = 0) -> list[dict]:
        return self.lab.keys(self.folder / "dana.key", *arguments, expect=expect)

    def write(self, name: str, content: bytes) -> pathlib.Path:
        path = self.folder / name
        path.write_bytes(content)
        path.chmod(0o600)
        return path

    def administered(self, key: str, last: str) -> list[tuple]:
        """What the custodian's console says that was done with the key, up to this operation."""
        self.lab.wait_for_event("custodian", "request_administered", key=key, operation=last)
        events = self.lab.console_events("custodian", "request_administered", key=key)
        self.assertEqual({event["operator"] for event in events}, {"dana"})
        return [(event["operation"], event["version"]) for event in events]

    # --- Who is answered ---

    def test_a_listed_operator_is_answered_and_the_parent_sees_nothing_of_it(self):
        before = self.lab.taps["custodian"].bytes_carried()
        answer = json.loads(self.status("dana").stdout)
        self.assertEqual((answer["attested"]["role"], answer["attested"]["image"]), ("custodian", "custodian-1"))
        self.assertEqual(answer["attested"]["module_id"], answer["module_id"])
        measured = self.story.measured["custodian"]
        self.assertEqual({name: answer["pcrs"][name] for name in ("PCR0", "PCR1", "PCR2")},
                         {name: measured[name] for name in ("PCR0", "PCR1", "PCR2")})
        signed = json.loads((self.lab.authority / "policy.json").read_text())
        self.assertEqual(answer["policy"]["serial"], signed["serial"])
        pinned = signed["root"]["generations"][0]
        self.assertEqual(answer["root"], {"generation": pinned["generation"], "commitment": pinned["commitment"]})
        self.assertEqual(answer["channels"]["operators"], {"dana": 1})
        admitted = self.lab.wait_for_event("custodian", "operator_admitted", operator="dana")
        self.assertEqual(admitted["source"], "operator/local")
        tap = self.lab.taps["custodian"]
        self.assertGreater(tap.bytes_carried(), before)
        key = bytes.fromhex(json.loads((self.folder / "dana.key.pub").read_text())["public_key"])
        for seen in (answer["module_id"].encode(), bytes.fromhex(pinned["commitment"]), b"policy_serial", key):
            self.assertFalse(tap.contains(seen), f"{seen} passed in the clear")
        self.assertTrue(tap.contains(b"operator/local"), "the tap stands where the channel passes")

    def test_an_operator_with_the_older_policy_is_handed_the_newer_one(self):
        older = self.folder / "older.json"
        shutil.copy(self.lab.signed_policy, older)
        self.lab.edit_policy(lambda policy: None)
        serial = self.lab.roll_out("custodian")
        done = self.status("dana", policy=older)
        self.assertEqual(json.loads(done.stdout)["policy"]["serial"], serial)
        self.assertIn(f"policy serial {serial}, newer than the file's", done.stderr.decode())

    def test_an_operator_with_the_newer_policy_hands_it_over(self):
        self.lab.edit_policy(lambda policy: None)
        serial = self.lab.sign_policy()["serial"]
        self.assertEqual(json.loads(self.status("dana").stdout)["policy"]["serial"], serial)
        self.lab.wait_for_event("custodian", "policy_in_force", serial=serial)

    # --- Keys ---

    def test_a_key_is_made_shown_rotated_and_ended(self):
        name = "ledger/signing"
        (made,) = self.keys("create", name, "--type", "p256")
        self.assertEqual((made["state"], made["exportable"], made["newest_version"]), ("enabled", False, 1))
        self.assertEqual(self.keys("create", name, "--type", "p256", expect=2)[0]["code"], "key_exists")
        (rotated,) = self.keys("rotate", name)
        self.assertEqual(rotated["newest_version"], 2)
        self.assertEqual(self.keys("rotate", name, "--newest", "1", expect=2)[0]["code"], "version_differs")
        (described,) = self.keys("describe", name)
        points = [load_pem_public_key(version["public_key"]["pem"].encode()) for version in described["versions"]]
        self.assertEqual([point.curve.name for point in points], [ec.SECP256R1().name] * 2)
        self.assertNotEqual(*(point.public_numbers() for point in points))
        self.assertEqual(self.keys("disable", name)[0]["state"], "disabled")
        self.assertEqual(self.keys("rotate", name, expect=2)[0]["code"], "key_disabled")
        self.assertEqual(self.keys("enable", name)[0]["state"], "enabled")
        self.assertEqual(self.keys("set-minimum", name, "2")[0]["minimum_version"], 2)
        self.assertEqual([line.get("name", line.get("keys")) for line in self.keys("list", "ledger/*")], [name, 1])
        self.keys("destroy", name, expect=1)
        self.assertEqual(self.keys("destroy", name, "--yes-destroy", name)[0]["state"], "destroyed")
        self.assertEqual(self.keys("enable", name, expect=2)[0]["code"], "key_destroyed")
        self.assertEqual(self.administered(name, "destroy"), [
            ("create", 1), ("describe", 0), ("rotate", 2), ("describe", 0), ("disable", 0), ("describe", 0), ("enable", 0),
            ("set-minimum", 2), ("destroy", 0)])

    def test_imported_keys_and_what_they_seal_pass_the_parent_unseen(self):
        name, associated, plaintext = "cards/tokens", b"customer 7", b"4111 1111 1111 1111"
        first, second = secrets.token_bytes(32), secrets.token_bytes(32)
        before = self.lab.taps["custodian"].bytes_carried()
        self.keys("import", name, "--type", "aes256", "--from", self.write("first.bin", first))
        envelope = self.write("card.envelope", sealed(first, [1, 2, 4, name, 1, secrets.token_bytes(32)], associated, plaintext))
        (imported,) = self.keys("import", name, "--type", "aes256", "--next-version", "--from", self.write("second.bin", second))
        self.assertEqual(imported["newest_version"], 2)
        (rewrapped,) = self.keys("rewrap", envelope, "--out", envelope, "--associated-data", self.write("customer", associated))
        self.assertEqual((rewrapped["name"], rewrapped["version"]), (name, 2))
        made = envelope.read_bytes()
        self.assertEqual(envelope_items(made)[:5], [1, 2, 4, name, 2])
        self.assertEqual(opened(second, made, associated), plaintext)
        self.assertEqual(self.keys("rewrap", envelope, "--out", envelope, expect=2)[0]["code"], "authentication_failed")
        tap, console = self.lab.taps["custodian"], "\n".join(self.lab.console_lines("custodian")).encode()
        self.assertGreater(tap.bytes_carried(), before)
        for secret in (first, second, plaintext, name.encode()):
            self.assertFalse(tap.contains(secret), "passed the parent in the clear")
        for secret in (first, second, plaintext):
            self.assertNotIn(secret, console)
            self.assertNotIn(secret.hex().encode(), console)
        self.assertEqual(self.administered(name, "rewrap"), [("import", 1), ("describe", 0), ("import", 2), ("rewrap", 2)])

    # --- Who is refused ---

    def test_a_key_that_policy_does_not_list_is_refused(self):
        self.assertEqual(self.refusal("mallory"), "operator_unknown")

    def test_an_operator_without_the_purpose_is_refused(self):
        self.assertEqual(self.refusal("evan"), "operator_not_in_purpose")

    def test_a_revoked_operator_loses_its_live_channel_and_is_refused(self):
        kept = self.folder / "kept.json"
        shutil.copy(self.lab.signed_policy, kept)
        since = len(self.lab.console("custodian"))
        watching = self.lab.programs.start("watching", "concordat-lab", *self.command("dana", policy=kept),
                                           "--lab-root", self.lab.lab_root, "--every", "1")
        watching.wait_for_line(r'"ok":true')
        self.lab.policy("revoke", "--operator", "dana")
        self.lab.roll_out("custodian")
        ended = self.lab.wait_for_event("custodian", "channel_ended", since=since, operator="dana")
        self.assertEqual(ended["code"], "policy_differs")
        # Its program dials again, is handed the policy that does not list it, and signs nothing more.
        self.assertEqual(wait_for("the revoked operator's program to end", lambda: [watching.process.poll()]
                                  if watching.process.poll() is not None else None), [2])
        self.assertIn("operator_unknown", watching.log.read_text())
        self.assertEqual(self.refusal("dana"), "operator_unknown")

    def test_an_enclave_of_an_unknown_image_is_refused_by_the_operator(self):
        program = bytearray(self.lab.programs.path("concordat-custodian-lab").read_bytes())
        at = program.find(b"concordat-custodian-lab: the custodian of")  # a letter of its help text
        self.assertGreater(at, 0, "the custodian's program has no help text to alter")
        program[at] ^= 0x20
        altered = self.folder / "concordat-custodian-lab"
        altered.write_bytes(program)
        altered.chmod(0o755)
        image = self.lab.pack("impostor", altered, "--file",
                              f"etc/ssl/certs/ca-certificates.crt={self.lab.kms / 'tls-ca.pem'}")
        self.lab.run_enclave(IMPOSTOR.name, image)
        self.addCleanup(self.lab.terminate, IMPOSTOR.name)
        self.lab.wait_for_event(IMPOSTOR.name, "serving")
        self.assertEqual(self.refusal("dana", enclave=IMPOSTOR.name), "image_differs")

    def test_the_production_program_trusts_no_lab(self):
        refused = self.lab.programs.run("concordat", *self.command("dana"), expect=2)
        self.assertEqual(json.loads(refused.stdout)["code"], "untrusted_root")
        self.lab.programs.run("concordat", *self.command("dana"), "--lab-root", self.lab.lab_root, expect=1)

    def test_a_way_that_is_not_there_is_no_refusal(self):
        nobody = json.loads(self.status("dana", enclave="nobody", expect=1).stdout)
        self.assertEqual(nobody["code"], "unknown_target")
        command = ["unix:/nowhere" if part == self.lab.operator_endpoint else part for part in self.command("dana")]
        gone = self.lab.programs.run("concordat-lab", *command, expect=1)
        self.assertEqual(json.loads(gone.stdout)["code"], "cannot_connect")


if __name__ == "__main__":
    unittest.main()
