"""Packages of npm that a test runs, by the manifest and lock file beside it."""

import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import unittest

BUILD_FOLDER = pathlib.Path(os.environ["CONCORDAT_SOURCE"]) / "build"


def install(manifest: pathlib.Path, name: str, package: str) -> pathlib.Path:
    """The folder whose node_modules hold `package`, shared by the presets; skips and says why when it cannot."""
    lock = (manifest / "package-lock.json").read_bytes()
    folder = BUILD_FOLDER / name / hashlib.sha256(lock).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w", encoding="utf-8") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not (folder / "installed").exists():
            for file in ("package.json", "package-lock.json"):
                shutil.copy(manifest / file, folder)
            done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder,
                                  capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise unittest.SkipTest(f"npm could not install {package}")
            (folder / "installed").touch()
    return folder
