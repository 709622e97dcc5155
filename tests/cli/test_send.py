"""``mpfluent send`` and ``mpfluent check``: from a table to the server, and the exit status."""

import json
import os
import signal

import pytest
from internals import main
from processes import SOON
from shell import command, start, wait_for

from mpfluent.testing import LocalServer, hang, status

TABLE = """\
policy,id,email,spend
P-1,1001,ann@example.com,19.90
P-2,1002,,
P-3,1003,cy@example.com,twelve
P-4,,,8.00
P-1,1001,ann@example.com,19.90
"""
MAPPING = """\
key = ["policy"]
job = "policies 2026-11"
[user]
customer_id = "id"
email = "email"
[user_attributes]
spend = { column = "spend", as = "number" }
[[event]]
verb = "event"
name = "Policy imported"
"""
FUNCTIONS = """\
from mpfluent import Batch
def imported(row):
    return Batch.for_user(customer_id=row.text("id")).event("Policy imported")
def broken(row):
    return {}["spend"]
def stopped(row):
    raise KeyboardInterrupt
def misspelt(row):
    return Batch.for_user(costumer_id=row.text("id"))
def foreign(row):
    import json
    return json.loads("{")
def ends(row):
    raise SystemExit(0)
def ends_badly(row):
    raise SystemExit(143)
"""
SEND = ("send", "policies.csv", "--map", "policies.toml", "--environment", "development")
CHECK = ("check", "policies.csv", "--map", "policies.toml")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder with a table and a mapping, and a shell with keys."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPARTICLE_API_KEY", "key")
    monkeypatch.setenv("MPARTICLE_API_SECRET", "secret")
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "policies.csv").write_text(TABLE)
    (tmp_path / "policies.toml").write_text(MAPPING)
    (tmp_path / "shop_jobs.py").write_text(FUNCTIONS)
    return tmp_path


def good(folder, count=3):
    """Make a table that has nothing wrong in it."""
    rows = "".join(f"P-{number},{number},,\n" for number in range(count))
    (folder / "policies.csv").write_text(f"policy,id,email,spend\n{rows}")


def run(capsys, *arguments):
    """Return a command's status, and the lines that it printed on either stream."""
    code = main([*arguments])
    out, err = capsys.readouterr()
    return code, out.splitlines(), err.splitlines()


# What is sent


def test_all_delivered_is_status_0(folder, capsys, mparticle):
    good(folder)

    code, out, err = run(capsys, *SEND)

    assert (code, err) == (0, [])
    assert [line.split()[:2] for line in out[:2]] == [["rows", "3"], ["delivered", "3"]]
    assert [batch.user_identities.customer_id for batch in mparticle.batches] == ["0", "1", "2"]


def test_a_row_that_is_rejected_is_status_1_and_is_told_with_its_place(capsys, mparticle):
    code, out, _ = run(capsys, *SEND)

    assert code == 1
    assert out[6:10] == [
        "",
        "not delivered:",
        "policies.csv:4  invalid  spend='twelve': want a number, such as 19.90",
        "policies.csv:5  nobody   the row identifies nobody; write --allow-nobody to send it",
    ]
    assert len(mparticle.batches) == 2


def test_a_batch_that_mparticle_refuses_is_status_1(folder, capsys, mparticle):
    good(folder, 1)
    mparticle.script(status(400, body='{"errors": [{"code": "BAD", "message": "no"}]}'))

    code, out, _ = run(capsys, *SEND)

    assert code == 1
    assert "policies.csv:2  rejected  mParticle answered 400 BAD: no" in out


def test_a_refused_key_is_status_2(folder, capsys, mparticle, monkeypatch):
    good(folder)
    monkeypatch.setenv("MPARTICLE_API_SECRET", "wrong")

    code, out, err = run(capsys, *SEND)

    assert code == 2
    assert err[-1] == (
        "mpfluent send: mParticle answered 403 Forbidden; check MPARTICLE_API_KEY and "
        "MPARTICLE_API_SECRET, and that --pod is the workspace's"
    )
    assert out[0].split()[0] == "rows"


def test_the_same_line_sends_the_same_ids(folder, capsys, mparticle):
    good(folder)
    run(capsys, *SEND)
    run(capsys, *SEND)

    assert len(mparticle.batches) == 3
    assert sorted(mparticle.duplicates) == sorted(mparticle.unique_ids)


