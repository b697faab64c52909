"""What every job in the lab has around its story: options, one temporary folder, an end by signal, a record that is printed.

The folder is removed after a success and kept after a failure.
"""

import argparse
import json
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable

from jobs.deployment import Deployment
from jobs.main_story import MainStory
from jobs.processes import Programs
from jobs.record import Record, Step, StepFailed


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="folder of the programs")
    parser.add_argument("--json", action="store_true", help="end with one JSON object on standard output; "
                        "progress goes to standard error")
    parser.add_argument("--keep", action="store_true", help="keep the folder after a success too")
    parser.add_argument("--earlier-steps", type=json.loads, default=[], help=argparse.SUPPRESS)


def run_steps(story: MainStory, record: Record) -> None:
    """Stops at the first step that fails: what follows would only fail for its sake."""
    for name, step in story.steps():
        try:
            record.add(name, True, step())
        except (StepFailed, OSError, KeyError, ValueError, subprocess.TimeoutExpired) as error:
            record.add(name, False, str(error) or type(error).__name__)
            return


def stop_on_signal(number: int, _frame) -> None:
    sys.exit(128 + number)


def run(title: str, story: Callable[[Deployment, Record], MainStory], arguments: argparse.Namespace,
        kind: type[Deployment] = Deployment) -> int:
    """Exit status: 0 everything happened as it must, 1 something did not."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop_on_signal)
    record = Record(arguments.json, [Step(**step) for step in arguments.earlier_steps])
    # Short: the path of a Unix socket has at most 107 bytes.
    folder = pathlib.Path(tempfile.mkdtemp(prefix="concordat-"))
    record.say(f"{title} in {folder}")
    deployment = kind(Programs(arguments.bin, folder / "logs"), folder)
    try:
        run_steps(story(deployment, record), record)
    finally:
        deployment.close()
    record.print_table()
    if record.ok and not arguments.keep:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        record.say(f"kept: {folder} (logs/, lab/console/)")
    if arguments.json:
        record.print_json()
    return 0 if record.ok else 1
