"""The image of the custodian is replaced, and the older one gets nothing any more."""

from jobs.drill import DANA, WORKERS, Drill, expect
from jobs.deployment import INSTANCE_ROLE

OLDER, NEWER = "custodian-1", "custodian-2"


class CustodianImage(Drill):
    TITLE = "the custodian's image is replaced, and the older one revoked"

    def respond(self) -> list:
        return [("enroll", self.enroll), ("kms-key-policy", self.bind_kms_key), ("replace", self.replace),
                ("revoke", self.revoke), ("kms-key-policy-again", self.bind_kms_key), ("roll-out", self.roll_out_revocation),
                ("older-image-refused", self.older_image), ("newer-image-again", self.start_newer)]

    def make_images(self) -> str:
        made = super().make_images()
        self.add_image(NEWER, self.pack_custodian(NEWER, *self.named(NEWER)))
        return made

    def enroll(self) -> str:
        self.lab.policy("enroll", NEWER, "--eif", self.images[NEWER], "--role", "custodian", "--account", INSTANCE_ROLE)
        return f"serial {self.lab.sign_policy()['serial']} admits {NEWER} beside {OLDER}"

    def replace(self) -> str:
        self.lab.push_policy()
        return f"the older image's place is taken: {self.start_newer()}"

    def start_newer(self) -> str:
        self.lab.terminate("custodian")
        self.lab.run_enclave("custodian", self.images[NEWER])
        unsealed = self.lab.wait_for_event("custodian", "root_unsealed")
        self.lab.wait_for_event("custodian", "keyring_loaded")
        self.wait_until_served()
        self.changed["custodian"] = f"attested as {NEWER}"
        return f"{NEWER} unsealed generation {unsealed['generation']}; workers are served by it"

    def revoke(self) -> str:
        revoked = self.lab.policy("revoke", "--image", OLDER)
        expect("who knows the root by `policy revoke`", [entry["image"] for entry in revoked["root_known_to"]], [OLDER])
        return f"serial {self.lab.sign_policy()['serial']}; the root is known to {OLDER}, should it have been broken into"

    def roll_out_revocation(self) -> str:
        serial = self.roll_out()
        self.wait_until_served()
        return f"serial {serial} is in force"

    def older_image(self) -> str:
        """The parent starts it again in the other's place."""
        self.lab.terminate("custodian")
        self.lab.run_enclave("custodian", self.images["custodian"])
        refused = self.lab.wait_for_event("custodian", "root_not_unsealed")
        expect("what KMS answers", refused["code"], "access_denied")
        expect("what an operator finds there", self.status(DANA).get("code"), "image_differs")
        for worker in WORKERS:
            seen = self.lab.wait_for_event(worker.name, "channel_ended", code="image_differs")
            expect(f"whether {worker.name} is served", self.ready(worker), None)
        return f"KMS: {refused['code']}; {DANA} and {', '.join(worker.name for worker in WORKERS)}: {seen['detail']}"
