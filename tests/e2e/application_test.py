"""A worker whose image starts an application: what the application may, and that no document comes to it but through
the agent. Its image is signed, its policy pins the signer, and its KMS throttles the first calls of genesis and of
unsealing."""

import base64
import json
import os
import pathlib
import re
import unittest

from lab_story import open_lab  # first: it says where the others are
from image_signer import ImageSigner
from jobs.deployment import Deployment, Worker
from jobs.main_story import ALTERED, PAYMENTS, PAYMENTS_KEY, REPORTS_KEY, MainStory

THROTTLED = 3
EXIT_STATUS = 7
AGENT_TCP = "127.0.0.1:8700"  # in the worker's own network namespace
# What the test application asks /v1/attestation for: the domain of purpose "application", then the caller's bytes.
USER_DATA = b"\x82" + b"\x77concordat/application/1" + b"\x42\xca\xfe"


class WithAgentOnTcp(Deployment):
    """The worker's agent listens on loopback TCP as well."""

    def parent_config(self, workers: list[Worker]) -> dict:
        config = super().parent_config(workers)
        config["enclaves"][PAYMENTS.name]["settings"]["agent_tcp"] = AGENT_TCP
        return config


class ApplicationStory(MainStory):
    """The main story up to a custodian that serves, with a worker whose image holds more than its agent."""

    def start_lab(self) -> str:
        self.record.isolation = self.lab.start_hypervisor()
        self.lab.start_kms("--fault", f"throttle:{THROTTLED}")
        return self.record.isolation

    def make_images(self) -> str:
        made = super().make_images()
        self.signer = ImageSigner(self.lab.folder, "release")
        self.images[PAYMENTS.name] = self.pack_worker(PAYMENTS.name, self.signer)
        return made

    def genesis(self) -> str:
        made = super().genesis()
        self.repeated = self.lab.console_events("custodian", "kms_retry")
        return made

    def unseal(self) -> str:
        self.lab.restart_kms("--fault", f"throttle:{THROTTLED}")
        unsealed = super().unseal()
        self.repeated += self.lab.console_events("custodian", "root_not_unsealed")
        return unsealed

    def pack_worker(self, name: str, signer: ImageSigner) -> pathlib.Path:
        program = self.lab.programs.path("test_application")
        application = ("/bin/application", "work", "lab/agent.sock", AGENT_TCP, PAYMENTS_KEY, REPORTS_KEY,
                       str(EXIT_STATUS))
        return self.lab.pack(name, "concordat-worker-lab", "--file", f"bin/application={program}", *signer.options,
                             "--", "--", *application)


