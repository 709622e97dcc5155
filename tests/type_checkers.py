"""What mypy and pyright say of files: (file name, line) to messages."""

import json
import re
import subprocess
import sys
from pathlib import Path

# Settings of mypy: the library of the extra ``plan`` has no types.
UNTYPED = "[mypy-jsonschema.*]\nignore_missing_imports = True\n"


def errors_of_mypy(files, settings, folder, cache):
    """Return mypy's errors in files.

    Args:
        files: their paths.
        settings: the text of mypy.ini.
        folder: where it is written, and mypy runs.
        cache: the folder of what mypy found out before.
    """
    (folder / "mypy.ini").write_text(settings)
    shown = ("--no-error-summary", "--hide-error-context", "--no-pretty")
    where = ("--config-file=mypy.ini", f"--cache-dir={cache}")
    found = {}
    for line in _printed("mypy", *where, *shown, *files, cwd=folder).splitlines():
        path, number, kind, message = re.fullmatch(r"(.+?):(\d+): (\w+): (.*)", line).groups()
        if kind == "error":
            found.setdefault((Path(path).name, int(number)), []).append(message)
    return found


def errors_of_pyright(names, folder, package, **settings):
    """Return pyright's errors in files; it takes none from outside its project.

    Args:
        names: of files in the folder.
        folder: of the project.
        package: the folder in which mpfluent is.
        settings: further ones.
    """
    ours = {"include": names, "extraPaths": [str(package), "."], "pythonVersion": "3.11"}
    (folder / "pyrightconfig.json").write_text(json.dumps({**ours, **settings}))
    options = ("--outputjson", "--pythonpath", sys.executable, "--project", ".")
    report = json.loads(_printed("pyright", *options, cwd=folder))
    assert report["summary"]["filesAnalyzed"] == len(names)
    found = {}
    for entry in report["generalDiagnostics"]:
        if entry["severity"] == "error":
            place = Path(entry["file"]).name, entry["range"]["start"]["line"] + 1
            found.setdefault(place, []).append(entry["message"])
    return found


def _printed(*arguments, cwd):
    """Return what a module of this Python prints."""
    command = [sys.executable, "-m", *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout
