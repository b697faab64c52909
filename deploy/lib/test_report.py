"""Reads what a run of deploy/test left in build/reports and prints the summary that decides.

A ctest entry that wrote a GoogleTest report counts by its cases, any other entry as one test.
"""

import argparse
import fnmatch
import os
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass

# What unittest prints with -v, and what any other test may print about a part of itself that it skips.
SKIP_LINE = re.compile(r"^(?P<name>\S+)(?: \([\w.]+\))?(?:\n.*)? \.\.\. skipped '(?P<reason>.*)'$"
                       r"|^SKIPPED (?P<name2>[^:]+): (?P<reason2>.*)$", re.MULTILINE)
PARTIAL_ISOLATION = re.compile(r"^isolation: partial", re.MULTILINE)


@dataclass
class Outcome:
    """One test: where and what it is, `passed`, `failed` or `skipped`, and why."""

    name: str
    verdict: str
    reason: str = ""


def gtest_outcomes(report: pathlib.Path, prefix: str) -> list[Outcome]:
    outcomes = []
    for case in ElementTree.parse(report).iter("testcase"):
        name = f"{prefix}{case.get('classname')}.{case.get('name')}"
        failure, skip = case.find("failure"), case.find("skipped")
        if failure is not None:
            outcomes.append(Outcome(name, "failed", first_line(failure.get("message") or "")))
        elif skip is not None:
            # The message begins with FILE:LINE on a line of its own.
            outcomes.append(Outcome(name, "skipped", (skip.get("message") or "").split("\n", 1)[-1].strip()))
        elif case.get("status") == "run":
            outcomes.append(Outcome(name, "passed"))
    return outcomes


def entry_outcomes(entry: ElementTree.Element, preset: str, folder: pathlib.Path) -> list[Outcome]:
    """What one ctest entry comes to."""
    name, status = entry.get("name") or "", entry.get("status")
    output = entry.findtext("system-out") or ""
    label = f"{preset}: {name}"
    if PARTIAL_ISOLATION.search(output) and under_ci():
        return [Outcome(label, "failed", "the lab's isolation is only partial")]
    skip = entry.find("skipped")
    if skip is not None and (skip.get("message") or "").startswith("SKIP_"):
        return [Outcome(label, "skipped", last_line(output))]
    report = folder / f"{name}.xml"
    cases = gtest_outcomes(report, f"{preset}: {name} ") if report.exists() else []
    if status != "run":
        failed = any(case.verdict == "failed" for case in cases)
        reason = skip.get("message") if skip is not None else last_line(output)
        return cases if failed else cases + [Outcome(label, "failed", reason or "")]
    if cases:
        return cases
    skipped = [Outcome(f"{label} {match['name'] or match['name2']}", "skipped", match["reason"] or match["reason2"])
               for match in SKIP_LINE.finditer(output)]
    return [Outcome(label, "passed"), *skipped]


def preset_outcomes(folder: pathlib.Path) -> list[Outcome]:
    junit = folder / "ctest.junit"
    if not junit.exists():
        return [Outcome(f"{folder.name}: ctest", "failed", "it left no report")]
    return [outcome for entry in ElementTree.parse(junit).iter("testcase")
            for outcome in entry_outcomes(entry, folder.name, folder)]


def check_outcomes(checks: pathlib.Path) -> list[Outcome]:
    """Builds and tools that are not ctest entries; those that passed are not counted as tests."""
    if not checks.exists():
        return []
    rows = (line.split("\t", 1) for line in checks.read_text().splitlines())
    return [Outcome(name, verdict, "see build/logs/") for verdict, name in rows if verdict == "failed"]


def allowed_skips(path: pathlib.Path) -> list[tuple[str, str]]:
    allowed = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        test, bar, reason = (part.strip() for part in text.partition("|"))
        if not (test and bar and reason):
            sys.exit(f"{path}:{number}: wants 'TEST | REASON', found '{text}'")
        allowed.append((test, reason))
    return allowed


def refuse_unlisted_skips(outcomes: list[Outcome], allowed: list[tuple[str, str]]) -> None:
    for outcome in outcomes:
        test = outcome.name.partition(": ")[2]
        if outcome.verdict == "skipped" and not any(
                fnmatch.fnmatchcase(test, name) and fnmatch.fnmatchcase(outcome.reason, reason)
                for name, reason in allowed):
            outcome.verdict, outcome.reason = "failed", f"skipped, and not on the list: {outcome.reason}"


def under_ci() -> bool:
    return os.environ.get("CI", "").lower() in ("1", "true", "yes")


def first_line(text: str) -> str:
    return text.strip().split("\n", 1)[0]


def last_line(text: str) -> str:
    return text.strip().rsplit("\n", 1)[-1]


def summarise(outcomes: list[Outcome], took: int) -> int:
    count = {verdict: sum(outcome.verdict == verdict for outcome in outcomes)
             for verdict in ("passed", "failed", "skipped")}
    print("\n== Summary ==")
    reasons: dict[str, list[str]] = {}
    for outcome in outcomes:
        if outcome.verdict == "skipped":
            reasons.setdefault(outcome.reason, []).append(outcome.name)
    for reason, names in reasons.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        print(f"skipped  {names[0]}{more}: {reason}")
    for outcome in outcomes:
        if outcome.verdict == "failed":
            print(f"FAILED   {outcome.name}: {outcome.reason}")
    print(f"took {took // 60} min {took % 60} s; logs in build/logs/, reports in build/reports/")
    nothing = not count["passed"] and not count["failed"]
    if nothing:
        print("FAILED   no test ran")
    print(f"{count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped")
    return 1 if count["failed"] or nothing else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reports", type=pathlib.Path)
    parser.add_argument("--allowed", type=pathlib.Path, required=True)
    parser.add_argument("--took", type=int, required=True, help="seconds")
    arguments = parser.parse_args()
    outcomes = check_outcomes(arguments.reports / "checks.tsv")
    for folder in sorted(path for path in arguments.reports.iterdir() if (path / "ctest.junit").exists()
                         or path.name in ("release", "asan", "tsan")):
        outcomes += preset_outcomes(folder)
    if under_ci():
        refuse_unlisted_skips(outcomes, allowed_skips(arguments.allowed))
    return summarise(outcomes, arguments.took)


if __name__ == "__main__":
    sys.exit(main())
