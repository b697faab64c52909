"""A custodian whose root the policy replaced: it ends, by itself, as refused."""

import unittest

from lab_story import open_lab


class ReplacedRoot(unittest.TestCase):
    def setUp(self):
        self.story = open_lab(self.addCleanup)
        self.lab = self.story.lab

    def pin_another_root(self):
        def change(policy: dict) -> None:
            policy["root"]["generations"][0]["commitment"] = "5a" * 32

        self.lab.edit_policy(change)
        self.lab.sign_policy()
        self.lab.push_policy()

    def test_ends_the_custodian(self):
        self.story.until_serving()
        self.pin_another_root()
        self.assertEqual(self.lab.wait_for_end("custodian"), "exit status 2")
        self.assertEqual(self.lab.wait_for_event("custodian", "ended")["code"], "wrong_root")


if __name__ == "__main__":
    unittest.main()
