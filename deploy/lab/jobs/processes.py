"""Programs of the lab as child processes: started, awaited, stopped. Only children are ever signalled."""

import pathlib
import re
import subprocess
import time

from jobs.record import StepFailed

# Nothing in the lab takes nearly as long on an idle machine; a busy one may.
PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.02


def wait_for(what: str, condition, patience: float = PATIENCE_SECONDS):
    """Polls until condition() is true (and returns that value) or patience ends."""
    end = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise StepFailed(f"{what}: nothing within {patience:.0f} s")
        time.sleep(POLL_SECONDS)


def tail(path: pathlib.Path, lines: int = 6) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])


class Daemon:
    """A program that runs until stopped, its output in a log file."""

    def __init__(self, name: str, command: list[str], log: pathlib.Path):
        self.name, self.log = name, log
        with log.open("wb") as output:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)

    def wait_for_line(self, pattern: str, patience: float = PATIENCE_SECONDS) -> re.Match:
        """The first match in the log. A daemon that has ended will not write it any more."""
        def look():
            ended = self.process.poll()  # before reading: what it wrote last is then in the log
            match = re.search(pattern, self.log.read_text(errors="replace"), re.MULTILINE)
            if match is None and ended is not None:
                raise StepFailed(f"{self.name} ended with status {ended}:\n{tail(self.log)}")
            return match
        return wait_for(f"{self.name}: waiting for '{pattern}'", look)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Programs:
    """The executables of one build, and what was started from them."""

    def __init__(self, folder: pathlib.Path, logs: pathlib.Path, within: tuple[str, ...] = ()):
        """`within`: the command that runs each of them elsewhere, as nsenter does; becomes the program itself."""
        self.folder, self.logs, self.within = folder.resolve(), logs, within
        self.daemons: list[Daemon] = []

    def path(self, name: str) -> pathlib.Path:
        path = self.folder / name
        if not path.is_file():
            raise StepFailed(f"no program {path}; build it with ./deploy/quickstart --build-only")
        return path

    def run(self, name: str, *arguments: str | pathlib.Path,
            expect: int | None = 0) -> subprocess.CompletedProcess:
        """Runs to the end; another exit status than `expect` fails the step with what was printed."""
        command = [*self.within, str(self.path(name)), *map(str, arguments)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE_SECONDS)
        if expect is not None and done.returncode != expect:
            said = (done.stderr or done.stdout).decode(errors="replace").strip()
            raise StepFailed(f"'{' '.join([name, *map(str, arguments)])}' ended with {done.returncode},"
                             f" not {expect}: {said}")
        return done

    def start(self, label: str, name: str, *arguments: str | pathlib.Path) -> Daemon:
        log = self.logs / f"{label}.log"
        daemon = Daemon(label, [*self.within, str(self.path(name)), *map(str, arguments)], log)
        self.daemons.append(daemon)
        return daemon

    def stop_all(self) -> None:
        """Last started first, so that nothing complains about a lost neighbour."""
        for daemon in reversed(self.daemons):
            daemon.stop()
        self.daemons.clear()