def test_a_key_and_a_job_on_the_line_win_over_those_of_the_file(folder, capsys, mparticle):
    good(folder)
    run(capsys, *SEND)
    run(capsys, *SEND, "--job", "another")
    run(capsys, *SEND, "--key", "id", "--key", "policy")
    run(capsys, *SEND, "--key", "policy", "--job", "policies 2026-11")

    assert len(mparticle.batches) == 9
    assert len(mparticle.duplicates) == 3


def test_options_reach_the_batches(folder, capsys, mparticle):
    good(folder, 5)

    code, _, _ = run(
        capsys, *SEND, "--data-plan-id", "main", "--data-plan-version", "3", "--limit", "2"
    )

    assert code == 0
    assert len(mparticle.batches) == 2
    assert {batch.environment for batch in mparticle.batches} == {"development"}
    plan = mparticle.batches[0].context.data_plan
    assert (plan.plan_id, plan.plan_version) == ("main", 3)


def test_rows_of_one_user_travel_together_if_they_are_to(folder, capsys, mparticle):
    (folder / "policies.csv").write_text("policy,id,email,spend\nP-1,1,,\nP-2,1,,\nP-3,2,,\n")

    assert run(capsys, *SEND, "--grouped-by", "id")[0] == 0
    assert [len(batch.events) for batch in mparticle.batches] == [2, 1]


def test_a_function_says_what_a_row_means(folder, capsys, mparticle):
    line = [word.replace("policies.toml", "shop_jobs:imported") for word in SEND]

    code, out, _ = run(capsys, *line, "--key", "policy", "--job", "j", "--allow-nobody")

    assert code == 0 if len(mparticle.batches) == 4 else out
    assert out[-1] != ""


def test_a_checkpoint_lets_the_next_run_go_on(folder, capsys, mparticle):
    good(folder)
    run(capsys, *SEND, "--checkpoint", "policies.checkpoint")
    requests = len(mparticle.requests)

    code, out, _ = run(capsys, *SEND, "--checkpoint", "policies.checkpoint")

    assert code == 0
    assert len(mparticle.requests) == requests
    assert any(line.startswith("resumed") for line in out)


def test_what_is_not_delivered_is_written_with_the_reason(folder, capsys, mparticle):
    run(capsys, *SEND, "--rejects", "rejects.jsonl")

    lines = [json.loads(line) for line in (folder / "rejects.jsonl").read_text().splitlines()]
    assert [line["reason"] for line in lines] == ["invalid", "nobody"]


def test_too_many_rejects_end_the_run_with_status_1(folder, capsys, mparticle):
    code, _, err = run(capsys, *SEND, "--rejects", "rejects.jsonl", "--stop-after", "1")

    assert code == 1
    assert err[-1].startswith("mpfluent send: 2 rows failed or were rejected, and --stop-after 1;")
    code, _, err = run(capsys, *SEND, "--rejects", "rejects.jsonl", "--stop-after", "0")
    assert code == 1
    assert err[-1].startswith("mpfluent send: 1 row failed or was rejected, and --stop-after 0;")


FORMATS = {
    "rows.tsv": (TABLE.replace(",", "\t"), []),
    "rows.jsonl": ('{"policy": "P-1", "id": 7}\n{"policy": "P-2", "id": 8}\n', []),
    "rows.ndjson": ('{"policy": "P-1", "id": 7}\n', []),
    "rows.txt": (TABLE.replace(",", ";"), ["--format", "csv", "--delimiter", ";"]),
    "rows.data": ('{"policy": "P-1", "id": 7}\n', ["--format", "jsonl"]),
}


@pytest.mark.parametrize(("name", "rest"), FORMATS.items(), ids=FORMATS)
def test_the_name_of_a_file_says_its_format_or_an_option_does(name, rest, folder, capsys):
    content, options = rest
    (folder / name).write_text(content)

    _, out, err = run(capsys, "check", name, "--map", "policies.toml", *options)

    assert err == []
    assert int(out[1].split()[-1]) >= 1


def test_a_parquet_file_is_read(folder, capsys):
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(arrow.table({"policy": ["P-1"], "id": [7]}), folder / "rows.parquet")
    (folder / "p.toml").write_text('[user]\ncustomer_id = "id"\n')

    assert run(capsys, "check", "rows.parquet", "--map", "p.toml")[0] == 0


