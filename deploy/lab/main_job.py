#!/usr/bin/python3
"""Runs the main job in the lab on this machine and says what happened; see deploy/lab/jobs/main_story.py.

Everything lives in one temporary folder, which is removed after a success and kept after a failure.
"""

import argparse
import json
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from jobs.deployment import Deployment  # noqa: E402  (the path above comes first)
from jobs.main_story import MainStory
from jobs.processes import Programs
from jobs.record import Record, Step, StepFailed


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Example: /usr/bin/python3 deploy/lab/main_job.py --bin build/release/bin\n"
               "Exit status: 0 everything happened as it must, 1 something did not.")
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="folder of the programs")
    parser.add_argument("--json", action="store_true", help="end with one JSON object on standard output; "
                        "progress goes to standard error")
    parser.add_argument("--keep", action="store_true", help="keep the folder after a success too")
    parser.add_argument("--earlier-steps", type=json.loads, default=[], help=argparse.SUPPRESS)
    return parser.parse_args()


def run_steps(folder: pathlib.Path, programs: pathlib.Path, record: Record) -> None:
    """Stops at the first step that fails: what follows would only fail for its sake."""
    deployment = Deployment(Programs(programs, folder / "logs"), folder)
    try:
        for name, step in MainStory(deployment, record).steps():
            try:
                record.add(name, True, step())
            except (StepFailed, OSError, KeyError, ValueError, subprocess.TimeoutExpired) as error:
                record.add(name, False, str(error) or type(error).__name__)
                break
    finally:
        deployment.close()


def stop_on_signal(number: int, _frame) -> None:
    sys.exit(128 + number)


def main() -> int:
    arguments = parse_arguments()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop_on_signal)
    record = Record(arguments.json, [Step(**step) for step in arguments.earlier_steps])
    # Short: the path of a Unix socket has at most 107 bytes.
    folder = pathlib.Path(tempfile.mkdtemp(prefix="concordat-"))
    record.say(f"main job in {folder}")
    run_steps(folder, arguments.bin, record)
    record.print_table()
    if record.ok and not arguments.keep:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        record.say(f"kept: {folder} (logs/, lab/console/)")
    if arguments.json:
        record.print_json()
    return 0 if record.ok else 1


if __name__ == "__main__":
    sys.exit(main())
