"""A redis-server of a test's own, in a folder and on a port of its own."""

import os
import shutil
import signal
import socket
import subprocess
from contextlib import closing

import pytest
from scenarios import eventually

SOON = 60.0  # seconds after which what does not come to be has failed


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


class RedisServer:
    """It can be stopped, frozen, and started again on the same port; it keeps nothing.

    Args:
        folder: where its log is written.
        *options: of redis-server.
    """

    def __init__(self, folder, *options):
        self.program = shutil.which("redis-server")
        if self.program is None:
            pytest.skip("no redis-server; write apt-get install redis-server")
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.options = ["--port", str(self.port), "--bind", "127.0.0.1", *options]
        self.folder = folder
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        nothing_kept = ["--save", "", "--appendonly", "no"]
        with (self.folder / "redis.log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.program, *self.options, *nothing_kept],
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )
        assert eventually(self._answers, SOON), (self.folder / "redis.log").read_text()

    def stop(self):
        if self.process.poll() is None:
            self.thaw()
            self.process.terminate()
        self.process.wait(SOON)

    def freeze(self):
        """Let it take connections, and answer nothing."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def thaw(self):
        os.kill(self.process.pid, signal.SIGCONT)

    def _answers(self):
        assert self.process.poll() is None, (self.folder / "redis.log").read_text()
        try:
            with closing(socket.create_connection(("127.0.0.1", self.port), SOON)) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(1) in (b"+", b"-")  # or it wants a password first
        except OSError:
            return False
