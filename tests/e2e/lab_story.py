"""What the stories are told in: a lab in a folder of its own, and what the main job does in it."""

import os
import pathlib
import shutil
import sys
import tempfile
from collections.abc import Callable

SOURCE = pathlib.Path(os.environ["CONCORDAT_SOURCE"])
PROGRAMS = pathlib.Path(os.environ["CONCORDAT_BUILD"]) / "bin"
sys.path[:0] = [str(SOURCE / folder) for folder in ("deploy/lab", "tests/support", "tests/keyring", "tests/keyservice")]

from jobs.deployment import Deployment  # noqa: E402  (the path above comes first)
from jobs.main_story import MainStory
from jobs.processes import Programs
from jobs.record import Record


def open_lab(clean_up: Callable, deployment: type[Deployment] = Deployment, story: type[MainStory] = MainStory) -> MainStory:
    """With `story.lab`, in `story.lab.folder`. `clean_up` is a case's or a class's addCleanup."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="c"))  # short: sockets live in it
    clean_up(shutil.rmtree, folder, ignore_errors=True)
    lab = deployment(Programs(PROGRAMS, folder / "logs"), folder)
    clean_up(lab.close)
    return story(lab, Record(as_json=True))
