"""`kill -9` of custodian, parent, both, or etcd at any moment: every change of a key that was acknowledged is there when they
come up again, none is half there, and no grant is used more often than its limit says.

The custodian is custody_process, its parent the real program with its store in SQLite, or in a real etcd.
"""

import pathlib
import random
import shutil
import tempfile
import unittest

from custody_processes import ETCD, Etcd, Life, Parent, free_ports, relay_of

NAMES = [f"k/{i}" for i in range(40)]
MOST_COMMANDS = 10  # under way at once
USE_LIMIT = 60      # below 256: reserved one by one, so that a kill burns those under way at most
ENABLED, DISABLED, DESTROYED = "1", "2", "3"


class CustodyKill:
    ROUNDS = 0
    VICTIMS = []

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="c"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.seed = random.SystemRandom().randrange(2**32)
        self.random = random.Random(self.seed)
        self.parent = None
        self.addCleanup(self.end_parent)
        self.kept = {}        # name: (state, fingerprints), as it must be there
        self.doubts = {}      # name: command whose answer nobody got
        self.acknowledged = 0
        self.used = self.uses_in_doubt = 0

    # --- What lives ---

    def store(self) -> dict:
        raise NotImplementedError

    def start_parent(self):
        self.parent = Parent(self.folder, self.store())

    def end_parent(self):
        if self.parent is not None:
            self.parent.kill()
            self.parent = None

    def start_custodian(self) -> Life:
        life = Life(relay_of(self.folder))
        self.addCleanup(life.end)
        self.assertEqual(life.read(), ["loaded"])
        return life

    # --- What must be ---

    def check(self, life: Life):
        asked = life.ask("list")
        found = {}
        while (words := life.read()) != [asked, "ok"]:
            if words[1] == "error":
                # What stands behind its parent was killed, too, and is looked at again.
                self.assertEqual(words[2], "unreachable")
                asked = life.ask("list")
                continue
            found[words[1]] = (words[2], words[4:])
            self.assertEqual(len(words[4:]), int(words[3]))
        for name, command in self.doubts.items():
            now = found.get(name)
            self.assertTrue(now == self.kept.get(name) or self.is_result(command, self.kept.get(name), now),
                            f"{name}: {command} on {self.kept.get(name)} left {now}")
            if now is not None:
                self.kept[name] = now
        self.doubts.clear()
        self.assertEqual(set(found), set(self.kept))
        for name, (state, fingerprints) in self.kept.items():
            # A version's material is known from when it was first listed.
            known = [(new if old == "?" else old) for old, new in zip(fingerprints, found[name][1])]
            self.assertEqual(found[name], (state, known), name)
            self.kept[name] = found[name]

    @staticmethod
    def is_result(command: str, before, after) -> bool:
        if after is None:
            return False
        state, fingerprints = after
        if command == "create":
            return before is None and state == ENABLED and len(fingerprints) == 1
        if before is None:
            return False
        if command == "rotate":
            return state == before[0] and len(fingerprints) == len(before[1]) + 1
        if command == "destroy":
            return state == DESTROYED and set(fingerprints) == {"-"}
        return state == {"enable": ENABLED, "disable": DISABLED}[command] and len(fingerprints) == len(before[1])

    def after(self, command: str, before):
        if command == "create":
            return ENABLED, ["?"]
        state, fingerprints = before
        return {"rotate": (state, [*fingerprints, "?"]), "enable": (ENABLED, fingerprints),
                "disable": (DISABLED, fingerprints), "destroy": (DESTROYED, ["-"] * len(fingerprints))}[command]

    # --- What is done ---

    def choose(self) -> tuple[str, str]:
        name = self.random.choice([name for name in NAMES if name not in self.doubts])
        there = self.kept.get(name)
        if there is None:
            return name, "create"
        if there[0] == DESTROYED:
            return "", "use"
        if there[0] == DISABLED:
            return name, self.random.choice(["enable"] * 4 + ["destroy"])
        return name, self.random.choice(["rotate"] * 8 + ["disable"] * 3 + ["use"] * 2 + ["destroy"])

    def ask_some(self, life: Life, count: int) -> dict:
        asked = {}
        for _ in range(count):
            name, command = self.choose()
            if command == "use":
                asked[life.ask("use", USE_LIMIT)] = ("", "use")
                continue
            words = [command, name] + ([len(self.kept[name][1])] if command == "rotate" else [])
            self.doubts[name] = command
            asked[life.ask(*words)] = (name, command)
        return asked

    def take_answers(self, life: Life, asked: dict, count: int | None):
        """Of so many, or of all until the process's end; what stays in `asked` is in doubt."""
        while asked and count != 0:
            words = life.read()
            if words is None:
                break
            name, command = asked.pop(words[0])
            if words[1] == "ok":
                self.acknowledged += 1
                if command == "use":
                    self.used += 1
                else:
                    del self.doubts[name]
                    self.kept[name] = self.after(command, self.kept.get(name))
            elif command == "use":
                self.uses_in_doubt += words[2] != "use_limit_reached"
            count = None if count is None else count - 1
        if count is None or not asked:
            self.uses_in_doubt += sum(command == "use" for _, command in asked.values())
            asked.clear()

    def test_nothing_acknowledged_is_lost_and_no_limit_is_exceeded(self):
        with self.subTest(seed=self.seed):
            self.start_parent()
            for _ in range(self.ROUNDS):
                life = self.start_custodian()
                self.check(life)
                asked = self.ask_some(life, self.random.randrange(1, MOST_COMMANDS))
                getattr(self, "kill_" + self.random.choice(self.VICTIMS))(life, asked)
                life.end()
                if self.parent is None:
                    self.start_parent()
            self.use_up()
            self.assertGreater(self.acknowledged, self.ROUNDS)

    def take_some(self, life: Life, asked: dict):
        self.take_answers(life, asked, self.random.randrange(len(asked) + 1))

    def kill_custodian(self, life: Life, asked: dict):
        self.take_some(life, asked)
        life.kill()
        self.take_answers(life, asked, None)

    def kill_both(self, life: Life, asked: dict):
        self.take_some(life, asked)
        self.end_parent()
        life.kill()
        self.take_answers(life, asked, None)

    def kill_parent(self, life: Life, asked: dict):
        self.take_some(life, asked)
        self.end_parent()
        self.start_parent()
        self.go_on(life, asked)

    def go_on(self, life: Life, asked: dict):
        """It answers everything, and goes on by itself when what was killed is there again."""
        self.take_answers(life, asked, len(asked))
        self.check(life)
        again = self.ask_some(life, 3)
        self.take_answers(life, again, len(again))
        self.check(life)
        life.kill()

    def use_up(self):
        life = self.start_custodian()
        self.check(life)
        for _ in range(USE_LIMIT + 1):
            asked = life.ask("use", USE_LIMIT)
            words = life.read()
            self.assertEqual(words[0], asked)
            if words[1:] == ["error", "use_limit_reached"]:
                break
            self.assertEqual(words[1:], ["ok"])
            self.used += 1
        else:
            self.fail("the limit is never reached")
        self.assertLessEqual(self.used, USE_LIMIT)
        self.assertGreaterEqual(self.used, USE_LIMIT - self.uses_in_doubt, "more was burnt than was under way")


class OverSqlite(CustodyKill, unittest.TestCase):
    ROUNDS = 200
    VICTIMS = ["custodian", "custodian", "parent", "both"]

    def store(self) -> dict:
        return {"sqlite": str(self.folder / "store.db")}


@unittest.skipUnless(ETCD.exists(), "etcd is not installed")
class OverEtcd(CustodyKill, unittest.TestCase):
    ROUNDS = 40
    VICTIMS = ["custodian", "parent", "both", "etcd"]

    def setUp(self):
        super().setUp()
        self.ports = free_ports()
        self.start_etcd()
        self.addCleanup(lambda: self.etcd.kill())
        self.etcd_kills = 0

    def store(self) -> dict:
        return {"etcd": {"endpoints": [f"tcp:127.0.0.1:{self.ports[0]}"]}}

    def start_etcd(self):
        self.etcd = Etcd(self.folder, self.ports)

    def kill_etcd(self, life: Life, asked: dict):
        self.take_some(life, asked)
        self.etcd.kill()
        self.etcd_kills += 1
        self.start_etcd()
        self.go_on(life, asked)


if __name__ == "__main__":
    unittest.main()
