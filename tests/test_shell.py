"""The shell that the tests run in: nothing that it sets changes what they see."""

import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SET = {
    "VIRTUAL_ENV": "/elsewhere",
    "PYTHONPATH": "/elsewhere",
    "PYTHONWARNINGS": "default",
    "PYTHONDEVMODE": "1",
    "PYTHONSAFEPATH": "1",
    "IPYTHONDIR": "/elsewhere",
    "TERM": "xterm-256color",
    "COLUMNS": "31",
    "LINES": "5",
    "NO_COLOR": "1",
    "FORCE_COLOR": "3",
    "LC_ALL": "C",
    "LANG": "C",
    "TZ": "Asia/Kathmandu",
    "CI": "true",
    "GIT_DIR": "/elsewhere",
    "PYTEST_ADDOPTS": "--color=yes",
    "HTTP_PROXY": "http://127.0.0.1:1",
    "https_proxy": "http://127.0.0.1:1",
    "REQUESTS_CA_BUNDLE": "/elsewhere",
    "MPARTICLE_API_KEY": "key of the shell",
    "MPARTICLE_ENVIRONMENT": "production",
    "MPFLUENT_DISABLED": "1",
    "MPFLUENT_DEBUG": "1",
}
# to an active environment, to widths and colours, to keys, proxies, hooks of git, and signals
SENSITIVE = [
    "tests/builder/test_unused_warning.py::test_a_cell_of_a_notebook_shows_its_last_line_and_throws_the_others_away",
    "tests/testing/test_plugin.py::test_a_long_list_of_refusals_is_cut",
    "tests/cli/test_serve.py::test_it_says_where_it_is_what_comes_and_at_the_end_what_it_did",
    "tests/rows/test_broken_off.py::test_what_waits_for_room_at_ctrl_c_is_pending_and_comes_again",
    "tests/test_shell.py::test_the_shell_is_not_seen",
]


def test_the_shell_is_not_seen():
    kept = {"COLUMNS": "80", "TZ": "UTC"}
    seen = {name: os.environ.get(name) for name in SET if name != "IPYTHONDIR"}

    assert {name: value for name, value in seen.items() if value is not None} == kept


def test_what_a_shell_sets_changes_no_test(tmp_path):
    command = [sys.executable, "-m", "pytest", "-n0", "-q", "-p", "no:cacheprovider", *SENSITIVE]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **SET, "HOME": str(tmp_path)},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )

    assert done.returncode == 0, done.stdout
