"""A Python in which a package is not installed, and what it says of the part that needs it."""

import subprocess
import sys

PROGRAM = """
import sys
sys.modules[{package!r}] = None
try:
    {statement}
except ImportError as error:
    print(type(error).__name__, "|", error, "|", error.name)
"""


def error_without(package, statement):
    """Return the error of a statement where a package is missing: kind, text and name of it."""
    code = PROGRAM.format(package=package, statement=statement)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    return done.stdout
