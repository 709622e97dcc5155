"""``mpfluent serve``: what it prints, what it saves, what it refuses."""

import json
import os
import re
import signal
import socket
import subprocess
import sys

import pytest
import requests
from full_disks import disk
from internals import main
from local_servers import TOO_DEEP, answered, batch, event, post
from shell import command, start

from mpfluent.errors import brief
from mpfluent.testing import LocalServer

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is no signal to send there")


class Serving:
    """``mpfluent serve`` in a process of its own; ``lines`` is what it printed first."""

    def __init__(self, *options, **settings):
        # a shell starts what runs in its background with Ctrl-C ignored
        settings["preexec_fn"] = lambda: signal.signal(signal.SIGINT, signal.default_int_handler)
        self.process = start("serve", "--port", "0", *options, **settings)
        self.lines = [self.process.stdout.readline().rstrip("\n")]
        if "--quiet" not in options:
            self.lines.append(self.process.stdout.readline().rstrip("\n"))
        self.url = re.match(r"https?://[^ /]+", self.lines[0])[0]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def stopped(self):
        """Return what it printed until Ctrl-C ended it, and its errors; its status must be 0."""
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, err
        return out.splitlines(), err


def test_it_says_where_it_is_what_comes_and_at_the_end_what_it_did():
    with Serving() as serving:
        assert serving.lines == [
            f"{serving.url} shows what arrives; Ctrl-C stops",
            f'Client("any key", "any secret", environment="development", host="{serving.url}")',
        ]
        post(serving, batch(event(), event("b", custom_flags={"f": [1]}), source_request_id="1"))
        post(serving, batch(event(), event("b"), source_request_id="1"))
        post(serving, b"{")
        requests.post(serving.url + "/v2/events", data=b"{}", timeout=60)
        lines, err = serving.stopped()

    assert err == ""
    assert lines[0] == "202 POST /v2/events Searched, b customer_id 1"
    assert lines[1].startswith("problem: events[1].data.custom_flags['f']=[1]: ")
    assert lines[2:] == [
        "202 POST /v2/events Searched, b (a duplicate) customer_id 1",
        "400 POST /v2/events from_json(): not JSON: Expecting property name enclosed in double q…",
        "401 POST /v2/events no credentials: want the API key and its secret, by HTTP Basic",
        "1 batch, 2 events; 2 refused requests; 1 duplicate",
    ]


def test_quietly_it_prints_its_address_and_what_it_did():
    with Serving("--quiet") as serving:
        assert serving.lines == [serving.url]
        post(serving, batch(event()))
        assert serving.stopped() == (["1 batch, 1 event"], "")


EVIL = ["\x1b[2J", "\x9b2J", "\r", "\x07", "\x7f", "\u202e", "\u2028", "\x85", "\x00"]


def test_it_prints_no_control_characters_of_others():
    with Serving() as serving:
        for evil in EVIL:
            post(serving, batch(event(f"a{evil}b"), user=f"c{evil}d", ip=evil))
            with socket.create_connection(serving.url[7:].split(":"), 60) as connection:
                connection.sendall(f"PO{evil}ST /{evil} HTTP/1.1\r\n\r\n".encode())
                connection.shutdown(socket.SHUT_WR)
                connection.recv(65_536)
        lines, err = serving.stopped()

    assert err == ""
    assert all(line.isprintable() for line in lines)
    assert len(lines) > len(EVIL)


def test_many_problems_of_a_request_are_counted():
    with Serving() as serving:
        post(serving, batch(event(), user_attributes={str(number): {} for number in range(30)}))
        lines, _ = serving.stopped()

    assert len([line for line in lines if line.startswith("problem: ")]) == 20
    assert lines[-2] == "… and 10 more"


def test_it_can_be_strict_limited_and_want_a_key():
    options = ("--strict", "--rate-limit", "0.001", "--api-key", "mine", "--quiet")
    with Serving(*options) as serving:
        mine = ("mine", "secret")
        statuses = [
            post(serving, {"mpid": "7"}, auth=mine).status_code,
            post(serving, batch()).status_code,
            post(serving, batch(), auth=mine).status_code,
            post(serving, batch(), auth=mine).status_code,
        ]

    assert statuses == [400, 403, 202, 429]


