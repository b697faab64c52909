"""The key of an operator is somebody else's: it does harm until the policy lists another one."""

from jobs.drill import CARD, DANA, NEXT_PAYMENTS, Drill, expect

LOST, MADE_ANEW = DANA, f"{DANA}-2"  # key files


class OperatorKey(Drill):
    TITLE = "an operator's key is lost to somebody who uses it"
    OPERATOR_KEYS = (*Drill.OPERATOR_KEYS, MADE_ANEW)

    def respond(self) -> list:
        return [("misuse", self.misuse), ("revoke", self.revoke), ("refused", self.refused),
                ("what-was-done", self.what_was_done), ("undo", self.undo)]

    def misuse(self) -> str:
        """Whoever has the key stays connected, and stops the workers."""
        thief = self.lab.programs.start("thief", "concordat-lab", "status",
                                        *self.lab.operator_options(self.key_of(LOST)), "--every", "1")
        thief.wait_for_line(r'"ok":true')
        self.keys(LOST, "disable", CARD)
        expect(f"{NEXT_PAYMENTS.name}'s decryption", self.opened(NEXT_PAYMENTS, self.sealed), "refused: key_disabled")
        return f"the lost key disables {CARD}: workers are refused by key_disabled"

    def revoke(self) -> str:
        since = len(self.lab.console("custodian"))
        self.lab.policy("revoke", "--operator", DANA)
        self.lab.policy("add-operator", DANA, "--key", f"{self.key_of(MADE_ANEW)}.pub", "--purpose", "admin")
        serial = self.roll_out()
        ended = self.lab.wait_for_event("custodian", "channel_ended", since=since, operator=DANA)
        expect("why the live channel ended", ended["code"], "policy_differs")
        self.changed |= {f"operator with {LOST}.key": "refused: operator_unknown",
                         f"operator with {MADE_ANEW}.key": "answered"}
        self.wait_until_served()
        return f"serial {serial} lists another key for {DANA}; the live channel of the lost one ended"

    def refused(self) -> str:
        orders = (("enable", CARD), ("rotate", CARD), ("destroy", CARD, "--yes-destroy", CARD),
                  ("create", "payments/theirs", "--type", "aes256"))
        for order in orders:
            expect(f"`keys {order[0]}` with the lost key", self.keys(LOST, *order, expect=2)["code"], "operator_unknown")
        return f"{', '.join(order[0] for order in orders)} with the lost key: operator_unknown"

    def what_was_done(self) -> str:
        events = self.lab.console_events("custodian", "request_administered", operator=DANA)
        done = [(event["operation"], event["key"]) for event in events if event["key"]]
        expect(f"what the custodian's log says that {DANA}'s key did", done, [("disable", CARD)])
        return f"the custodian's log names it: disable {CARD}"

    def undo(self) -> str:
        self.keys(MADE_ANEW, "enable", CARD)
        return f"{CARD} is enabled with the new key"
