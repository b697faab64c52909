"""Sessions among three realms, step by step: totals over tables that nobody shows, a signature by a key that nobody has,
and what becomes of a party that cheats and of a parent that leads streams astray.

Each step returns the detail for its line in the record, or raises StepFailed.
"""

import json
import pathlib
import subprocess

from jobs import sample_tables
from jobs.main_story import require
from jobs.realms import CHEAT, IMAGE, ROLE, Ordered, Realm, RealmDeployment, Realms
from jobs.record import Record, StepFailed
from jobs.session_resharing import Resharing
from jobs.tap import say_again

ROWS, SEED = 300, 20261126
MESSAGE = b"pay 1,000,000 to the fund of the three banks"
# SubjectPublicKeyInfo of Ed25519 (RFC 8410) before the key's own 32 bytes.
ED25519_HEAD = bytes.fromhex("302a300506032b6570032100")


class SessionStory:
    def __init__(self, deployment: RealmDeployment, record: Record):
        self.realms, self.record, self.folder = Realms(deployment, record), record, deployment.folder
        self.first, self.second, self.third = self.realms.all
        self.image = self.cheat = pathlib.Path()
        self.tables: list[pathlib.Path] = []
        self.sums = self.group = pathlib.Path()
        self.sums_digest = b""
        self.shares: dict[str, pathlib.Path] = {}
        self.receipts: list[tuple[str, pathlib.Path, list[Realm]]] = []
        self.evidence: list[pathlib.Path] = []  # against the party that cheats

    def steps(self):
        """(name, function) in order."""
        return [
            *((f"realm-{realm.letter}", lambda realm=realm: self.make_realm(realm)) for realm in self.realms.all),
            ("rules", self.make_rules), ("enclaves", self.start_enclaves), ("tables", self.make_tables),
            ("agree", self.agree_on_sums), ("aggregate", self.aggregate), ("input-unseen", self.input_unseen),
            ("runs-are-counted", self.one_run_too_many), ("operator-comes-back", self.operator_comes_back),
            ("led-astray-refused", self.led_astray),
            ("replay-refused", self.replayed), ("key-generation", self.generate_key),
            ("restart", self.restart_a_party), ("signature", self.sign), *Resharing(self).steps(),
            ("cheat-named", self.cheat_is_named), ("cheat-proved", self.cheat_is_proved),
            ("receipts", self.verify_receipts), ("counts", self.count),
        ]

    # --- Three realms ---

    def make_realm(self, realm: Realm) -> str:
        if realm is self.second:
            self.realms.share_the_root()
        for name, step in realm.steps():
            if name == "policy":
                self.pack_images()
                realm.images[ROLE] = self.image
            detail = step()
            if name == "unseal":
                return f"{realm.lab.realm}, authority {realm.authority_digest[:16]}..: {detail}"
        raise StepFailed("a realm without a root")

    def pack_images(self) -> None:
        """Once for all: realms agree on images by their measurements."""
        if self.image != pathlib.Path():
            return
        lab = self.first.lab
        self.image = lab.pack("analyst", "concordat-worker-lab")
        self.cheat = lab.pack("cheat", "concordat-worker-cheat-lab")

    def make_rules(self) -> str:
        measured = json.loads(self.first.lab.programs.run("concordat-lab", "measure", self.cheat).stdout)["Measurements"]
        cheat = {name: measured[name] for name in ("PCR0", "PCR1", "PCR2")} | {"PCR8": "any"}
        for realm in self.realms.all:
            realm.lab.edit_policy(lambda policy, realm=realm: self.add_rules(policy, realm, cheat))
        for realm in self.realms.all:
            realm.lab.roll_out("custodian")
        return "each policy names the other realms' authorities, roles and images, and how many runs an input may have"

    def add_rules(self, policy: dict, realm: Realm, cheat: dict) -> None:
        others = self.realms.others(realm)
        policy["images"][CHEAT] = cheat
        if realm is self.third:
            policy["roles"][ROLE]["images"].append(CHEAT)
        policy["sessions"] = {
            "sums": realm.rule(others, "sums/*", "aggregate/1", 1, [IMAGE]),
            # Here an image is let in that is known to cheat, to see it named.
            "drills": realm.rule(others, "drill/*", "aggregate/1", "any", [IMAGE, CHEAT]),
            "keys": realm.rule(others, "keys/*", "frost-keygen/1", "any", [IMAGE]),
            "signatures": realm.rule(others, "payments/*", "frost-sign/1", "any", [IMAGE]),
            "resharings": realm.rule(others, "keys/*", "frost-reshare/1", "any", [IMAGE]),
        }

    def start_enclaves(self) -> str:
        for realm in self.realms.all:
            realm.start_analyst(self.image)
        return f"{', '.join(realm.analyst.name for realm in self.realms.all)} run one image and wait for orders"

    # --- Totals ---

    def make_tables(self) -> str:
        self.tables = sample_tables.write(self.folder / "tables", len(self.realms.all), ROWS, SEED)
        return f"{len(self.tables)} tables of {ROWS} rows, made from seed {SEED}"

    def agree_on_sums(self) -> str:
        parameters = self.folder / "tables/parameters.json"
        self.sums = self.realms.agree("sums/2026-11", "aggregate/1", self.realms.all, parameters)
        authorities = [option for realm in self.realms.all for option in ("--authority", realm.authority)]
        for realm in self.realms.all:
            realm.lab.operator("session", "check", self.sums, "--as", realm.name, *authorities, "--policy",
                               realm.lab.signed_policy)
        return "one descriptor, signed by two of three signers of each realm; each realm's policy lets the others in"

    def start_all(self, session: pathlib.Path, wait: int = 60) -> list[Ordered]:
        return [self.realms.order(realm, session, "--input", table, wait=wait)
                for realm, table in zip(self.realms.all, self.tables)]

    def results(self, ordered: list[Ordered], what: str) -> list[dict]:
        """Of a run that must end well."""
        out = []
        for part in ordered:
            status, answer = part.end()
            require(status == 0, f"{what}: {part.realm.name} ended with {status}: {answer.get('error')}")
            self.receipts.append((what, part.files["receipt"], [each.realm for each in ordered]))
            out.append(answer)
        require(len({answer["run"] for answer in out}) == 1, f"{what}: the parties were in different runs")
        require(len({answer["result_sha256"] for answer in out}) == 1, f"{what}: the results differ")
        return out

    def aggregate(self) -> str:
        ordered = self.start_all(self.sums)
        answers = self.results(ordered, "aggregate")
        wanted = json.loads((self.folder / "tables/expected.json").read_text())
        for part in ordered:
            found = json.loads(part.files["result"].read_text())
            require(found == wanted, f"{part.realm.name} has {found}, not {wanted}")
            self.record.row(part.realm.name, "totals of all three tables", "what plain arithmetic over all rows gives")
        self.sums_digest = bytes.fromhex(answers[0]["digest"])
        return f"run {answers[0]['run'][:16]}..: the same result at each, equal to plain arithmetic over all {3 * ROWS} rows"

    def input_unseen(self) -> str:
        carried = 0
        for realm, table in zip(self.realms.all, self.tables):
            row = table.read_bytes().splitlines()[1]
            for lab in (each.lab for each in self.realms.all):
                for name, tap in lab.taps.items():
                    require(not tap.contains(row), f"{realm.name}'s first row passed {name}'s parent in the clear")
            tap = realm.lab.taps[realm.analyst.name]
            require(tap.bytes_carried() > table.stat().st_size, "the input did not pass where the parents were listening")
            carried += tap.bytes_carried()
        return f"no row is in the {carried:,} bytes that parents carried to the three enclaves"

    def one_run_too_many(self) -> str:
        for realm in self.realms.all:
            realm.lab.terminate(realm.analyst.name)
            realm.start_analyst(self.image)
        refused = []
        for part in self.start_all(self.sums, wait=4):
            status, answer = part.end()
            require(status == 2, f"{part.realm.name} ended with {status}: the same input was taken twice")
            refused.append(answer["code"])
        require("runs_used_up" in refused, f"refused, but not for its count: {refused}")
        self.record.row("all three", "totals of the same tables again", "refused: runs_used_up")
        return "the policies allow one run of an input; enclaves that were started anew refused the second before any moved"

    def operator_comes_back(self) -> str:
        """bank-a's operator's program is killed while its enclave waits for the others, and comes back to the run's end."""
        session = self.realms.agree("drill/back", "aggregate/1", self.realms.all, self.folder / "tables/parameters.json")
        first, *others = zip(self.realms.all, self.tables)
        lost = self.realms.order(first[0], session, "--input", first[1])
        lost.wait_for("forming")
        lost.daemon.process.kill()
        lost.daemon.process.wait()
        ordered = [self.realms.order(realm, session, "--input", table) for realm, table in others]
        back = self.realms.order(first[0], session, "--resume")
        self.results([back, *ordered], "resumed")
        status, answer = self.realms.order(first[0], session, "--resume").end()
        require(status == 2 and answer["code"] == "unknown_session", f"fetched twice: {answer}")
        self.record.row("bank-a", "the result of a run whose operator's program was killed", "fetched by --resume, once")
        return "the run went on without its operator, who fetched its result on another channel"

    # --- A parent that does its worst ---

    def led_astray(self) -> str:
        """The parent of bank-b leads what is for its enclave to bank-c's, which is attested and of the same image."""
        session = self.realms.agree("drill/astray", "aggregate/1", self.realms.all, self.folder / "tables/parameters.json")
        second, third = (self.realms.order(realm, session, "--input", table, wait=5)
                         for realm, table in zip(self.realms.all[1:], self.tables[1:]))
        for part in (second, third):
            part.wait_for("session run: forming")
        tap = self.second.lab.taps[self.second.analyst.name]
        before, tap.target = tap.target, self.third.lab.inbound(self.third.analyst.name)
        try:
            first = self.realms.order(self.first, session, "--input", self.tables[0], wait=5)
            ended = [part.end() for part in (first, second, third)]
        finally:
            tap.target = before
        for status, answer in ended:
            require(status == 2 and answer["run"] is None, f"something formed: {answer}")
        refusals = self.third.lab.console_events(self.third.analyst.name, "session_party_refused")
        refused = [event for event in refusals if "this is party 3" in event["detail"]]
        require(refused, f"{self.third.analyst.name} refused nothing for its purpose: {refusals}")
        named = ended[0][1]["named"]
        require([party["name"] for party in named][:1] == [self.second.name], f"bank-a names {named}")
        self.record.row("parent of bank-b, misleading", "a stream for bank-b taken by bank-c", f"refused: {refused[0]['code']}")
        return f"{refused[0]['detail']}; nothing formed, bank-a names {named[0]['name']}: {named[0]['why']}"

    def replayed(self) -> str:
        """What bank-a once said to bank-b, byte for byte, while a new run of that session forms."""
        # Of that session: another one's would only be turned away as unknown here.
        heard = max((stream for stream in self.second.lab.taps[self.second.analyst.name].streams
                     if b"session/1/2" in stream.forth and self.sums_digest in stream.forth),
                    key=lambda stream: len(stream.forth))
        part = self.realms.order(self.second, self.sums, "--input", self.tables[1], wait=5)
        part.wait_for("session run: forming")
        say_again(self.second.lab.inbound(self.second.analyst.name), bytes(heard.forth))
        status, answer = part.end()
        require(status == 2 and answer["run"] is None, f"somebody was seated: {answer}")
        refusals = self.second.lab.console_events(self.second.analyst.name, "session_party_refused")
        refused = [event for event in refusals if event["code"] == "box_does_not_open"]
        require(refused, f"the replay was not refused for what it is: {refusals}; bank-b's run ended with {answer}")
        self.record.row("parent of bank-b, replaying", "to be taken for bank-a", f"refused: {refused[-1]['code']}")
        return f"{len(heard.forth):,} bytes of an earlier run said again: {refused[-1]['code']}"

    # --- A key that is in no place ---

    def generate_key(self) -> str:
        session = self.realms.agree("keys/treasury", "frost-keygen/1", self.realms.all, threshold=2)
        ordered = [self.realms.order(realm, session) for realm in self.realms.all]
        answers = self.results(ordered, "key generation")
        self.group = ordered[0].files["result"]
        for part in ordered:
            self.shares[part.realm.name] = part.files["keep"]
            require(part.files["keep"].stat().st_size > 0, f"{part.realm.name} has no share")
        require(len({path.read_bytes() for path in self.shares.values()}) == 3, "two shares are the same")
        self.record.row("all three", "a key of which two are needed", "made; each share sealed by its own custodian")
        return f"run {answers[0]['run'][:16]}..: public key {self.public_key().hex()[:16]}.., three sealed shares"

    def public_key(self, path: pathlib.Path | None = None) -> bytes:
        """The second item of a group (session/protocols/frost/group_info.hpp): a byte string of 32."""
        group = (path or self.group).read_bytes()
        at = group.index(b"concordat/frost-group/1") + len(b"concordat/frost-group/1")
        require(group[at:at + 2] == b"\x58\x20", "another form of group")
        return group[at + 2:at + 34]

    def restart_a_party(self) -> str:
        lab, name = self.third.lab, self.third.analyst.name
        lab.terminate(name)
        self.third.start_analyst(self.image)
        return f"{name} was ended and started anew: of its share it has nothing but what its custodian sealed"

    def agree_to_sign(self, name: str, group: pathlib.Path, signers: list[Realm], shares: tuple[int, int]) -> pathlib.Path:
        parameters = self.folder / f"{name.replace('/', '-')}.parameters.json"
        parameters.write_text(json.dumps({"group": group.read_bytes().hex(), "message": MESSAGE.hex(),
                                          "signers": {"1": shares[0], "2": shares[1]}}))
        return self.realms.agree(name, "frost-sign/1", signers, parameters, threshold=2)

    def sign_with(self, session: pathlib.Path, signers: list[Realm], shares: dict[str, pathlib.Path], what: str) -> None:
        """Together, and openssl takes it."""
        ordered = [self.realms.order(realm, session, "--kept", shares[realm.name]) for realm in signers]
        self.results(ordered, what)
        self.verify_with_openssl(ordered[0].files["result"])

    def sign(self) -> str:
        signers = [self.first, self.third]
        self.sign_with(self.agree_to_sign("payments/fund", self.group, signers, (1, 3)), signers, self.shares, "signature")
        self.record.row("bank-a and bank-c", "a signature of their common key", "openssl: Signature Verified Successfully")
        return f"openssl takes it as a plain Ed25519 signature of {len(MESSAGE)} bytes under the common key"

    def verify_with_openssl(self, signature: pathlib.Path) -> None:
        key, message, altered = (self.folder / name for name in ("group.der", "message", "altered"))
        key.write_bytes(ED25519_HEAD + self.public_key())
        message.write_bytes(MESSAGE)
        altered.write_bytes(MESSAGE.replace(b"fund", b"mint"))
        for file, wanted in ((message, 0), (altered, 1)):
            found = run_openssl("pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", key, "-rawin", "-in", file,
                                "-sigfile", signature)
            require(found == wanted, f"openssl ended with {found}, not {wanted}, for {file.name}")

    # --- A party that cheats ---

    def cheat_is_named(self) -> str:
        lab, name = self.third.lab, self.third.analyst.name
        lab.terminate(name)
        self.third.start_analyst(self.cheat)
        session = self.realms.agree("drill/cheat", "aggregate/1", self.realms.all, self.folder / "tables/parameters.json")
        ordered = self.start_all(session)
        whys = []
        *honest, cheat = ordered
        for part in honest:
            status, answer = part.end()
            require(status == 2, f"{part.realm.name} ended with {status}: a result in spite of a cheat")
            proved = [party for party in answer["named"] if party["proved"]]
            require([party["name"] for party in proved] == [self.third.name], f"{part.realm.name} names {answer['named']}")
            self.evidence.append(pathlib.Path(f"{part.files['evidence']}.3"))
            require(self.evidence[-1].stat().st_size > 0, "no evidence was handed out")
            whys.append(proved[0]["why"])
        # Nobody talks to it any more; it would wait for the round's time.
        cheat.daemon.stop()
        require(not cheat.files["result"].exists(), "the cheat has a result")
        self.record.row("bank-c, cheating", "totals with what it did not commit to", f"named with proof: {whys[0]}")
        return f"bank-a and bank-b have no result and proof: {whys[0]}"

    def cheat_is_proved(self) -> str:
        """To whoever was not there, and has nothing but the file and the authorities' descriptors."""
        verify = self.realms.verify_evidence
        for evidence in self.evidence:
            found = verify(evidence, "--against", self.third.name)
            require(found["guilty"]["name"] == self.third.name, f"it names {found['guilty']}")
            refused = verify(evidence, "--against", self.first.name, expect=2)["code"]
            require(refused == "proof_other_party", f"taken for proof against {self.first.name}: {refused}")
        changed = self.folder / "changed"
        content = bytearray(self.evidence[0].read_bytes())
        content[-1] ^= 1
        changed.write_bytes(content)
        refused = verify(changed, expect=2)["code"]
        self.record.row("bank-a, with a changed byte", "to prove that bank-c cheats", f"refused: {refused}")
        return f"{len(self.evidence)} files prove it offline: {found['what']}; with a changed byte: {refused}"

    # --- What it came to ---

    def verify_receipts(self) -> str:
        runs = set()
        for what, receipt, parties in self.receipts:
            verified = self.realms.verify_receipt(receipt, parties)
            runs.add(verified["run"])
        require(len(runs) == 6, f"receipts of {len(runs)} runs")
        return f"{len(self.receipts)} receipts of {len(runs)} runs: every authority's signatures, every enclave's document"

    def count(self) -> str:
        self.record.isolation = self.first.record.isolation
        totals = [realm.lab.parent_status()["totals"] for realm in self.realms.all]
        self.record.counts = {
            "streams_relayed": sum(total["opened"] for total in totals),
            "bytes_relayed": sum(total["bytes_to_target"] + total["bytes_from_target"] for total in totals),
        }
        return ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in self.record.counts.items())


def run_openssl(*arguments: str | pathlib.Path) -> int:
    return subprocess.run(["openssl", *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=60).returncode