class ApplicationOfAWorker(unittest.TestCase):
    """One run for all cases: it takes as long as the main job."""

    @classmethod
    def setUpClass(cls):
        cls.story = open_lab(cls.addClassCleanup, deployment=WithAgentOnTcp, story=ApplicationStory)
        cls.lab = cls.story.lab
        cls.story.until_serving()
        if cls.story.record.isolation != "full":
            if os.environ.get("CI") == "true":
                raise AssertionError("isolation is partial under CI")
            raise unittest.SkipTest("isolation is partial on this machine: the application sees what the machine has")
        cls.lab.run_enclave(PAYMENTS.name, cls.story.images[PAYMENTS.name])
        cls.end = cls.lab.wait_for_end(PAYMENTS.name)
        cls.lines = cls.lab.console_lines(PAYMENTS.name)
        print(*cls.lines, sep="\n", flush=True)  # a failure is read off it
        cls.seen = dict(line.split("=", 1) for line in cls.lines if re.match(r"[a-z_]+=", line))

    def test_ends_the_enclave_with_its_exit_status(self):
        self.assertEqual(self.end, f"exit status {EXIT_STATUS}")
        self.assertTrue(self.lab.console_events(PAYMENTS.name, "application_ended", status=EXIT_STATUS))

    def test_is_unprivileged_and_inherits_nothing(self):
        user = "65534" if os.geteuid() == 0 else "1000"
        wanted = {"uid": user, "euid": user, "gid": user, "capabilities": "none", "no_new_privs": "1",
                  "can_become_root": "0", "inherited": "", "environment": "empty"}
        self.assertEqual({key: self.seen[key] for key in wanted}, wanted)

    def test_cannot_mint(self):
        self.assertIn("No such file", self.seen["mint_device"])
        # As on EC2, where it is root's alone; an ordinary user's lab has one user, and no name is left.
        self.assertIn("Permission denied" if os.geteuid() == 0 else "No such file", self.seen["mint_socket"])
        self.assertEqual(self.seen["taken_from_agent"], "nothing")

    def test_gets_its_keys_through_the_agent(self):
        self.assertEqual(self.seen["granted"], "HTTP/1.1 200 OK")
        self.assertEqual(self.seen["granted_has_key"], "1")
        self.assertEqual(self.seen["sign"], "HTTP/1.1 200 OK")
        self.assertEqual(len(base64.b64decode(json.loads(self.seen["sign_body"])["signature"])), 64)
        self.assertEqual(self.seen["refused"], "HTTP/1.1 403 Forbidden")
        self.assertEqual(json.loads(self.seen["refused_body"])["error"]["code"], "not_granted")

    def test_reaches_the_agent_on_loopback_tcp_where_its_setting_says_so(self):
        self.assertTrue(self.lab.console_events(PAYMENTS.name, "agent_on_tcp", endpoint=f"tcp:{AGENT_TCP}"))
        self.assertEqual(self.seen["over_tcp"], "HTTP/1.1 200 OK")
        self.assertEqual(self.seen["over_tcp_the_same_key"], "1")

    def test_its_health_finds_nothing_wrong(self):
        checks = {check["name"]: check for check in json.loads(self.seen["health_body"])["checks"]}
        if os.geteuid() != 0:  # agent and application are one user there, and the check says so
            self.assertFalse(checks.pop("user")["ok"])
        self.assertEqual([check for check in checks.values() if not check["ok"]], [])
        self.assertIn("mode 0660" if os.geteuid() == 0 else "mode 0600", checks["socket"]["detail"])
        if os.geteuid() == 0:
            self.assertIn("the application: user 65534", checks["user"]["detail"])

    def test_its_documents_are_of_purpose_application(self):
        self.assertEqual(self.seen["attestation"], "HTTP/1.1 200 OK")
        document = self.lab.folder / "application.b64"
        document.write_text(json.loads(self.seen["attestation_body"])["document"])
        verdict = self.lab.operator("attest", "verify", document, "--at", "document", "--root", self.lab.lab_root)
        self.assertEqual(verdict["verdict"], "accept")
        claims = verdict["claims"]
        self.assertIsNone(claims["public_key"])
        self.assertEqual(claims["nonce"], "00112233")
        self.assertEqual(bytes.fromhex(claims["user_data"]), USER_DATA)
        self.assertTrue(self.seen["with_a_key"].startswith("HTTP/1.1 400"), "it may not choose a public key")

    def test_the_policy_pins_who_signed_the_image(self):
        policy = json.loads((self.lab.authority / "policy.json").read_text())
        self.assertEqual(policy["images"]["payments-1"]["PCR8"], self.story.signer.pcr8)
        forger = ImageSigner(self.lab.folder, "forger")
        self.lab.run_enclave(ALTERED.name, self.story.pack_worker(ALTERED.name, forger))
        refusal = self.lab.wait_for_event("custodian", "peer_refused", source=f"enclave/{ALTERED.name}")
        self.assertEqual(set(re.findall(r"\bPCR\d+\b", refusal["detail"])), {"PCR8"}, refusal["detail"])
        self.lab.terminate(ALTERED.name)

    def test_the_custodian_came_up_although_kms_throttled(self):
        self.assertEqual([(event["event"], event["code"]) for event in self.story.repeated],
                         [("kms_retry", "throttled")] * THROTTLED + [("root_not_unsealed", "throttled")] * THROTTLED)


if __name__ == "__main__":
    unittest.main()
