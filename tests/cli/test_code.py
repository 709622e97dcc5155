"""``mpfluent code``: a captured payload as Python."""

import contextlib
import io
import json
import sys
from decimal import Decimal

import pytest
import strategies
from internals import main, program_of
from shell import command

from mpfluent import Batch, Product

BASE = (
    Batch.for_user(customer_id="123456", email="user@example.com")
    .with_environment("development")
    .with_device(platform="iOS", os_version="26.1")
)


def test_the_command_prints_a_program_that_makes_the_batch(tmp_path):
    price = Decimal("19.9900000000000000000001")
    batch = BASE.purchase(Product("sku-1", price=price)).event("Gefunden: Tee für zwei ☕")
    file = tmp_path / "payload.json"
    file.write_text(batch.to_json(), encoding="utf-8")

    done = command("code", str(file))

    assert done.stderr == ""
    assert done.stdout.startswith(
        "from decimal import Decimal\n\nfrom mpfluent import Batch, Product\n\nbatch = (\n"
    )
    names = {}
    exec(done.stdout, names)
    assert names["batch"] == batch


def test_the_command_reads_standard_input():
    done = command("code", "-", input=Batch.for_user(mpid=7).to_json())

    assert done.stdout == "from mpfluent import Batch\n\nbatch = Batch.for_user(mpid=7)\n"


def program(payload):
    """Return the names that the program for a payload defines."""
    names = {}
    exec(program_of(payload), names)
    return names


def test_a_list_of_batches_becomes_a_list():
    both = [BASE.event("x").event("y"), Batch.for_user(mpid=7)]
    payload = json.dumps([batch.to_dict() for batch in both]).encode()

    assert program(payload)["batches"] == both
    assert (
        program_of(payload)
        == """\
from mpfluent import Batch

batches = [
    Batch.for_user(customer_id="123456", email="user@example.com")
    .with_environment("development")
    .with_device(platform="iOS", os_version="26.1")
    .event("x")
    .event("y"),
    Batch.for_user(mpid=7),
]
"""
    )


def test_a_batch_a_line_becomes_a_list():
    both = [Batch.for_user(mpid=7), Batch.for_user(mpid=8)]
    payload = "\n\n".join(batch.to_json() for batch in both).encode() + b"\n"

    assert program(payload)["batches"] == both


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_payload_of_windows_begins_with_a_mark_and_is_read(encoding, end):
    both = [Batch.for_user(mpid=7).event("\ufeffé\u2028"), Batch.for_user(mpid=8)]
    mark = "\ufeff" if encoding in ("utf-16-le", "utf-16-be") else ""
    texts = [batch.to_json() for batch in both]

    assert program((mark + texts[0] + end).encode(encoding))["batch"] == both[0]
    assert program((mark + end.join(texts) + end).encode(encoding))["batches"] == both
    assert program((mark + f"[{','.join(texts)}]").encode(encoding))["batches"] == both


def test_files_with_marks_may_be_joined():
    both = [Batch.for_user(mpid=7), Batch.for_user(mpid=8)]
    payload = b"".join(f"{batch.to_json()}\n".encode("utf-8-sig") for batch in both)

    assert program(payload)["batches"] == both


def test_text_with_a_mark_is_read_as_its_bytes_are():
    batch = Batch.for_user(customer_id="\ufeff1")
    text = f"\ufeff{batch.to_json()}"

    assert Batch.from_json(text) == Batch.from_json(text.encode()) == batch


def test_a_long_import_is_broken():
    text = program_of(Batch().add(*strategies.full_events()).to_json().encode())

    assert text.startswith(
        "from mpfluent import (\n    ApplicationStateTransitionEvent,\n    Batch,\n"
    )


WRONG = {
    "no JSON": (b"{", "from_json(): not JSON: "),
    "an empty file": (b"", "from_json(): not JSON: "),
    "an empty list": (b"[]", "there is no batch in it"),
    "a misspelt field": (b'{"mpidd": 7}', "from_dict() has no field 'mpidd'; did you mean 'mpid'?"),
    "a bad batch among good ones": (
        b'[{}, {"mpid": "x"}]',
        "batch 2 of 2: from_dict(): mpid='x': want an integer, got str",
    ),
    "a line that is no JSON": (b'{"mpid": 7}\n\n{"mpid": \n', "line 3: from_json(): not JSON: "),
    "a number": (b"7", "from_dict(): 7: want an object, got int"),
}


@pytest.mark.parametrize(("payload", "complaint"), WRONG.values(), ids=WRONG)
def test_a_payload_that_is_no_batch_is_a_complaint_that_names_the_file(
    payload, complaint, tmp_path, capsys
):
    file = tmp_path / "payload.json"
    file.write_bytes(payload)

    status = main(["code", str(file)])

    out, err = capsys.readouterr()
    assert (status, out) == (1, "")
    assert err.startswith(f"{file}: {complaint}"), err
    assert "Traceback" not in err


def test_a_file_that_is_not_there_is_a_complaint(tmp_path, capsys):
    assert main(["code", str(tmp_path / "no.json")]) == 1
    assert "No such file" in capsys.readouterr().err


def test_unknown_fields_can_be_left_out(tmp_path, monkeypatch):
    file = tmp_path / "payload.json"
    file.write_text('{"mpid": 7, "new_field": 1}')
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", out)

    assert main(["code", "--ignore-unknown", str(file)]) == 0
    out.flush()
    assert out.buffer.getvalue().endswith(b"batch = Batch.for_user(mpid=7)\n")


def test_the_command_prints_to_whatever_stands_in_for_standard_output(tmp_path):
    file = tmp_path / "payload.json"
    file.write_text('{"mpid": 7}')

    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert main(["code", str(file)]) == 0

    assert out.getvalue().endswith("batch = Batch.for_user(mpid=7)\n")
