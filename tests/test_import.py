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
    "client": "client config data_plan ids prepare submit",
    "delivery": "api_errors clock future gate job kept notifier observers outcome reports "
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


@pytest.fixture(scope="module")
def loaded():
    code = """
import sys
before = {*sys.modules}
from mpfluent import Batch, Client
print(*{*sys.modules} - before)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


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