def test_without_a_mapping_the_files_hold_batches(folder, capsys, mparticle):
    (folder / "batches.jsonl").write_text(
        '{"source_request_id": "b-1", "user_identities": {"customer_id": "1"}, "new": 1}\n'
    )
    line = ("send", "batches.jsonl", "--environment", "development")

    assert run(capsys, *line)[0] == 1  # a field that mpfluent does not know
    assert run(capsys, *line, "--ignore-unknown")[0] == 0
    assert mparticle.unique_ids == ["b-1"]


# Checking


def test_a_check_needs_no_keys_and_sends_nothing(folder, capsys, mparticle, monkeypatch):
    monkeypatch.delenv("MPARTICLE_API_KEY")
    good(folder)

    assert run(capsys, *CHECK)[0] == 0
    assert run(capsys, *SEND, "--dry-run", "--rejects", "r", "--checkpoint", "c")[0] == 0
    assert mparticle.requests == []
    assert sorted(file.name for file in folder.glob("[rc]")) == []


def test_a_check_that_finds_something_is_status_1(capsys):
    code, out, _ = run(capsys, *CHECK)

    assert code == 1
    assert [line.split()[:3] for line in out[:3]][1:] == [
        ["to", "be", "sent"],
        ["rejected", "2", "1"],
    ]


def test_the_rate_limit_says_how_long_it_would_take(folder, capsys):
    good(folder, 100)

    _, out, _ = run(capsys, *CHECK, "--rate-limit", "10")

    assert out[3].endswith(" 10 s at the rate limit")


# Mistakes


MISTAKES = {
    "no environment": (
        SEND[:4],
        "the batch has no environment; write --environment development, or production",
    ),
    "no such environment": (
        [*SEND[:5], "prod"],
        "--environment prod: not an environment; did you mean 'production'? "
        "(development, production)",
    ),
    "no such pod": (
        [*SEND, "--pod", "eu2"],
        "--pod eu2: not a pod; did you mean 'eu1'? (us1, us2, eu1, au1)",
    ),
    "plain http": (
        [*SEND, "--host", "http://example.com"],
        "--host http://example.com: plain http would show the secret on the way, and goes to this "
        "machine only; write --host https://example.com",
    ),
    "no mapping": (
        ["check", "policies.csv"],
        "policies.csv: rows need --map, which says what they mean; write --map policies.toml",
    ),
    "no mapping, but a format": (
        ["check", "policies.csv", "--format", "csv"],
        "--format csv: rows need --map, which says what they mean; write --map policies.toml",
    ),
    "no such mapping": (
        ["check", "policies.csv", "--map", "polices.toml"],
        "polices.toml does not exist; did you mean 'policies.toml'?",
    ),
    "no such function": (
        ["check", "policies.csv", "--map", "shop_jobs:imprted"],
        "--map shop_jobs:imprted: shop_jobs has no function 'imprted'; did you mean 'imported'?",
    ),
    "a function that raises": (
        ["check", "policies.csv", "--map", "shop_jobs:broken"],
        "policies.csv:2: shop_jobs:broken raised KeyError: 'spend'; nothing more was read "
        "(shop_jobs.py, line 5)",
    ),
    "a function with a mistake": (
        ["check", "policies.csv", "--map", "shop_jobs:misspelt"],
        "policies.csv:2: for_user() has no field 'costumer_id'; did you mean 'customer_id'?",
    ),
    "standard input": (
        ["send", "-", "--map", "policies.toml", "--environment", "development"],
        "-: standard input can be read only once; write it into a file first",
    ),
    "no such file": (
        ["check", "polices.csv", "--map", "policies.toml"],
        "polices.csv: there is no such file in '{folder}'; did you mean 'policies.csv'?",
    ),
    "no format": (
        ["check", "policies.xlsx", "--map", "policies.toml"],
        "policies.xlsx: its name does not say its format; write --format csv, or tsv, jsonl, "
        "parquet, batches",
    ),
    "two formats": (
        ["check", "policies.csv", "rows.jsonl", "--map", "policies.toml"],
        "policies.csv and rows.jsonl have different formats; send them one after the other",
    ),
    "a column that is not there": (
        [*CHECK, "--key", "polcy"],
        "--key polcy: policies.csv has no column 'polcy'; did you mean 'policy'?",
    ),
    "a key without a job": (
        ["check", "policies.csv", "--map", "shop_jobs:imported", "--key", "policy"],
        "--key policy: ids need a job, too, which is what is sent once; "
        'write --job "policies 2026-11"',
    ),
    "a job without a key": (
        ["check", "policies.csv", "--map", "shop_jobs:imported", "--job", "j"],
        '--job j: ids need a key, too, which tells the rows apart; write --key "Policy Number"',
    ),
    "a zone that is not there": (
        [*CHECK, "--tz", "Europe/Lodnon"],
        "--tz Europe/Lodnon: no such time zone; did you mean 'Europe/London'?",
    ),
    "two letters between cells": (
        [*CHECK, "--delimiter", ";;"],
        "--delimiter ';;': want one letter; write --delimiter ';'",
    ),
    "an option of another format": (
        [*CHECK, "--ignore-unknown"],
        "--ignore-unknown is for batches, and these files are csv; leave it out, or write --format",
    ),
    "nobody in batches": (
        ["send", "rows.jsonl", "--environment", "development", "--allow-nobody"],
        "--allow-nobody is for rows that --map makes batches of, and these are batches; "
        "leave it out",
    ),
    "Parquet under another name": (
        ["check", "frame.csv", "--map", "policies.toml"],
        "frame.csv: it is a Parquet file; write --format parquet",
    ),
    "a delimiter of tabs": (
        [*CHECK, "--format", "tsv", "--delimiter", ","],
        "--delimiter is for csv, and these files are tsv; leave it out, or write --format",
    ),
    "a version without a plan": (
        [*CHECK, "--data-plan-version", "3"],
        "--data-plan-version 3: of which plan? write --data-plan-id main",
    ),
    "rejects nowhere": (
        [*SEND, "--rejects", "no/where.jsonl"],
        "--rejects no/where.jsonl: cannot be written: No such file or directory; nothing was sent",
    ),
    "a limit of rejects without a file": (
        [*SEND, "--stop-after", "1"],
        "--stop-after 1: it needs a place for the rejects; write --rejects rejects.jsonl",
    ),
    "a checkpoint that is none": (
        [*SEND, "--checkpoint", "policies.toml"],
        "--checkpoint policies.toml: the file is no checkpoint of mpfluent; "
        "write another path, or delete the file to begin at the first row",
    ),
}


