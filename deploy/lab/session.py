#!/usr/bin/python3
"""Runs sessions among three realms in the lab on this machine; see deploy/lab/jobs/session_realms.py."""

import argparse
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from jobs import job  # noqa: E402  (the path above comes first)
from jobs.realms import RealmDeployment
from jobs.session_realms import SessionStory


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Example: /usr/bin/python3 deploy/lab/session.py --bin build/release/bin\n"
               "Exit status: 0 everything happened as it must, 1 something did not.")
    job.add_options(parser)
    return job.run("sessions among three realms", SessionStory, parser.parse_args(), RealmDeployment)


if __name__ == "__main__":
    sys.exit(main())
