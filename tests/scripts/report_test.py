"""deploy/lib/test_report.py: what it counts, and what it lets pass."""

import os
import pathlib
import subprocess
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["CONCORDAT_SOURCE"])


def entry(name: str, status: str = "run", inside: str = "", output: str = "") -> str:
    return f'<testcase name="{name}" status="{status}">{inside}<system-out>{output}</system-out></testcase>'


def case(name: str, inside: str = "") -> str:
    return f'<testcase classname="Suite" name="{name}" status="run">{inside}</testcase>'


class Report(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)
        (self.folder / "release").mkdir()
        self.allowed = self.folder / "allowed.txt"
        self.allowed.write_text("# why\nwalk * | no road at *\n")

    def entries(self, *entries: str) -> None:
        (self.folder / "release/ctest.junit").write_text(f"<testsuite>{''.join(entries)}</testsuite>")

    def cases(self, name: str, *cases: str) -> None:
        (self.folder / f"release/{name}.xml").write_text(
            f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>")

    def judge(self, ci: str = "") -> tuple[int, str]:
        done = subprocess.run(["/usr/bin/python3", "-B", str(SOURCE / "deploy/lib/test_report.py"), str(self.folder),
                               "--allowed", str(self.allowed), "--took", "1"],
                              capture_output=True, text=True, env={"CI": ci})
        self.assertEqual(done.stderr, "")
        return done.returncode, done.stdout

    def assertLast(self, said: str, line: str) -> None:
        self.assertEqual(said.splitlines()[-1], line)

    def test_counts_cases_and_entries(self):
        self.entries(entry("walk"), entry("ride"))
        self.cases("walk", case("A"), case("B"))
        status, said = self.judge()
        self.assertEqual(status, 0)
        self.assertLast(said, "3 passed, 0 failed, 0 skipped")

    def test_a_failed_case_fails_the_run(self):
        self.entries(entry("walk", "fail"))
        self.cases("walk", case("A"), case("B", '<failure message="fell"/>'))
        status, said = self.judge()
        self.assertEqual(status, 1)
        self.assertIn("walk Suite.B: fell", said)
        self.assertLast(said, "1 passed, 1 failed, 0 skipped")

    def test_an_entry_that_failed_after_its_last_case_fails_the_run(self):
        self.entries(entry("walk", "fail", output="LeakSanitizer"))
        self.cases("walk", case("A"))
        self.assertEqual(self.judge()[0], 1)

    def test_an_entry_that_was_not_built_fails_the_run(self):
        self.entries(entry("walk", "notrun", '<skipped message="Unable to find executable"/>'))
        status, said = self.judge()
        self.assertEqual(status, 1)
        self.assertIn("Unable to find executable", said)

    def test_a_failed_check_fails_the_run(self):
        self.entries(entry("walk"))
        (self.folder / "checks.tsv").write_text("passed\tbuild a\nfailed\tbuild b\n")
        status, said = self.judge()
        self.assertEqual(status, 1)
        self.assertIn("build b", said)

    def test_nothing_run_is_a_failure(self):
        self.entries()
        self.assertEqual(self.judge()[0], 1)

    def test_a_missing_report_is_a_failure(self):
        self.assertEqual(self.judge()[0], 1)

    def test_skips_pass_outside_ci_and_only_listed_ones_under_it(self):
        self.entries(entry("walk"), entry("ride"))
        skip = '<skipped message="file:1&#10;no road at all"/>'
        self.cases("walk", case("A"), case("B", skip))
        self.cases("ride", case("A", skip))
        self.assertEqual(self.judge()[0], 0)
        self.assertLast(self.judge()[1], "1 passed, 0 failed, 2 skipped")
        status, said = self.judge(ci="true")
        self.assertEqual(status, 1)
        self.assertIn("FAILED   release: ride Suite.A", said)
        self.assertLast(said, "1 passed, 1 failed, 1 skipped")

    def test_skips_of_other_tests_are_seen(self):
        self.entries(entry("swim", "notrun", '<skipped message="SKIP_RETURN_CODE=77"/>', "no water\n"),
                     entry("row", output="test_a (row.Row.test_a) ... skipped &#39;no boat&#39;\nOK\n"))
        status, said = self.judge(ci="true")
        self.assertEqual(status, 1)
        self.assertIn("swim: skipped, and not on the list: no water", said)
        self.assertIn("row test_a: skipped, and not on the list: no boat", said)

    def test_partial_isolation_fails_under_ci(self):
        self.entries(entry("walk", output="isolation: partial\n"))
        self.assertEqual(self.judge()[0], 0)
        self.assertEqual(self.judge(ci="true")[0], 1)


if __name__ == "__main__":
    unittest.main()