@pytest.mark.parametrize(("line", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_status_2_and_one_line_in_the_words_of_a_shell(
    line, message, folder, capsys, mparticle
):
    (folder / "rows.jsonl").write_text("{}\n")
    (folder / "frame.csv").write_bytes(b"PAR1\x15")

    code, out, err = run(capsys, *line)

    assert (code, out) == (2, [])
    assert err == [f"mpfluent {line[0]}: {message.format(folder=folder)}"]
    assert mparticle.requests == []


@pytest.mark.parametrize("name", ["MPARTICLE_API_KEY", "MPARTICLE_API_SECRET"])
def test_a_key_that_is_missing_is_status_2_and_the_line_to_write(name, capsys, monkeypatch):
    monkeypatch.delenv(name)

    assert run(capsys, "send", "policies.csv") == (
        2,
        [],
        [f"mpfluent send: {name} is missing; write export {name}='…'"],
    )


@pytest.mark.parametrize("path", ["policies.csv", "policies.toml", "pipe", "."])
def test_a_report_does_not_replace_another_file(path, folder, capsys, mparticle):
    os.mkfifo("pipe")  # stands for a device, which only root could lose

    code, _, err = run(capsys, *SEND, "--report", path)

    assert (code, err) == (
        2,
        [
            f"mpfluent send: --report {path}: this is no report, and would be lost; "
            "write the path of a new file"
        ],
    )
    assert (folder / "policies.csv").read_text() == TABLE
    assert (folder / "policies.toml").read_text() == MAPPING
    assert (folder / "pipe").is_fifo()
    assert mparticle.requests == []


def test_a_report_that_cannot_be_written_is_told_before_anything_is_sent(capsys, mparticle):
    code, _, err = run(capsys, *SEND, "--report", "no/where.json")

    assert (code, err) == (
        2,
        [
            "mpfluent send: --report no/where.json: cannot be written: No such file or directory; "
            "write another path"
        ],
    )
    assert mparticle.requests == []


def test_rejects_do_not_go_into_the_report_or_the_mapping(folder, capsys, mparticle):
    for name in ("r.json", "policies.toml"):
        extra = ("--report", "r.json") if name == "r.json" else ()
        code, _, err = run(capsys, *SEND, "--rejects", name, *extra)

        assert (code, err) == (
            2,
            [
                f"mpfluent send: --rejects {name}: the file is there, and is no rejects file; "
                "write the path of a new one"
            ],
        )
    assert (folder / "policies.toml").read_text() == MAPPING
    assert mparticle.requests == []


@pytest.mark.parametrize("verb", [SEND, CHECK])
def test_a_mapping_that_ends_the_program_is_a_mistake_and_no_success(capsys, verb, folder):
    for name, wanted, said in (
        ("ends", 2, "ended by sys.exit(0); write return None to skip a row"),
        ("ends_badly", 143, "ended by sys.exit(143)"),
    ):
        arguments = [*verb[:3], f"shop_jobs:{name}", *verb[4:], "--report", "report.json"]
        code, _, err = run(capsys, *arguments)

        assert (code, err[-1]) == (wanted, f"mpfluent {verb[0]}: {said}")
        assert json.loads((folder / "report.json").read_text())["status"] == wanted


def test_the_place_in_code_is_the_users_own_and_no_librarys(capsys):
    code, _, err = run(capsys, "check", "policies.csv", "--map", "shop_jobs:foreign")

    assert code == 2
    assert err[-1].endswith("nothing more was read (shop_jobs.py, line 12)")


def test_what_was_rejected_without_a_rejects_file_is_no_success_the_next_time(capsys, mparticle):
    line = (*SEND, "--checkpoint", "c", "--quiet")
    first, (again, _, err) = run(capsys, *line)[0], run(capsys, *line)

    assert (first, again) == (1, 1)
    assert err == ["mpfluent send: of 5 rows, 2 rejected by an earlier run"]


# Output


def test_ctrl_c_ends_a_check_with_status_130_and_the_report_until_then(capsys):
    code, out, err = run(capsys, "check", "policies.csv", "--map", "shop_jobs:stopped")

    assert (code, err) == (130, ["mpfluent check: interrupted"])
    assert [line.split()[0] for line in out] == ["rows", "to", "rejected", "batches"]


def test_quiet_prints_only_what_is_wrong(folder, capsys, mparticle):
    assert run(capsys, *SEND, "--quiet") == (
        1,
        [],
        ["mpfluent send: of 5 rows, 2 rejected (1 invalid, 1 nobody)"],
    )
    good(folder)
    assert run(capsys, *SEND, "--quiet") == (0, [], [])


def test_the_report_for_machines_is_private_and_has_the_status(folder, capsys, mparticle):
    run(capsys, *SEND, "--report", "report.json")

    report = json.loads((folder / "report.json").read_text())
    assert (folder / "report.json").stat().st_mode & 0o777 == 0o600
    assert (report["status"], report["rows"], report["delivered"]) == (1, 5, 2)
    assert report["rejected_by_reason"] == {"invalid": 1, "nobody": 1}
    assert report["error"] is None
    assert report["bytes"] is None  # nobody counted them
    run(capsys, *CHECK, "--report", "report.json")
    assert json.loads((folder / "report.json").read_text())["bytes"] > 0


def test_the_report_for_machines_has_the_error_that_ended_the_run(folder, capsys):
    run(capsys, "check", "policies.csv", "--report", "report.json")

    report = json.loads((folder / "report.json").read_text())
    assert report["status"] == 2
    assert report["error"].startswith("policies.csv: rows need --map")


def test_a_reader_that_goes_away_is_no_traceback(folder):
    with start(*CHECK, cwd=folder, stdout=-1) as process:
        process.stdout.close()
        err = process.stderr.read()

    assert err == ""
    assert process.returncode == 1


# Ctrl-C


def test_ctrl_c_prints_the_report_saves_a_checkpoint_and_is_status_130(folder, capsys):
    good(folder, 150)
    with LocalServer() as server:
        server.script(202, hang(SOON))
        line = (*SEND, "--host", server.url, "--rate-limit", "100000")
        process = start(*line, "--checkpoint", "c", "--report", "report.json", cwd=folder)
        wait_for(lambda: len(server.requests) == 2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=SOON)

        assert process.returncode == 130
        assert "Traceback" not in err
        said = "mpfluent send: interrupted; write the same line again to go on from c\n"
        assert err.endswith(said)
        assert [line.split()[:2] for line in out.splitlines()[:2]] == [
            ["rows", "100"],
            ["delivered", "100"],
        ]
        assert "pending" in out
        assert json.loads((folder / "report.json").read_text())["status"] == 130
        assert json.loads((folder / "c").read_text())["rows"] == 100

        server.script()
        done = command(*line, "--checkpoint", "c", cwd=folder)
        assert done.returncode == 0, done.stderr
        assert len(server.batches) == 150
        assert server.duplicates == []
