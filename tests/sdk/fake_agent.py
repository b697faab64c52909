"""tests/client/fake_agent_main.cpp as a context manager."""

import os
import pathlib
import subprocess

PROGRAMS = pathlib.Path(os.environ["CONCORDAT_BUILD"]) / "bin"


class FakeAgent:
    def __init__(self, socket: pathlib.Path, *denied: str):
        self.endpoint = f"unix:{socket}"
        self.process = subprocess.Popen([PROGRAMS / "fake_agent", socket, *denied], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if line != "ready\n":
            raise AssertionError(f"the agent said {line!r}")

    def __enter__(self) -> "FakeAgent":
        return self

    def __exit__(self, *_) -> None:
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()
