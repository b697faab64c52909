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


@dataclass
class Record:
    """Steps in the order in which they happened. With `as_json` people read standard error."""

    as_json: bool
    steps: list[Step] = field(default_factory=list)
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

    def print_table(self) -> None:
        width = max(len(step.name) for step in self.steps)
        self.say("")
        for step in self.steps:
            self.say(f"{'ok' if step.ok else 'FAILED':<7}{step.name:<{width}}  {step.detail}")
        for name, count in self.counts.items():
            self.say(f"{'':<7}{name:<{width}}  {count:,}")
        self.say(f"isolation: {self.isolation}")

    def print_json(self) -> None:
        print(json.dumps({"ok": self.ok, "isolation": self.isolation,
                          "steps": [asdict(step) for step in self.steps], "counts": self.counts}), flush=True)
