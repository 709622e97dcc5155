"""Disks that are full: a small one of its own, or a limit on the size of files."""

import resource
import signal
import subprocess
from contextlib import contextmanager

import pytest


@contextmanager
def no_file_beyond(size):
    """Let each write beyond so many bytes of a file fail, after a part of it was written."""
    before, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, hard))
        signal.signal(signal.SIGXFSZ, handler)


@contextmanager
def disk(folder, size):
    """Mount a disk of so many bytes at a folder; skip the test where nobody may."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder]
    try:
        run = subprocess.run(command, capture_output=True)
    except FileNotFoundError:
        pytest.skip("there is no mount")
    if run.returncode:
        pytest.skip(f"no file system may be mounted here: {run.stderr.decode().strip()}")
    try:
        yield lambda more: subprocess.run(
            ["mount", "-o", f"remount,size={more}", folder], check=True
        )
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
