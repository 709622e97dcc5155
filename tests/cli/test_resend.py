"""``mpfluent resend``: what was rejected or failed, once more; nothing is lost on the way."""

import json
import os
import signal

import pytest
from internals import files, main
from processes import SOON
from shell import start, wait_for

from mpfluent import RequestsTransport
from mpfluent.testing import LocalServer, hang, status

TABLE = "policy,id,spend\nP-1,1001,1\nP-2,1002,2\nP-3,1003,three\n"
MAPPING = """\
key = ["policy"]
job = "policies 2026-11"
[user]
customer_id = "id"
[user_attributes]
spend = { column = "spend", as = "number" }
"""
SEND = ("send", "policies.csv", "--map", "policies.toml", "--environment", "development")
RESEND = ("resend", "r.jsonl", "--environment", "development")
REFUSED = status(400, body='{"errors": [{"code": "BAD", "message": "no"}]}')


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder with a table and a mapping, and a shell with keys."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPARTICLE_API_KEY", "key")
    monkeypatch.setenv("MPARTICLE_API_SECRET", "secret")
    (tmp_path / "policies.csv").write_text(TABLE)
    (tmp_path / "policies.toml").write_text(MAPPING)
    return tmp_path


@pytest.fixture
def rejects(folder, capsys, mparticle):
    """Return a rejects file: two batches that mParticle refused, and a row that came to none."""
    mparticle.script(REFUSED, REFUSED, REFUSED)  # of both together, and then of each
    assert main([*SEND, "--rejects", "r.jsonl", "--quiet"]) == 1
    capsys.readouterr()
    mparticle.script()
    assert reasons(folder) == ["invalid", "rejected", "rejected"]
    return folder / "r.jsonl"


def lines(folder):
    return [json.loads(line) for line in (folder / "r.jsonl").read_text().splitlines()]


def reasons(folder):
    return sorted(line["reason"] for line in lines(folder))


def run(capsys, *arguments):
    code = main([*arguments])
    out, err = capsys.readouterr()
    return code, out.splitlines(), err.splitlines()


def failed_only(rejects):
    """Leave only the lines that have a batch, as after an outage."""
    kept = [line for line in rejects.read_text().splitlines(True) if '"rejected"' in line]
    rejects.write_text("".join(kept))


def test_what_was_sealed_is_sent_under_its_ids_without_a_mapping(rejects, capsys, mparticle):
    failed_only(rejects)
    ids = [line["batch"]["source_request_id"] for line in lines(rejects.parent)]

    code, out, err = run(capsys, *RESEND)

    assert (code, err) == (0, [])
    assert out[1].split() == ["delivered", "2"]
    assert sorted(mparticle.unique_ids) == sorted(ids)
    assert rejects.read_text() == ""
    assert rejects.stat().st_mode & 0o777 == 0o600


def test_what_fails_again_keeps_its_rows(folder, capsys, mparticle):
    (folder / "policies.csv").write_text("policy,id,spend\nP-1,17,1\nP-2,17,2\nP-3,18,3\n")
    mparticle.script(REFUSED, REFUSED, REFUSED)
    main([*SEND, "--rejects", "r.jsonl", "--grouped-by", "id", "--quiet"])
    before = lines(folder)
    mparticle.script(REFUSED, REFUSED, status(400, body='{"errors": [{"code": "NEW"}]}'))

    code, _, _ = run(capsys, *RESEND)

    after = lines(folder)
    texts = [line.pop("text") for line in after]
    assert code == 1
    assert len(before) == 3
    assert after == [{key: line[key] for key in line if key != "text"} for line in before]
    assert texts == [
        "policies.csv:2: mParticle answered 400 BAD: no",
        "policies.csv:3: mParticle answered 400 BAD: no",
        "policies.csv:4: mParticle answered 400 NEW",
    ]
    assert [file.name for file in folder.glob("r.jsonl*")] == ["r.jsonl"]


