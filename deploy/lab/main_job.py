#!/usr/bin/python3
"""Runs the main job in the lab on this machine and says what happened; see deploy/lab/jobs/main_story.py."""

import argparse
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from jobs import job  # noqa: E402  (the path above comes first)
from jobs.main_story import MainStory


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Example: /usr/bin/python3 deploy/lab/main_job.py --bin build/release/bin\n"
               "Exit status: 0 everything happened as it must, 1 something did not.")
    job.add_options(parser)
    return job.run("main job", MainStory, parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
