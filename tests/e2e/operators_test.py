"""Operators at a running custodian, through its parent: who is answered, who is refused, by whom, and what the parent
sees of it.

One lab with a custodian serves all stories; each begins under a policy with the operators dana (admin) and evan (audit).
"""

import json
import os
import pathlib
import shutil
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["CONCORDAT_SOURCE"])
PROGRAMS = pathlib.Path(os.environ["CONCORDAT_BUILD"]) / "bin"
sys.path.insert(0, str(SOURCE / "deploy/lab"))

from jobs.deployment import Deployment, Worker  # noqa: E402  (the path above comes first)
from jobs.main_story import MainStory
from jobs.processes import Programs, wait_for
from jobs.record import Record

# An enclave that claims to be a custodian and is of another image.
IMPOSTOR = Worker("impostor", "custodian")
OPERATORS = {"dana": "admin", "evan": "audit"}


class Operators(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="c"))  # short: sockets live in it
        cls.lab = Deployment(Programs(PROGRAMS, cls.folder / "logs"), cls.folder)
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.addClassCleanup(cls.lab.close)
        cls.story = MainStory(cls.lab, Record(as_json=True))
        cls.story.workers.append(IMPOSTOR)
        for step in (cls.story.start_lab, cls.story.make_images, cls.story.make_policy, cls.story.bind_kms_key,
                     cls.story.genesis, cls.story.pin_root, cls.story.unseal):
            step()
        cls.lab.edit_policy(lambda policy: policy["purposes"].update(
            audit={"initiator": [], "responder": ["custodian"]}))
        for name in (*OPERATORS, "mallory"):
            cls.lab.operator("keygen", "--out", cls.folder / f"{name}.key")

    def setUp(self):
        for name, purpose in OPERATORS.items():
            self.lab.policy("add-operator", name, "--key", self.folder / f"{name}.key.pub", "--purpose", purpose)
        self.roll_out()

    # --- What the stories are told with ---

    def roll_out(self) -> int:
        serial = self.lab.sign_policy()["serial"]
        self.lab.push_policy()
        self.lab.wait_for_event("custodian", "policy_in_force", serial=serial)
        return serial

    def command(self, key: str, policy: pathlib.Path | None = None, enclave: str = "custodian") -> tuple:
        return ("status", "--parent", self.lab.operator_endpoint, "--enclave", enclave, "--policy",
                policy or self.lab.signed_policy, "--authority", self.lab.authority / "authority.cbor", "--key",
                self.folder / f"{key}.key", "--json")

    def status(self, key: str, *options, expect: int = 0, **more):
        return self.lab.programs.run("concordat-lab", *self.command(key, **more), "--lab-root", self.lab.lab_root, *options,
                                     expect=expect)

    def refusal(self, key: str, **more) -> str:
        return json.loads(self.status(key, expect=2, **more).stdout)["code"]

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
        serial = self.roll_out()
        done = self.status("dana", policy=older)
        self.assertEqual(json.loads(done.stdout)["policy"]["serial"], serial)
        self.assertIn(f"policy serial {serial}, newer than the file's", done.stderr.decode())

    def test_an_operator_with_the_newer_policy_hands_it_over(self):
        self.lab.edit_policy(lambda policy: None)
        serial = self.lab.sign_policy()["serial"]
        self.assertEqual(json.loads(self.status("dana").stdout)["policy"]["serial"], serial)
        self.lab.wait_for_event("custodian", "policy_in_force", serial=serial)

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
        self.roll_out()
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
