"""A RabbitMQ of a test's own, in a folder and on ports of its own."""

import os
import shutil
import signal
import socket
import subprocess
from contextlib import closing, suppress

import pytest
from redis_server import SOON, free_port
from scenarios import eventually

PROGRAM = "/usr/lib/rabbitmq/bin/rabbitmq-server"  # the one in PATH becomes another user


class RabbitMQServer:
    """It can be stopped, frozen, and started again on the same port, with what it has kept.

    Args:
        folder: where its files are.
        settings: lines of its configuration.
    """

    def __init__(self, folder, settings=""):
        if not os.path.exists(PROGRAM):
            pytest.skip("no rabbitmq-server; write apt-get install rabbitmq-server")
        self.port, self.epmd_port = free_port(), free_port()
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}//"
        self.folder = folder
        self.log = folder / "rabbitmq.log"
        config = folder / "rabbitmq.conf"
        config.write_text(f"{settings}\n")
        (folder / "enabled_plugins").write_text("[].\n")
        node = f"mpfluent{self.port}@localhost"
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),  # where the cookie of Erlang is
            "ERL_EPMD_PORT": str(self.epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": node,
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_CONFIG_FILE": str(config),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        }
        self.processes = []

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        self._run(shutil.which("epmd"), "-port", str(self.epmd_port))
        self._run(PROGRAM)
        assert eventually(self._answers, SOON), self.log.read_text()

    def _run(self, *command):
        with self.log.open("ab") as log:
            self.processes.append(
                subprocess.Popen(
                    command,
                    cwd=self.folder,
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,  # so that its group is what it has started
                )
            )

    def stop(self):
        self.thaw()
        while self.processes:
            process = self.processes.pop()
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(SOON)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(SOON)

    def freeze(self):
        """Let it take connections, and answer nothing."""
        os.killpg(self.processes[-1].pid, signal.SIGSTOP)

    def thaw(self):
        if self.processes:
            os.killpg(self.processes[-1].pid, signal.SIGCONT)

    def _answers(self):
        assert self.processes[-1].poll() is None, self.log.read_text()
        try:
            with closing(socket.create_connection(("127.0.0.1", self.port), SOON)) as connection:
                connection.sendall(b"AMQP\x00\x00\x09\x01")
                return connection.recv(1) == b"\x01"
        except OSError:
            return False
