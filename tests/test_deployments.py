"""The recipes of docs/deployments.md, as they are printed, against the real servers.

What an application sent has arrived when its server has ended, each event once, or somebody was
told. Needs the extra ``deployments``, and redis-server for the job queues; CONTRIBUTING.md has the
command.
"""

import http.client
import importlib.util
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pytest
from pages import FILE, ROOT, blocks
from redis_server import RedisServer, free_port
from stand_in import STAND_IN

from mpfluent.testing import LocalServer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here"),
]

EVENTS = 20
SOON = 60.0  # seconds after which what does not come to be has failed
PYTHON = sys.executable
RECIPES = {
    found[1]: block.text
    for page in ("docs/delivery.md", "docs/deployments.md")
    for block in blocks(ROOT / page)
    if (found := FILE.match(block.text))
}
REPORT = []


class Outcome(NamedTuple):
    """The outcome of the events of one deployment."""

    sent: int
    received: int
    duplicates: int
    reported: int  # of how many a line in the log, or a row in the outbox, says that they are left


class Project:
    """The files of a recipe in a folder, and the processes that run them."""

    def __init__(self, folder, server, in_memory):
        self.folder = folder
        self.server = server
        self.log = folder / "log.txt"
        self.count = folder / "count"
        self.count.touch()
        analytics = RECIPES["analytics.py"]
        if in_memory:  # and nothing leaves before the end
            analytics = analytics.replace('outbox=Outbox("outbox.db")', "flush_interval=60")
            assert "flush_interval=60" in analytics
        self.write("analytics.py", analytics)
        self.write("site/sitecustomize.py", STAND_IN)
        kept = ("PATH", "LANG", "LD_LIBRARY_PATH", "TMPDIR")
        self.environment = {
            **{name: os.environ[name] for name in kept if name in os.environ},
            "HOME": str(folder),
            "PYTHONPATH": os.pathsep.join([str(folder / "site"), str(folder)]),
            "PYTHONUNBUFFERED": "1",
            "MPARTICLE_API_KEY": "key",
            "MPARTICLE_API_SECRET": "secret",
            "COUNT": str(self.count),
        }

    def write(self, name, text=None):
        file = self.folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(RECIPES[name] if text is None else text, encoding="utf-8")

    @property
    def sent(self):
        return self.count.stat().st_size

    @contextmanager
    def running(self, *command):
        """Run a server; whatever happens, it and its children are gone at the end."""
        program = Path(PYTHON).parent / command[0]
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [str(program), *command[1:]],
                cwd=self.folder,
                env={**self.environment, "STAND_IN": self.server.url},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def end(self, process, how):
        process.send_signal(how)
        try:
            process.wait(SOON)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it does not end:\n{self.said}") from None

    def run(self, code, *, retake_sqlite_locks=True):
        """Run Python code in a process of its own."""
        more = {"STAND_IN": self.server.url} if retake_sqlite_locks else {}
        done = subprocess.run(
            [PYTHON, "-c", code],
            cwd=self.folder,
            env={**self.environment, **more},
            capture_output=True,
            text=True,
            timeout=SOON,
            check=False,
        )
        with self.log.open("a") as log:
            log.write(done.stdout + done.stderr)
        return done.returncode

    def wait_for(self, condition, process):
        until = time.monotonic() + SOON
        while not condition():
            assert process.poll() is None, f"it has ended:\n{self.said}"
            assert time.monotonic() < until, f"it did not come to be:\n{self.said}"
            time.sleep(0.02)

    @property
    def said(self):
        return self.log.read_text(encoding="utf-8", errors="replace")[-5000:]

    @property
    def kept(self):
        path = self.folder / "outbox.db"
        if not path.exists():
            return 0
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            return connection.execute("SELECT COUNT(*) FROM rows").fetchone()[0]

    def outcome(self, name):
        """Return the outcome of the events; the report has it, too."""
        lost = re.findall(
            r"(\d+) batch(?:es)? not delivered when the process ended, and lost", self.said
        )
        found = self.counts(self.kept + sum(map(int, lost)))
        REPORT.append((name, found))
        return found

    def deliver_rest(self):
        """Deliver what is in the outbox, as the next start of the server does."""
        assert self.run("import analytics; raise SystemExit(not analytics.client.flush(30))") == 0
        return self.counts(self.kept)

    def counts(self, reported):
        server = self.server
        return Outcome(self.sent, len(server.unique_ids), len(server.duplicates), reported)


@pytest.fixture(params=["in memory", "outbox"])
def kind(request):
    return request.param


@pytest.fixture
def project(kind, tmp_path):
    with LocalServer() as server:
        yield Project(tmp_path, server, kind == "in memory")


@pytest.fixture(scope="module", autouse=True)
def report(request):
    """Print the outcome of the events, in the order in which the deployments ran."""
    yield
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print("\n\n| deployment | sent | received | duplicates | reported |\n|---|---|---|---|---|")
        for name, found in REPORT:
            print(f"| {name} | {' | '.join(map(str, found))} |")


def needs(*packages):
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"no {', '.join(missing)}; write pip install -e '.[test,deployments]'")


def check(project, name, events=EVENTS):
    """Hold that nothing of what was sent is lost, twice there, or left without a word."""
    found = project.outcome(name)

    assert found.sent == events, project.said
    assert found.received + found.reported == found.sent, project.said
    assert found.duplicates == 0
    if (project.folder / "outbox.db").exists():
        assert project.deliver_rest() == (events, events, 0, 0), project.said
    else:
        assert found.received == found.sent, project.said


# Web servers


def get(port, path):
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=SOON)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        return answer.status


def answers(port):
    try:
        return get(port, "/") > 0
    except OSError:
        return False


def serve(project, command, how, *, reloads=False, loads=0):
    """Start a server, send events by its views, and end it, or reload it and then end it.

    Args:
        loads: how many processes of it say that they have loaded the application.
    """
    port = free_port()
    with project.running(*command.format(address=f"127.0.0.1:{port}", port=port).split()) as server:
        project.wait_for(lambda: answers(port), server)
        project.wait_for(lambda: project.said.count("WSGI app 0") >= loads, server)
        before = project.sent
        for user in range(EVENTS):
            assert get(port, f"/visits/{user}") == 200, project.said
        if reloads:
            server.send_signal(how)
            project.wait_for(lambda: len(project.server.unique_ids) >= before + EVENTS, server)
            how = signal.SIGTERM
        project.end(server, how)


GUNICORN = "gunicorn --workers 2 --bind {address}"


@pytest.mark.parametrize("reloads", [False, True], ids=["TERM", "HUP"])
@pytest.mark.parametrize("options", ["", "--preload"])
@pytest.mark.parametrize("worker", ["sync", "gthread", "gevent"])
def test_gunicorn(project, kind, worker, options, reloads):
    needs("gunicorn", "flask", "gevent")
    project.write("web.py")
    how = signal.SIGHUP if reloads else signal.SIGTERM
    serve(project, f"{GUNICORN} -k {worker} {options} web:app", how, reloads=reloads)

    check(project, f"gunicorn {worker} {options} {how.name}, {kind}")


@pytest.mark.parametrize("worker", ["sync", "gthread", "gevent"])
def test_gunicorn_whose_master_has_sent_before_it_forks(project, kind, worker):
    needs("gunicorn", "flask", "gevent")
    first = 'analytics.client.send(Batch().event("Started"))\n'
    delivered = first.replace("\n", ".wait(30)\n")
    project.write("web.py", RECIPES["web.py"] + delivered + first)
    serve(project, f"{GUNICORN} -k {worker} --preload web:app", signal.SIGTERM)

    check(project, f"gunicorn {worker} --preload, master has sent, {kind}", EVENTS + 2)


ASGI = {
    "uvicorn": "uvicorn --port {port} app:app",
    "uvicorn, 2 workers": "uvicorn --port {port} --workers 2 app:app",
    "hypercorn": "hypercorn --bind {address} app:app",
    "hypercorn, 2 workers": "hypercorn --bind {address} --workers 2 app:app",
    "gunicorn with uvicorn": f"{GUNICORN} -k uvicorn_worker.UvicornWorker app:app",
}


@pytest.mark.parametrize(
    ("server", "how"),
    [
        (server, how)
        for server in ASGI
        for how in (signal.SIGTERM, signal.SIGINT)
        if "gunicorn" not in server or how == signal.SIGTERM  # at SIGINT it may hang by itself
    ],
)
def test_asgi_servers(project, kind, server, how):
    needs("fastapi", server.split(",")[0].rpartition(" ")[2])
    project.write("app.py")
    serve(project, ASGI[server], how)

    check(project, f"{server} {how.name}, {kind}")


def test_uvicorn_whose_terminal_is_closed(project, kind):
    needs("fastapi", "uvicorn")
    (line,) = (
        block.text
        for block in blocks(ROOT / "docs/deployments.md")
        if block.text.startswith("import signal\n")
    )
    project.write("app.py", line + RECIPES["app.py"])
    serve(project, ASGI["uvicorn"], signal.SIGHUP)

    check(project, f"uvicorn SIGHUP, {kind}")


@pytest.mark.parametrize("server", ["uvicorn, 2 workers", "gunicorn with uvicorn"])
def test_asgi_servers_that_reload(project, kind, server):
    needs("fastapi", "uvicorn", "uvicorn_worker")
    project.write("app.py")
    serve(project, ASGI[server], signal.SIGHUP, reloads=True)

    check(project, f"{server} SIGHUP, {kind}")


@pytest.mark.parametrize("kind", ["outbox"], indirect=True)  # it may end without a word
@pytest.mark.parametrize(
    ("options", "sends"),  # whether it sends while it loads; which only lazy applications may
    [
        ("", False),
        ("--enable-threads", False),
        ("--enable-threads --lazy-apps", True),
        ("--threads 4", False),
        ("--threads 4 --lazy-apps", True),
        ("--gevent 10", False),
        ("--gevent 10 --gevent-monkey-patch", False),
        ("--gevent 10 --gevent-monkey-patch --lazy-apps", True),
    ],
)
def test_uwsgi(project, kind, options, sends):
    needs("flask", "gevent")
    if not (Path(PYTHON).parent / "uwsgi").exists():
        pytest.skip("no uwsgi; write pip install -e '.[test,deployments]'")
    first = 'analytics.client.send(Batch().event("Started"))\n' if sends else ""
    project.write("web.py", RECIPES["web.py"] + first)
    command = f"uwsgi --http-socket {{address}} --master --processes 2 {options} --module web:app"
    serve(project, command, signal.SIGINT, loads=1 + sends)
    name = f"uWSGI {options}{', sends while it loads' if sends else ''}, {kind}"

    check(project, name, EVENTS + 2 * sends)


# Job queues


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server.url


@pytest.fixture
def queue(project, redis):
    """A project with an empty database of redis."""
    needs("redis")
    project.environment["REDIS_URL"] = redis
    assert project.run(f"from redis import Redis; Redis.from_url('{redis}').flushall()") == 0
    return project


def work(project, command, enqueue, how=signal.SIGTERM):
    """Put a job for each event into the queue, let a worker do them all, and end it."""
    with project.running(*command.split()) as worker:
        code = f"{enqueue[0]}\nfor user in range({EVENTS}): {enqueue[1]}"
        assert project.run(code, retake_sqlite_locks=False) == 0, project.said
        project.wait_for(lambda: project.sent >= EVENTS, worker)
        project.end(worker, how)


@pytest.mark.parametrize(
    "pool",
    [
        "prefork --concurrency 2",
        "prefork --concurrency 2 --max-tasks-per-child 3",
        "threads --concurrency 4",
        "solo",
        "gevent --concurrency 10",
        "eventlet --concurrency 10",
    ],
)
def test_celery(queue, kind, pool):
    needs("celery", "gevent", "eventlet")
    queue.write("tasks.py")
    command = f"celery -A tasks worker --pool {pool}"
    work(queue, command, ("from tasks import visit", "visit.delay(str(user))"))

    check(queue, f"Celery {pool}, {kind}")


@pytest.mark.parametrize("options", ["", "--worker-class rq.SimpleWorker"])
def test_rq(queue, kind, options):
    needs("rq")
    queue.write("jobs.py")
    first = (
        "import os, jobs; from redis import Redis; from rq import Queue\n"
        "queue = Queue(connection=Redis.from_url(os.environ['REDIS_URL']))"
    )
    command = f"rq worker --url {queue.environment['REDIS_URL']} {options}"
    work(queue, command, (first, "queue.enqueue(jobs.visit, str(user))"))

    check(queue, f"RQ {options}, {kind}")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT], ids=lambda how: how.name)
@pytest.mark.parametrize("program", ["dramatiq", "dramatiq-gevent"])
def test_dramatiq(queue, kind, program, how):
    needs("dramatiq", "gevent")
    queue.write("actors.py")
    command = f"{program} actors --processes 2 --threads 4"
    work(queue, command, ("from actors import visit", "visit.send(str(user))"), how)

    check(queue, f"{program} {how.name}, {kind}")


# Processes that a user starts


@pytest.mark.parametrize("way", ["fork", "spawn", "forkserver"])
def test_multiprocessing(project, kind, way):
    project.write("pool.py")

    assert project.run(f"import pool; pool.main({way!r})") == 0, project.said
    check(project, f"multiprocessing {way}, {kind}")


SCRIPT = """
import os, analytics
from mpfluent import Batch
for user in range(5):
    analytics.client.send(Batch.for_user(customer_id=str(user)).event("Visited"))
"""


@pytest.mark.parametrize(
    "ending", ["", "raise SystemExit(0)", "analytics.client.flush(5); os._exit(0)"]
)
def test_short_processes(project, kind, ending):
    for _ in range(3):
        assert project.run(SCRIPT + ending) == 0, project.said

    check(project, f"short processes, {ending or 'the last line'}, {kind}", 15)


@pytest.mark.parametrize("kind", ["outbox"], indirect=True)
def test_what_short_processes_leave_by_os_exit_is_delivered_by_one_that_flushes(project, kind):
    for _ in range(3):
        assert project.run(f"{SCRIPT}os._exit(0)") == 0, project.said
    found = project.outcome(f"short processes, os._exit, {kind}")
    rest = project.deliver_rest()

    # what one had taken up from another just when it left may come again, under the same ids
    assert found.sent == 15
    assert found.received + found.reported >= 15
    assert (rest.received, rest.reported) == (15, 0)
