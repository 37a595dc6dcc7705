"""Fetch the corpus: `python -m benchmarks.governance.corpus FOLDER` downloads the wheels of packages.txt and unpacks their Python files.

Nothing of them is installed, built or imported.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

PACKAGES = Path(__file__).parent / "packages.txt"
PYTHON = "3.12"  # whose wheels are taken, whatever runs this
KEPT = (".py", "/METADATA", "/entry_points.txt")


def main(arguments: Sequence[str] | None = None) -> int:
    """Download and unpack what is missing. Returns 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.governance.corpus", description=__doc__)
    parser.add_argument("folder", type=Path, help="where one folder for each package is made")
    parser.add_argument("--wheels", type=Path, help="where the wheels are kept; FOLDER/../wheels unless told")
    options = parser.parse_args(arguments)
    wheels = options.wheels or options.folder.parent / "wheels"
    options.folder.mkdir(parents=True, exist_ok=True)
    download(wheels)
    for wheel in sorted(wheels.glob("*.whl")):
        print(f"{unpack(wheel, options.folder):6} files of {wheel.name}")
    return 0


def download(wheels: Path) -> None:
    """Let pip fetch every wheel by its hash; a package that only comes as source would have to run its build, so none is listed."""
    pip = [sys.executable, "-m", "pip"] if importlib.util.find_spec("pip") else [shutil.which("pip") or "pip"]
    command = [*pip, "download", "--quiet", "--no-deps", "--only-binary=:all:", f"--python-version={PYTHON}"]
    subprocess.run([*command, "--require-hashes", "--dest", str(wheels), "--requirement", str(PACKAGES)], check=True)


def unpack(wheel: Path, folder: Path) -> int:
    """Write a wheel's Python files to a folder named after package and version. Returns how many there are."""
    name, version = wheel.name.split("-")[:2]
    to = folder / f"{re.sub(r'[-_.]+', '-', name).lower()}-{version}"
    if to.exists():
        return sum(1 for _ in to.rglob("*.py"))
    count = 0
    with zipfile.ZipFile(wheel) as archive:
        for item in archive.infolist():
            path = PurePosixPath(item.filename)
            if item.is_dir() or ".." in path.parts or path.is_absolute() or not item.filename.endswith(KEPT):
                continue
            (to / path).parent.mkdir(parents=True, exist_ok=True)
            (to / path).write_bytes(archive.read(item))
            count += path.suffix == ".py"
    return count


if __name__ == "__main__":
    raise SystemExit(main())
