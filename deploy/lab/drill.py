#!/usr/bin/python3
"""Runs a compromise drill in the lab on this machine: facts before, what happens, what is done about it, facts after."""

import argparse
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from jobs import job  # noqa: E402  (the path above comes first)
from jobs.drills import DRILLS


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Drills:\n" + "".join(f"  {name:<16} {drill.TITLE}\n" for name, drill in DRILLS.items()) +
               "\nExamples:\n"
               "  /usr/bin/python3 deploy/lab/drill.py worker-image --bin build/release/bin\n"
               "  /usr/bin/python3 deploy/lab/drill.py restored-disk --bin build/release/bin --json\n"
               "Exit status: 0 everything happened as it must, 1 something did not, 2 wrong usage.")
    parser.add_argument("drill", choices=DRILLS, metavar="DRILL", help="one of those below")
    job.add_options(parser)
    arguments = parser.parse_args()
    drill = DRILLS[arguments.drill]
    return job.run(f"drill {arguments.drill} ({drill.TITLE})", drill, arguments)


if __name__ == "__main__":
    sys.exit(main())
