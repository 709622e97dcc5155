"""examples/celery_app, by the commands that its README prints."""

import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from pages import FENCE, ROOT
from redis_server import SOON, RedisServer, free_port
from scenarios import eventually

pytestmark = pytest.mark.slow
EXAMPLE = ROOT / "examples" / "celery_app"
README = (EXAMPLE / "README.md").read_text(encoding="utf-8")
FENCES = [(match["kind"], match["text"].strip()) for match in FENCE.finditer(README)]
COMMANDS = [text for kind, text in FENCES if kind == "sh"]


class Terminal:
    """A folder, and what each command prints there."""

    def __init__(self, folder, broker, **environment):
        self.folder = folder
        self.environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "C_FORCE_ROOT": "1",
            "BROKER": broker.url,
            "LOCAL_PORT": str(free_port()),
            "PORT": str(free_port()),
            **environment,
        }

    @contextmanager
    def running(self, command):
        """Run a command until the end of the block; yield what returns what it printed."""
        output = self.folder / f"{command.split()[0]}.txt"
        with output.open("ab") as file:
            process = subprocess.Popen(
                command,
                shell=True,
                cwd=self.folder,
                env=self.environment,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        try:
            yield output.read_text
        finally:
            os.killpg(process.pid, signal.SIGINT)  # Ctrl-C
            try:
                process.wait(SOON)
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()

    def visit(self, command):
        port = self.environment["PORT"]
        done = subprocess.run(
            command.replace(":8000", f":{port}"), shell=True, capture_output=True, text=True
        )
        return done.stdout


def comes(said, *lines):
    """Wait until a command has printed these lines, and hold that they were all that it said."""
    own = [line for line in lines if line]
    assert eventually(lambda: all(line in said() for line in own), SOON), said()


@pytest.fixture
def broker(tmp_path):
    (tmp_path / "redis").mkdir()
    with RedisServer(tmp_path / "redis") as running:
        yield running


@pytest.fixture
def terminal(tmp_path, broker):
    shutil.copytree(EXAMPLE, tmp_path / "celery_app")
    return Terminal(tmp_path / "celery_app", broker)


def test_the_commands_of_its_readme_bring_an_event_to_mparticle(terminal):
    install, web, worker, visit = COMMANDS
    (printed,) = [text for kind, text in FENCES if kind == "text"]

    assert install == "pip install '.[celery]' 'celery[redis]'\ncd examples/celery_app"
    with terminal.running(web) as said:
        comes(said, "Ctrl-C stops")
        with terminal.running(worker) as working:
            assert terminal.visit(visit) == "Welcome.\n"
            comes(said, *printed.replace("8000", terminal.environment["PORT"]).splitlines())
        assert "Traceback" not in working()
    own = [line for line in said().splitlines() if re.match("http|web|mParticle", line)]
    assert own == printed.replace("8000", terminal.environment["PORT"]).splitlines()


def test_what_is_sent_while_the_worker_is_stopped_arrives_when_it_starts(terminal):
    _, web, worker, visit = COMMANDS
    with terminal.running(web) as said:
        comes(said, "Ctrl-C stops")
        terminal.visit(visit)
        comes(said, "web: the visit of ada is handed_over")
        with terminal.running(worker):
            comes(said, "mParticle: Visited by ada")


def test_a_visitor_gets_the_page_while_the_broker_is_down(terminal, broker):
    _, web, _, visit = COMMANDS
    with terminal.running(web) as said:
        comes(said, "Ctrl-C stops")
        broker.stop()
        assert terminal.visit(visit) == "Welcome.\n"
        comes(said, "web: the batch was not handed over: ")
