"""What becomes of a key that nobody has when one of its holders is replaced: it stays, its shares are made anew."""

import json
import pathlib
from typing import TYPE_CHECKING

from jobs.main_story import require

if TYPE_CHECKING:
    from jobs.session_realms import SessionStory


class Resharing:
    """bank-c moves its share to another enclave; the key's other holders are bank-a and bank-b."""

    def __init__(self, story: "SessionStory"):
        self.story, self.realms = story, story.realms
        self.first, self.second, self.third = self.realms.all
        self.next = self.third.next_seat()
        self.shares: dict[str, pathlib.Path] = {}
        self.group = self.receipt = pathlib.Path()

    def steps(self):
        """(name, function) in order."""
        return [("resharing", self.reshare), ("old-share-refused", self.old_share), ("settled", self.settle),
                ("signature-after", self.sign)]

    def reshare(self) -> str:
        """bank-a and bank-c deal; bank-a, bank-b and the enclave that takes over get the new shares."""
        self.next.start_analyst(self.story.image)
        parties = [*self.realms.all, self.next]
        parameters = self.story.folder / "reshare.json"
        parameters.write_text(json.dumps({"group": self.story.group.read_bytes().hex(), "dealers": {"1": 1, "3": 3},
                                          "holders": {"1": 1, "2": 2, "4": 3}}))
        session = self.realms.agree("keys/treasury-moves", "frost-reshare/1", parties, parameters, threshold=2)
        brought = {realm.name: ("--kept", self.story.shares[realm.name]) for realm in (self.first, self.third)}
        ordered = [self.realms.order(party, session, *brought.get(party.name, ())) for party in parties]
        self.story.results(ordered, "resharing")
        self.group, self.receipt = ordered[0].files["result"], ordered[1].files["receipt"]
        require(self.story.public_key(self.group) == self.story.public_key(), "another public key")
        require(self.group.read_bytes() != self.story.group.read_bytes(), "the same group")
        self.shares = {part.realm.name: part.files["keep"] for part in ordered if part.files["keep"].exists()}
        wanted = {party.name for party in parties if party is not self.third}
        require(self.shares.keys() == wanted, f"shares were given to {sorted(self.shares)}, not to {sorted(wanted)}")
        self.story.record.row("all three", "new shares, one of them elsewhere", "made; the public key is the same")
        return f"{self.next.analyst.name} has a share in the place of {self.third.analyst.name}; the public key is the same"

    def sign(self) -> str:
        """By two who had no part in dealing, or no share before."""
        signers = [self.second, self.next]
        session = self.story.agree_to_sign("payments/fund-after", self.group, signers, (2, 3))
        self.story.sign_with(session, signers, self.shares, "signature after resharing")
        return f"{self.second.name} and {self.next.name}: openssl verifies by the public key from before"

    def old_share(self) -> str:
        """With a new one it makes nothing."""
        signers = [self.first, self.second]
        session = self.story.agree_to_sign("payments/fund-mixed", self.group, signers, (1, 2))
        status, answer = self.realms.order(self.first, session, "--kept", self.story.shares[self.first.name], wait=5).end()
        require((status, answer.get("code")) == (2, "other_epoch"), f"ended with {status}: {answer}")
        self.story.record.row(self.first.name, "a signature with its share from before", f"refused: {answer['code']}")
        # Nor is the custodian asked to open what is sealed under a key of something else.
        renamed = self.story.folder / "renamed.share"
        renamed.write_bytes(self.shares[self.first.name].read_bytes().replace(b"session-shares/analyst/", b"session-stores/analyst/"))
        status, refused = self.realms.order(self.first, session, "--kept", renamed, wait=5).end()
        require((status, refused.get("code")) == (2, "other_key"), f"ended with {status}: {refused}")
        return answer["error"]

    def settle(self) -> str:
        """By a receipt each realm's custodian destroys the key that the old shares are sealed under; they open no more."""
        parties = [*self.realms.all, self.next]
        older = next(receipt for what, receipt, _ in self.story.receipts if what == "key generation")
        refused = self.realms.settle(self.first, older, parties, expect=2)
        require(refused["code"] == "not_settled_by", f"by the receipt of key generation: {refused}")
        for realm in self.realms.all:
            settled = self.realms.settle(realm, self.receipt, parties)
            require([each["epoch"] for each in settled["destroyed"]] == [0], f"{realm.name}: {settled}")
        signers = [self.first, self.third]
        session = self.story.agree_to_sign("payments/fund-old", self.story.group, signers, (1, 3))
        for realm in signers:
            status, answer = self.realms.order(realm, session, "--kept", self.story.shares[realm.name], wait=5).end()
            require(status == 2 and "key_destroyed" in answer.get("error", ""), f"{realm.name} ended with {status}: {answer}")
            self.story.record.row(realm.name, "to sign as before, in a session that all agreed to", "refused: key_destroyed")
        return f"shares from before are ended in all three realms: {answer['error']}"
