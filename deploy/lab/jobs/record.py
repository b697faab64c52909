"""What a job has shown: steps that passed or failed, counts, and how both are printed."""

import json
import sys
from dataclasses import asdict, dataclass, field


class StepFailed(Exception):
    """A step found something else than what must be; the text says what was wanted and what was found."""


@dataclass(frozen=True)
class Step:
    name: str
    ok: bool
    detail: str


@dataclass(frozen=True)
class Row:
    """One line of the table at the end: who asked for what, and what came of it."""

    who: str
    asked: str
    answer: str


@dataclass(frozen=True)
class Fact:
    """What was so before something happened, what is so after it, and what must be."""

    name: str
    before: str
    after: str
    expected: str

    @property
    def ok(self) -> bool:
        return self.after == self.expected


@dataclass
class Record:
    """Steps in the order in which they happened. With `as_json` people read standard error."""

    as_json: bool
    steps: list[Step] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    isolation: str = "partial"
    counts: dict[str, int] = field(default_factory=dict)

    def say(self, text: str) -> None:
        print(text, file=sys.stderr if self.as_json else sys.stdout, flush=True)

    def add(self, name: str, ok: bool, detail: str) -> None:
        self.steps.append(Step(name, ok, detail))
        self.say(f"  {'ok    ' if ok else 'FAILED'} {name}: {detail}")

    @property
    def ok(self) -> bool:
        return bool(self.steps) and all(step.ok for step in self.steps)

    def row(self, who: str, asked: str, answer: str) -> None:
        self.rows.append(Row(who, asked, answer))

    def print_table(self) -> None:
        self._print_columns(("WHO", "ASKED FOR", "ANSWER"), [(row.who, row.asked, row.answer) for row in self.rows])
        self._print_columns(("", "FACT", "BEFORE", "AFTER"),
                            [(" " if fact.before == fact.after else "*", fact.name, fact.before, fact.after)
                             for fact in self.facts])
        self.say("")
        for name, count in self.counts.items():
            self.say(f"{name.replace('_', ' ')}: {count:,}")
        self.say(f"isolation: {self.isolation}")
        failed = [step for step in self.steps if not step.ok]
        for step in failed:
            self.say(f"FAILED: {step.name}: {step.detail}")
        if not failed:
            self.say(f"all {len(self.steps)} steps happened as they must")

    def _print_columns(self, head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
        if not rows:
            return
        self.say("")
        widths = [max(map(len, column)) for column in zip(head, *rows)]
        for row in (head, *rows):
            self.say("  ".join(f"{text:<{width}}" for text, width in zip(row, widths)).rstrip())

    def print_json(self) -> None:
        """One object; facts are in it where there are any."""
        facts = {"facts": [asdict(fact) for fact in self.facts]} if self.facts else {}
        print(json.dumps({"ok": self.ok, "isolation": self.isolation, "steps": [asdict(step) for step in self.steps],
                          **facts, "counts": self.counts}), flush=True)
