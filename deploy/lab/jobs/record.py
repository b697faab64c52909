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


@dataclass
class Record:
    """Steps in the order in which they happened. With `as_json` people read standard error."""

    as_json: bool
    steps: list[Step] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
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
        rows = [Row("WHO", "ASKED FOR", "ANSWER"), *self.rows] if self.rows else []
        who, asked = (max((len(getattr(row, part)) for row in rows), default=0) for part in ("who", "asked"))
        self.say("")
        for row in rows:
            self.say(f"{row.who:<{who}}  {row.asked:<{asked}}  {row.answer}")
        self.say("")
        for name, count in self.counts.items():
            self.say(f"{name.replace('_', ' ')}: {count:,}")
        self.say(f"isolation: {self.isolation}")
        failed = [step for step in self.steps if not step.ok]
        for step in failed:
            self.say(f"FAILED: {step.name}: {step.detail}")
        if not failed:
            self.say(f"all {len(self.steps)} steps happened as they must")

    def print_json(self) -> None:
        print(json.dumps({"ok": self.ok, "isolation": self.isolation,
                          "steps": [asdict(step) for step in self.steps], "counts": self.counts}), flush=True)