def test_a_refused_row_whose_batch_is_null_is_mapped_again_under_its_id(rejects, capsys, mparticle):
    failed_only(rejects)
    refused = lines(rejects.parent)
    mended = [{**line, "batch": None, "row": {**line["row"], "spend": "9"}} for line in refused]
    rejects.write_text("".join(f"{json.dumps(line)}\n" for line in mended))

    assert run(capsys, *RESEND, "--map", "policies.toml")[0] == 0
    assert [batch.user_attributes["spend"] for batch in mparticle.batches] == [9, 9]
    ids = [line["batch"]["source_request_id"] for line in refused]
    assert sorted(mparticle.unique_ids) == sorted(ids)


def test_a_batch_that_was_spoilt_by_hand_is_told_and_stays(rejects, capsys, mparticle):
    spoilt = rejects.read_text().replace('"user_identities"', '"user_identites"')
    rejects.write_text(spoilt)
    sent = len(mparticle.requests)

    assert run(capsys, *RESEND, "--map", "policies.toml") == (
        2,
        [],
        [
            "mpfluent resend: r.jsonl: the batch of policies.csv:2 cannot be read: from_dict() has "
            "no field 'user_identites'; did you mean 'user_identities'?"
        ],
    )
    assert rejects.read_text() == spoilt
    assert len(mparticle.requests) == sent


def test_a_row_that_could_not_be_read_stays_what_it_was(folder, capsys, mparticle):
    (folder / "policies.csv").write_text("policy,id,spend\nP-1,1001\n")
    main([*SEND, "--rejects", "r.jsonl", "--quiet"])
    (before,) = lines(folder)
    code, _, _ = run(capsys, *RESEND, "--map", "policies.toml", "--allow-nobody")

    assert code == 1
    assert before["text"] == "policies.csv:2: the row has 2 cells, and the header 3"
    assert lines(folder) == [before]
    assert mparticle.batches == []


def test_what_is_mended_in_the_file_is_mapped_again_under_the_id_of_its_key(
    rejects, capsys, mparticle
):
    rejects.write_text(rejects.read_text().replace("three", "3"))

    assert run(capsys, *RESEND, "--map", "policies.toml")[0] == 0
    (rejects.parent / "policies.csv").write_text(TABLE.replace("three", "3"))
    assert run(capsys, *SEND)[0] == 0

    assert len(mparticle.batches) == 3
    assert len(mparticle.duplicates) == 3


def test_a_time_that_was_mended_is_in_the_zone_of_its_table(folder, capsys, mparticle):
    (folder / "policies.csv").write_text("policy,id,spend\nP-1,1001,2026-13-30\n")
    event = '[[event]]\nverb = "event"\nname = "Bought"\nat = "spend"\n'
    (folder / "policies.toml").write_text(MAPPING.split("[user_attributes]")[0] + event)
    assert main([*SEND, "--tz", "Europe/London", "--rejects", "r.jsonl", "--quiet"]) == 1
    mended = (folder / "r.jsonl").read_text().replace('"2026-13-30"', '"2026-11-30"')
    (folder / "r.jsonl").write_text(mended)
    code = main([*RESEND, "--map", "policies.toml", "--tz", "Europe/London"])

    assert code == 0
    assert mparticle.batches[0].events[0].at == 1795996800000


def test_at_the_end_the_file_has_what_was_rejected_or_failed_again_and_nothing_else(
    rejects, capsys, mparticle
):
    mparticle.script(REFUSED, REFUSED, 202)

    code, _, _ = run(capsys, *RESEND, "--map", "policies.toml")

    assert code == 1
    left = [(line["file"], line["line"], line["reason"]) for line in lines(rejects.parent)]
    assert sorted(left) == [("policies.csv", 2, "rejected"), ("policies.csv", 4, "invalid")]
    assert [file.name for file in rejects.parent.glob("r.jsonl*")] == ["r.jsonl"]


def test_rows_that_came_to_no_batch_need_a_mapping(rejects, capsys, mparticle):
    before = rejects.read_text(), len(mparticle.requests)

    assert run(capsys, *RESEND) == (
        2,
        [],
        [
            "mpfluent resend: r.jsonl: 1 row came to no batch, so they are mapped again; "
            "write --map policies.toml"
        ],
    )
    assert (rejects.read_text(), len(mparticle.requests)) == before


def test_nothing_to_send_is_status_0(folder, capsys, mparticle):
    (folder / "r.jsonl").write_text("")

    assert run(capsys, *RESEND, "--quiet") == (0, [], [])


