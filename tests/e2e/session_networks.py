"""Sessions among three realms each of which has a network of its own, as instances have: their parents reach one another by
TCP through a switch whose wires are cut and mended while a run forms. Run it in a new network (`unshare --net`)."""

import argparse
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "deploy/lab"))
sys.dont_write_bytecode = True

from jobs import job  # noqa: E402  (the path above comes first)
from jobs.main_story import require
from jobs.processes import wait_for
from jobs.realms import Ordered, Realm, RealmDeployment
from jobs.record import Record
from jobs.session_realms import SessionStory
from networks import Network, make_switch

PORT = 7001  # of every realm's parent: each has its address
# A confirm has a document in it: whoever sent as much has told the other who it is.
A_DOCUMENT = 4000


class NetworkStory(SessionStory):
    def __init__(self, deployment: RealmDeployment, record: Record):
        super().__init__(deployment, record)
        self.networks: dict[str, Network] = {}

    def steps(self):
        """(name, function) in order."""
        wanted = {"realm-a", "realm-b", "realm-c", "rules", "enclaves", "tables", "agree", "input-unseen"}
        *before, unseen = (step for step in super().steps() if step[0] in wanted)
        return [("networks", self.make_networks), *before, ("apart", self.are_apart),
                ("cut-and-mended", self.cut_and_mended), unseen]

    def make_networks(self) -> str:
        make_switch()
        for number, realm in enumerate(self.realms.all, 1):
            network = Network(realm.name, f"10.77.0.{number}")
            realm.lab.address, realm.lab.port, realm.lab.programs.within = network.address, PORT, (*network.within, *as_user())
            self.networks[realm.name] = network
        return ", ".join(f"{name} at {network.address}:{PORT}" for name, network in self.networks.items())

    def are_apart(self) -> str:
        """Each realm's programs are in one network, which no other's are in; its enclaves in none."""
        seen = {}
        for realm in self.realms.all:
            processes = {daemon.name: daemon.process.pid for daemon in realm.lab.programs.daemons}
            found = {network_of(processes[name]) for name in ("parent", "hypervisor", "kms")}
            require(len(found) == 1, f"{realm.name}'s programs are in networks {found}")
            seen[realm.name] = found.pop()
            for enclave in ("custodian", realm.analyst.name):
                interfaces = interfaces_of(realm.lab.process_of(enclave))
                require(interfaces == ["lo"], f"{realm.name}'s {enclave} has {interfaces}")
        require(len({*seen.values(), network_of("self")}) == len(seen) + 1, f"not apart: {seen}")
        return f"{len(seen)} networks; no enclave has another interface than lo, so that all it says goes to its own parent"

    def cut_and_mended(self) -> str:
        """bank-c is cut off when bank-a has seated it, and before bank-b has."""
        first, second, third = self.realms.all
        ordered = {realm.name: self.order_sum(realm) for realm in (first, third)}
        wait_for(f"{first.name} to tell {third.name} who it is", lambda: self.has_told(third))
        self.networks[third.name].cut()
        ordered[second.name] = self.order_sum(second)
        try:
            wait_for(f"{first.name} to tell {second.name} who it is", lambda: self.has_told(second))
            failed = wait_for(f"{second.name} not to reach {third.name}", lambda: self.failures(second, third))
        finally:
            self.networks[third.name].mend()
        self.results([ordered[realm.name] for realm in self.realms.all], "totals")
        return f"while it formed {third.name} was cut off ({failed}); mended, and the run went on to its result"

    def order_sum(self, realm: Realm) -> Ordered:
        return self.realms.order(realm, self.sums, "--input", self.tables[self.realms.all.index(realm)])

    def has_told(self, realm: Realm) -> bool:
        """Whether bank-a's document was carried to that realm's enclave."""
        streams = realm.lab.taps[realm.analyst.name].streams
        return any(b"session/1/" in stream.forth and len(stream.forth) > A_DOCUMENT for stream in list(streams))

    def failures(self, realm: Realm, other: Realm) -> str:
        """How a realm's parent failed to reach another's enclave, last; empty: it did not fail."""
        target = f"enclave/{other.analyst.name}"
        told = [refusal for refusal in realm.lab.parent_status()["refusals"] if refusal["target"] == target]
        return f"{told[-1]['reason']}: {told[-1]['detail']}" if told else ""

    def input_unseen(self) -> str:
        carried = {name: network.bytes_sent() for name, network in self.networks.items()}
        for name, count in carried.items():
            require(count > A_DOCUMENT, f"{name} sent {count} bytes: its parent talked to no other")
        return f"{super().input_unseen()}; {sum(carried.values()):,} bytes passed between the networks"


def as_user() -> tuple[str, ...]:
    """Who is root in a user namespace of one user only, is a user for the lab."""
    if pathlib.Path("/proc/self/uid_map").read_text().split()[2] != "1":
        return ()
    return ("unshare", "--user", "--map-user=1000", "--map-group=1000")


def network_of(process: int | str) -> str:
    return str(pathlib.Path(f"/proc/{process}/ns/net").readlink())


def interfaces_of(process: int) -> list[str]:
    lines = pathlib.Path(f"/proc/{process}/net/dev").read_text().splitlines()[2:]
    return [line.split(":")[0].strip() for line in lines]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    job.add_options(parser)
    return job.run("sessions among realms in networks of their own", NetworkStory, parser.parse_args(), RealmDeployment)


if __name__ == "__main__":
    sys.exit(main())
