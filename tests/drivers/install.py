"""Puts the drivers that no Debian package has into a work directory, and builds the clients that are compiled.

Every part is optional: what cannot be had is told, and its driver is skipped by name.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent

# Where Debian keeps Go packages.
GO_PATH = "/usr/share/gocode"


def install(work):
    """Whether all of it worked."""
    work.mkdir(parents=True, exist_ok=True)
    parts = {"python": python, "node": node, "rust": rust, "java": java, "go": go}
    return all([done(name, part, work) for name, part in parts.items()])


def done(name, part, work):
    try:
        part(work)
    except (OSError, subprocess.CalledProcessError) as error:
        print("not installed: %s: %s" % (name, error), file=sys.stderr)
        return False
    return True


def run(*command, **options):
    subprocess.run([str(word) for word in command], check=True, stdout=sys.stderr, **options)


def python(work):
    venv, wanted = work / "venv", HERE / "requirements.txt"
    mark = venv / "installed"
    if mark.exists() and mark.read_text() == wanted.read_text():
        return
    mark.unlink(missing_ok=True)
    run("python3", "-m", "venv", venv)
    run(venv / "bin/pip", "install", "--quiet", "--disable-pip-version-check", "-r", wanted)
    mark.write_text(wanted.read_text())


def node(work):
    place = work / "node"
    place.mkdir(exist_ok=True)
    wanted = (HERE / "node/package.json").read_text()
    kept = place / "package.json"
    if kept.exists() and kept.read_text() == wanted and (place / "node_modules/tedious").exists():
        return
    kept.write_text(wanted)
    run("npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--silent", cwd=place)


def rust(work):
    run("cargo", "build", "--locked", "--quiet", "--manifest-path", HERE / "rust/Cargo.toml", "--target-dir", work / "rust")


def java(work):
    (work / "java").mkdir(exist_ok=True)
    run("javac", "-d", work / "java", HERE / "clients/Jtds.java")


def go(work):
    if not shutil.which("go"):
        raise OSError("no go")
    here = {**os.environ, "GO111MODULE": "off", "GOPATH": GO_PATH, "GOCACHE": str(work / "go-cache"), "GOFLAGS": ""}
    run("go", "build", "-o", work / "go-client", HERE / "clients/gomssqldb.go", env=here)