def test_a_file_that_is_not_there_or_no_rejects_is_a_mistake(folder, capsys):
    assert run(capsys, *RESEND) == (
        2,
        [],
        ["mpfluent resend: r.jsonl: cannot be read: No such file or directory"],
    )
    (folder / "r.jsonl").write_text("policy,id\n")
    assert run(capsys, *RESEND) == (
        2,
        [],
        ["mpfluent resend: r.jsonl:1: 'policy,id' is no reject that mpfluent wrote"],
    )


def test_what_is_no_file_is_a_mistake(folder, capsys):
    os.mkfifo("r.jsonl")

    assert run(capsys, *RESEND) == (
        2,
        [],
        [
            "mpfluent resend: r.jsonl: want a file, in which stays what is rejected again; "
            "write --rejects rejects.jsonl in mpfluent send"
        ],
    )


def test_a_link_stays_a_link(rejects, capsys, mparticle):
    failed_only(rejects)
    target = rejects.rename(rejects.with_name("real.jsonl"))
    rejects.symlink_to(target)

    assert run(capsys, *RESEND)[0] == 0
    assert rejects.is_symlink()
    assert target.read_text() == ""


# What must not lose the file


def test_what_another_run_adds_meanwhile_stays(rejects, capsys, monkeypatch, mparticle):
    failed_only(rejects)
    before, send = rejects.read_text(), RequestsTransport.send
    more = before.splitlines(True)[0].replace("policies.csv", "others.csv")

    def sent_while_another_writes(self, request):
        with rejects.open("a") as file:
            file.write(more)
        return send(self, request)

    monkeypatch.setattr(RequestsTransport, "send", sent_while_another_writes)
    code, _, err = run(capsys, *RESEND)

    assert (code, err) == (
        0,
        ["mpfluent resend: r.jsonl changed meanwhile, and so was left alone"],
    )
    assert rejects.read_text() == before + more


def test_a_refused_key_leaves_the_file_as_it_was(rejects, capsys, mparticle, monkeypatch):
    failed_only(rejects)
    before = rejects.read_text()
    monkeypatch.setenv("MPARTICLE_API_SECRET", "wrong")

    assert run(capsys, *RESEND)[0] == 2
    assert rejects.read_text() == before
    assert [file.name for file in rejects.parent.glob("r.jsonl*")] == ["r.jsonl"]


def test_a_client_that_is_off_leaves_the_file_as_it_was(rejects, capsys, monkeypatch):
    failed_only(rejects)
    before = rejects.read_text()
    monkeypatch.setenv("MPFLUENT_DISABLED", "1")

    code, _, err = run(capsys, *RESEND)

    assert code == 1
    assert rejects.read_text() == before
    assert err[-1] == "mpfluent resend: r.jsonl is as it was: 2 rows were not sent"


def test_ctrl_c_leaves_the_file_as_it_was(rejects, capsys):
    failed_only(rejects)
    before = rejects.read_text()
    with LocalServer() as server:
        server.script(hang(SOON))
        process = start(*RESEND, "--host", server.url, cwd=rejects.parent)
        wait_for(lambda: server.requests)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=SOON)

    assert process.returncode == 130
    assert err.endswith(
        "mpfluent resend: interrupted; r.jsonl is as it was, write the same line again\n"
    )
    assert rejects.read_text() == before
    assert [file.name for file in rejects.parent.glob("r.jsonl*")] == ["r.jsonl"]


def test_what_a_killed_command_left_beside_is_removed_and_what_another_writes_is_not(
    rejects, capsys, mparticle
):
    left, others = (rejects.with_name(f"r.jsonl.{number}.again") for number in (1, 2))
    half, notes, folder = (
        rejects.with_name(f"r.jsonl.{name}") for name in ("3.new", "try.again", "4.again")
    )
    for path in (left, half, notes):
        path.write_text("")
    folder.mkdir()
    with open(others, "w") as held:
        files.fcntl.flock(held, files.fcntl.LOCK_EX)
        run(capsys, *RESEND, "--map", "policies.toml")

        assert (left.exists(), half.exists()) == (False, False)
        assert (others.exists(), notes.exists(), folder.exists()) == (True, True, True)
