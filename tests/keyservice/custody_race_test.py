"""Two custodians over one etcd, each beyond a parent of its own, rotate the same keys, use one grant and serve requests, and
are killed at any moment: no version that was acknowledged is lost, none is made twice, and both end with the same keys.
"""

import pathlib
import random
import shutil
import tempfile
import unittest

from custody_processes import ETCD, Etcd, Life, Parent, free_ports, relay_of

ROUNDS = 100
NAMES = [f"k/{i}" for i in range(6)]
MOST_COMMANDS = 12  # of each custodian, under way at once
USE_LIMIT = 200     # below 256: reserved one by one, so that a kill burns those under way at most


@unittest.skipUnless(ETCD.exists(), "etcd is not installed")
class CustodyRace(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="c"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.seed = random.SystemRandom().randrange(2**32)
        self.random = random.Random(self.seed)
        ports = free_ports()
        etcd = Etcd(self.folder, ports)
        self.addCleanup(etcd.kill)
        self.folders = [self.folder / name for name in ("a", "b")]
        for folder in self.folders:
            folder.mkdir()
            parent = Parent(folder, {"etcd": {"endpoints": [f"tcp:127.0.0.1:{ports[0]}"]}})
            self.addCleanup(parent.kill)
        self.lives = [self.start(folder) for folder in self.folders]
        self.rotated = {}       # (name, version): how often it was acknowledged
        self.fingerprints = {}  # (name, version): of its material
        self.used = self.served = self.kills = 0

    def start(self, folder: pathlib.Path) -> Life:
        life = Life(relay_of(folder))
        self.addCleanup(life.end)
        self.assertEqual(life.read(), ["loaded"])
        return life

    def versions(self, life: Life) -> dict[str, list[str]]:
        asked = life.ask("list")
        found = {}
        while (words := life.read()) != [asked, "ok"]:
            self.assertNotEqual(words[1], "error", words)
            found[words[1]] = words[4:]
        return found

    def check(self):
        """Both see the same; what was once seen of a version stays so."""
        seen = [self.versions(life) for life in self.lives]
        self.assertEqual(seen[0], seen[1])
        for name, prints in seen[0].items():
            for version, fingerprint in enumerate(prints, 1):
                self.assertEqual(self.fingerprints.setdefault((name, version), fingerprint), fingerprint)
        everything = [fingerprint for prints in seen[0].values() for fingerprint in prints]
        self.assertEqual(len(set(everything)), len(everything), "one version twice")
        for (name, version), times in self.rotated.items():
            self.assertEqual(times, 1, f"{name} version {version}: made twice")
            self.assertGreaterEqual(len(seen[0][name]), version, f"{name} version {version}: lost")
        return seen[0]

    def ask_some(self, life: Life, versions: dict[str, list[str]]) -> dict[str, tuple]:
        asked = {}
        for _ in range(self.random.randrange(1, MOST_COMMANDS)):
            name = self.random.choice(NAMES)
            command = self.random.choice(["rotate"] * 6 + ["use"] * 2 + ["sign"])
            if command == "rotate":
                newest = len(versions[name])
                asked[life.ask("rotate", name, newest)] = ("rotate", name, newest + 1)
            elif command == "use":
                asked[life.ask("use", USE_LIMIT)] = ("use",)
            else:
                # A name that nobody made a key of signs by derivation, whatever happens to the store.
                asked[life.ask("sign", f"derived/{name}")] = ("sign",)
        return asked

    def take_answers(self, life: Life, asked: dict[str, tuple]):
        while asked:
            words = life.read()
            if words is None:
                return  # killed
            what = asked.pop(words[0])
            if what[0] == "sign":
                self.assertEqual(words[1:], ["ok"])
                self.served += 1
            elif words[1] == "ok" and what[0] == "rotate":
                self.rotated[what[1:]] = self.rotated.get(what[1:], 0) + 1
            elif words[1] == "ok":
                self.used += 1

    def test_nothing_is_lost_or_made_twice(self):
        with self.subTest(seed=self.seed):
            for name in NAMES:
                asked = self.lives[0].ask("create", name)
                self.assertEqual(self.lives[0].read(), [asked, "ok"])
            for _ in range(ROUNDS):
                versions = self.check()
                asked = [self.ask_some(life, versions) for life in self.lives]
                victim = self.random.choice([None, 0, 1])
                if victim is not None:
                    self.lives[victim].kill()
                    self.kills += 1
                for life, what in zip(self.lives, asked):
                    self.take_answers(life, what)
                if victim is not None:
                    self.lives[victim].end()
                    self.lives[victim] = self.start(self.folders[victim])
            self.check()
            self.assertGreater(len(self.rotated), ROUNDS)
            self.assertGreater(self.kills, 0)
            self.assertGreater(self.served, 0)
            self.assertLessEqual(self.used, USE_LIMIT)
            print(f"{len(self.rotated)} rotations, {self.used} uses and {self.served} requests acknowledged,"
                  f" {self.kills} kills")


if __name__ == "__main__":
    unittest.main()