def test_it_shows_what_is_not_as_planned(tmp_path):
    plan = tmp_path / "plan.json"
    plan.write_text('{"data_points": []}')
    with Serving("--data-plan", plan) as serving:
        post(serving, batch(event()))
        assert answered(serving, "counts")["violations"] == 1
        lines, _ = serving.stopped()

    assert lines[1].startswith("violation: events[0] 'Searched': is not planned; ")
    assert lines[-1] == "1 batch, 1 event; 1 violation"


def test_it_keeps_so_many_events():
    with Serving("--quiet", "--max-events", "3") as serving:
        post(serving, batch(*map(event, "abcde")))
        assert [one["name"] for one in answered(serving, "events")["events"]] == ["c", "d", "e"]
        assert answered(serving, "counts")["dropped"] == 2


def test_what_the_terminal_does_not_read_holds_up_no_answer():
    with Serving() as serving:
        serving.process.stdout.close()
        for _ in range(3):
            assert post(serving, batch(event())).status_code == 202


def test_in_one_process_it_does_the_same(tmp_path, monkeypatch, capsys):
    def interrupted(server):
        server.start()
        post(server, batch(event(), source_request_id="1"))
        post(server, batch(event(), source_request_id="1"))
        post(server, [batch(event(str(number))) for number in range(7)])
        post(server, b"{")
        raise KeyboardInterrupt

    monkeypatch.setattr(LocalServer, "serve_forever", interrupted)
    path = tmp_path / "batches.jsonl"
    options = ["--port", "0", "--token", "t", "--save", str(path), "--delay", "0.001"]
    keys = ["--api-key", "key"]
    assert main(["serve", *options, *keys]) == 0
    out, err = capsys.readouterr()
    first, client, *lines = out.splitlines()

    assert err == ""
    assert first.endswith("/?token=t shows what arrives; Ctrl-C stops")
    assert client.startswith('Client("key", "…", environment="development", host="http://127')
    assert lines[2] == "202 POST /v2/bulkevents 0, 1, 2, 3, 4 and 2 more customer_id 1"
    assert lines[-1] == (f"8 batches, 8 events; 1 refused request; 1 duplicate; 8 saved in {path}")
    assert len(saved(path)) == 8


# What it refuses


def test_a_port_that_is_taken_is_told(capsys):
    with LocalServer() as server:
        port = server.url.rpartition(":")[2]
        status = main(["serve", "--port", port])

    assert (status, capsys.readouterr().err) == (
        2,
        f"mpfluent serve: --port {port}: another program has this port; "
        "write --port 0 for any free one\n",
    )


REFUSED = {
    "--bind 0.0.0.0": "--bind 0.0.0.0: other machines could read what arrives; "
    "write --bind '0.0.0.0' --token '…'",
    "--bind 203.0.113.7 --token t": "--bind 203.0.113.7: it cannot listen there "
    "(Cannot assign requested address); write --bind 127.0.0.1",
    "--plan-version 3": "--plan-version 3: of which plan? write --data-plan plan.json",
    "--token é": "--token …: want a text of ASCII letters, digits and . _ ~ -; write --token …",
}


@pytest.mark.parametrize(("line", "message"), REFUSED.items())
def test_an_address_that_it_cannot_have_is_told(line, message, capsys):
    status = main(["serve", "--port", "0", *line.split()])

    assert (status, capsys.readouterr().err) == (2, f"mpfluent serve: {message}\n")


def test_files_that_cannot_be_opened_are_told(tmp_path, capsys):
    assert main(["serve", "--port", "0", "--save", str(tmp_path)]) == 2
    assert main(["serve", "--port", "0", "--save", ""]) == 2
    assert main(["serve", "--port", "0", "--data-plan", str(tmp_path / "no.json")]) == 2

    assert capsys.readouterr().err.splitlines() == [
        f"mpfluent serve: --save {brief(str(tmp_path))}: Is a directory; "
        "write --save batches.jsonl",
        "mpfluent serve: --save '': No such file or directory; write --save batches.jsonl",
        f"mpfluent serve: {tmp_path / 'no.json'} does not exist; download one version in "
        "mParticle's data planning, or write the path of its file",
    ]


