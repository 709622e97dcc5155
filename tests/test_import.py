"""What ``from mpfluent import Batch, Client`` loads: no more than most programs need."""

import subprocess
import sys

import pytest

# A module that is new here makes each program start later. What few of them need is imported in
# the function that needs it.
LOADED = {
    "": "builder client delivery dispatch encoding errors model sdk_names transport utils values "
    "version wire",
    "builder": "base batch commerce_verbs compiled context_verbs event_verbs merge name_clashes "
    "sealed session unused_warning",
    "client": "client config data_plan ids prepare send_all submit",
    "delivery": "api_errors clock feed future gate job kept notifier observers outcome reports "
    "retry sender settlement stats",
    "dispatch": "base",
    "encoding": "json",
    "model": "application commerce consent context device event events history record user",
    "transport": "base destination handlers",
    "utils": "counts fork interrupts introspection log options typed",
    "values": "check_failed code_cache codegen fields foreign frozen frozen_map kinds times "
    "validators",
    "wire": "body checks ids limits seal",
}
# They load when they are needed first, for each of them makes an import slower.
SLOW = (
    "argparse asyncio concurrent.futures dataclasses dateutil dis difflib email hashlib html http "
    "inspect ipaddress logging marshmallow random requests socket sqlite3 ssl traceback "
    "unicodedata urllib.request urllib3 uuid"
)


def printed(code):
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return run.stdout


@pytest.fixture(scope="module")
def loaded():
    code = """
import sys
before = {*sys.modules}
from mpfluent import Batch, Client
print(*{*sys.modules} - before)
"""
    return set(printed(code).split())


def test_batch_and_client_load_these_modules_of_ours_and_no_others(loaded):
    ours = {name for name in loaded if name.startswith("mpfluent.")}
    expected = {
        ".".join(filter(None, ("mpfluent", folder, name)))
        for folder, names in LOADED.items()
        for name in names.split()
    }

    assert ours == expected


def test_batch_and_client_load_none_of_the_slow_modules_of_others(loaded):
    assert loaded & {*SLOW.split()} == set()


# If the process forks while a worker imports, the child gets the import's lock, and nobody
# releases it. Ctrl-C within an import may leave it held, too: then every worker stops.


def test_a_worker_imports_nothing_whatever_it_has_to_do():
    code = """
import sys, threading
from mpfluent import Batch, Client, FunctionTransport, Response, Retry, ThreadedDispatcher
def note(event, arguments):
    if event == "import" and threading.current_thread() is not threading.main_thread():
        found.append(arguments[0])
found, shown = [], []
date = "Wed, 01 Jan 2020 00:00:00 GMT"
error = b'{"errors":[{"code":"BAD_REQUEST","message":"no"}]}'
answers = iter([Response(503, {"Retry-After": date}), Response(400, {}, error), Response(202)])
client = Client(
    *("key", "secret"), environment="development", retry=Retry(base=0.001),
    transport=FunctionTransport(lambda request: next(answers)),
    dispatcher=ThreadedDispatcher(flush_interval=0),
    on_failed=lambda batch, error: shown.append(f"{batch!r} {error.batch!r}"),
    on_delivered=lambda batch, response: shown.append(repr(batch)),
)
sys.addaudithook(note)
for number in range(2):
    client.send(Batch.for_user(mpid=7).event("Searched"))
    client.flush()
print(client.stats.retries, client.stats.failed, client.stats.delivered, len(shown), found)
"""

    assert printed(code) == "1 1 1 2 []\n"


def test_a_client_has_imported_what_it_sends_with():
    code = """
import sys
from mpfluent import Batch, Client, FunctionTransport, Response, Retry
answers = iter([Response(503), Response(202), Response(202)])
transport = FunctionTransport(lambda request: next(answers))
client = Client(
    *("key", "secret"), environment="development", transport=transport, retry=Retry(base=0.001)
)
batch = Batch.for_user(mpid=7).event("Searched")
before = {*sys.modules}
client.send_all([batch])
client.send(batch)
print(client.stats.retries, client.stats.delivered, {*sys.modules} - before)
"""

    assert printed(code) == "1 2 set()\n"
