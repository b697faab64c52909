"""Beneath a running custodian the disk fills up, and its parent goes away: what needs a durable write is refused by a
code that says so, what needs none is served all the while, and when there is room, or a parent, again, so is the rest.

The custodian is custody_process, its parent the real program with its store in SQLite.
"""

import pathlib
import resource
import shutil
import tempfile
import unittest

from custody_processes import Life, Parent, relay_of

USE_LIMIT = 100  # below 256: each use is recorded


class CustodyOutage(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="c"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.store = self.folder / "store.db"
        self.start_parent()
        self.addCleanup(lambda: self.parent.kill())
        self.life = Life(relay_of(self.folder))
        self.addCleanup(lambda: self.life.end())
        self.assertEqual(self.life.read(), ["loaded"])
        self.keys = 0
        self.assert_all_is_served()

    def start_parent(self):
        self.parent = Parent(self.folder, {"sqlite": str(self.store)})

    def ask(self, *words) -> list[str]:
        asked = self.life.ask(*words)
        answer = self.life.read()
        self.assertEqual(answer[0], asked)
        return answer[1:]

    def create(self) -> list[str]:
        self.keys += 1
        return self.ask("create", f"k/{self.keys}")

    def assert_what_needs_no_write_is_served(self):
        self.assertEqual(self.ask("sign", "implicit/signer"), ["ok"])
        self.assertEqual(self.ask("get", "implicit/key"), ["ok"])

    def assert_all_is_served(self):
        self.assert_what_needs_no_write_is_served()
        self.assertEqual(self.create(), ["ok"])
        self.assertEqual(self.ask("use", USE_LIMIT), ["ok"])

    def test_full_disk(self):
        # Nothing that is there can grow: what SQLite would write next finds no room.
        self.parent.limit_file_size(1)
        for _ in range(3):
            self.assertEqual(self.create(), ["error", "store_full"])
            self.assertEqual(self.ask("use", USE_LIMIT), ["error", "uses_not_recorded"])
            self.assert_what_needs_no_write_is_served()
        self.parent.limit_file_size(resource.RLIM_INFINITY)
        self.assert_all_is_served()
        self.assert_a_restart_finds({1, self.keys})

    def test_no_parent(self):
        self.parent.kill()
        # Refused before anything was sent: certainly not written. Otherwise it is said that it may be.
        for _ in range(3):
            self.assertIn(self.create(), (["error", "unreachable"], ["error", "outcome_unknown"]))
            self.assertEqual(self.ask("use", USE_LIMIT), ["error", "uses_not_recorded"])
            self.assert_what_needs_no_write_is_served()
        self.start_parent()
        self.assert_all_is_served()
        self.assert_a_restart_finds({1, self.keys})

    def assert_a_restart_finds(self, acknowledged: set[int]):
        self.life.end()
        self.life = Life(relay_of(self.folder))
        self.assertEqual(self.life.read(), ["loaded"])
        asked = self.life.ask("list")
        found = set()
        while (words := self.life.read()) != [asked, "ok"]:
            found.add(words[1])
        self.assertEqual(found, {f"k/{number}" for number in acknowledged})


if __name__ == "__main__":
    unittest.main()