def test_without_the_extra_a_data_plan_says_what_to_install(tmp_path, capsys, monkeypatch):
    (tmp_path / "plan.json").write_text("{}")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    status = main(["serve", "--port", "0", "--data-plan", str(tmp_path / "plan.json")])

    assert (status, capsys.readouterr().err) == (
        2,
        "mpfluent serve: mpfluent.dataplan needs jsonschema; write pip install 'mpfluent[plan]'\n",
    )


# What it saves


def saved(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_it_saves_what_it_accepts_for_send_and_check(tmp_path):
    path = tmp_path / "batches.jsonl"
    first, second = batch(event("é"), source_request_id="1"), batch(event("b"))
    for _ in range(2):  # it appends
        with Serving("--quiet", "--save", path) as serving:
            post(serving, json.dumps(first, indent=2).encode())
            post(serving, [first, second])
            post(serving, {"environment": "no"})
            lines, _ = serving.stopped()
    assert lines == [f"2 batches, 2 events; 1 refused request; 1 duplicate; 2 saved in {path}"]

    assert saved(path) == [first, second] * 2
    assert path.stat().st_mode & 0o777 == 0o600
    checked = command("check", path, "--environment", "development", "--quiet")
    assert (checked.returncode, checked.stderr) == (0, "")


def test_it_saves_nothing_that_it_cannot_read_again(tmp_path):
    path = tmp_path / "batches.jsonl"
    text = json.dumps(batch(event()))
    deep = json.dumps(batch(event(x="HERE"))).replace('"HERE"', TOO_DEEP)
    bodies = [
        text.replace(" ", "\r").encode(),
        text.encode("utf-16-le"),
        text.encode("utf-8-sig"),
        f"{deep[:-1]}\n}}".encode(),
        f"{deep[:-1]}\n}}".encode(),
    ]
    with Serving("--quiet", "--save", path) as serving:
        for body in bodies:
            assert post(serving, body).status_code == 202
        lines, err = serving.stopped()

    assert lines == [f"5 batches, 5 events; 3 saved in {path}, 2 batches not"]
    assert err == (
        f"mpfluent serve: {path}: it is nested too deeply; what arrives is shown, but not saved\n"
    )
    assert b"\r" not in path.read_bytes()
    assert saved(path) == [batch(event())] * 3


def test_it_ends_by_sigterm_as_by_ctrl_c(tmp_path):
    with Serving("--quiet", "--save", tmp_path / "b.jsonl") as serving:
        post(serving, batch(event()))
        serving.process.send_signal(signal.SIGTERM)
        out, err = serving.process.communicate(timeout=60)

    assert (serving.process.returncode, err) == (0, "")
    assert out == f"1 batch, 1 event; 1 saved in {tmp_path / 'b.jsonl'}\n"


def test_a_file_that_others_could_read_is_theirs_no_more(tmp_path):
    path = tmp_path / "batches.jsonl"
    path.write_text('{"torn": ')
    path.chmod(0o644)
    with Serving("--quiet", "--save", path) as serving:
        post(serving, batch(event()))

    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text().splitlines()[1:] == [json.dumps(batch(event()))]


def test_a_full_disk_is_told_once_and_stops_nothing(tmp_path):
    large = batch(event(custom_attributes={"a": "x" * 30_000}))
    with disk(tmp_path / "small", 65_536) as grow:
        path = tmp_path / "small" / "batches.jsonl"
        with Serving("--quiet", "--save", path) as serving:
            for _ in range(5):
                assert post(serving, large).status_code == 202
            assert answered(serving, "counts")["batches"] == 5
            grow(1_000_000)
            post(serving, batch(event("again")))
            lines, err = serving.stopped()
        whole = [line for line in path.read_bytes().splitlines() if line.endswith(b"}")]

    assert err == (
        f"mpfluent serve: {path}: No space left on device; what arrives is shown, but not saved\n"
    )
    assert lines == [f"6 batches, 6 events; 3 saved in {path}, 3 batches not"]
    assert [len(line) > 30_000 for line in whole] == [True, True, False]


def test_it_loads_no_library_that_it_does_not_need():
    code = (
        "import sys; import mpfluent.cli.serve; "
        "print(*{'requests', 'rich', 'pytest', 'jsonschema', 'sqlite3'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == []
