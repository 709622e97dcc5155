"""What a run that broke off leaves in its files, and what the next one makes of it."""

import json
import os
import stat

import pytest
from tables import ROWS, adds_up, csv_of, imported, lines_of, refusing, sent, table

from mpfluent import ApiError, Client, ConfigurationError, FunctionTransport, RecordingTransport
from mpfluent.rows import Rows


class Kept:
    """A checkpoint in memory, as what it is given makes it."""

    def __init__(self, make=lambda position: position):
        self.make, self.kept = make, None

    def load(self):
        return self.kept

    def save(self, position):
        self.kept = self.make(position)


@pytest.fixture
def files(tmp_path):
    """The paths of a CSV of 300 users, a rejects file and a checkpoint."""
    csv_of(tmp_path / "policies.csv", 300)
    return tmp_path / "policies.csv", tmp_path / "rejects.jsonl", tmp_path / "checkpoint"


def run_of(files, mapping=imported, **options):
    path, rejects, checkpoint = files
    rows = Rows.from_csv(path, **options).map(mapping).with_key("policy", job="one")
    return rows.with_rejects(rejects).with_checkpoint(checkpoint)


def broken_at(number, mapping=imported):
    """Return a mapping that raises at a row, after which what came before is sent."""

    def sometimes(row):
        if row["id"] == str(number):
            raise RuntimeError("no power")
        return mapping(row)

    return sometimes


def broken_off(rows, transport=None, kind=ConfigurationError):
    """Send rows until something ends it; return the report."""
    with pytest.raises(kind) as caught:
        sent(rows, transport)
    assert adds_up(caught.value.report)
    return caught.value.report


def without_some(row):
    """Reject each fiftieth row."""
    return (
        imported(row) if row.integer("id") % 50 else imported(row).without_identities("customer_id")
    )


def test_the_next_run_goes_on_where_the_last_one_broke_off(files):
    transport = RecordingTransport()
    first = broken_off(run_of(files, broken_at(250, without_some)), transport)
    second = sent(run_of(files, without_some), transport)

    assert (first.delivered, first.rejected) == (245, 5)
    assert (second.rows, second.resumed, second.delivered, second.rejected) == (300, 250, 49, 1)
    assert len({batch.source_request_id for batch in transport.batches}) == 294
    assert len(transport.batches) == 294
    assert [line["index"] for line in lines_of(files[1])] == [0, 50, 100, 150, 200, 250]


def test_a_run_that_came_to_its_end_sends_nothing_more(files):
    sent(run_of(files, without_some))
    transport = RecordingTransport()
    report = sent(run_of(files, without_some), transport)

    assert (report.rows, report.resumed, bool(report)) == (300, 300, True)
    assert transport.requests == []
    assert len(lines_of(files[1])) == 6


def test_what_holds_peoples_data_is_for_the_owner_only(files):
    sent(run_of(files))

    assert [stat.S_IMODE(os.stat(path).st_mode) for path in files[1:]] == [0o600, 0o600]


def test_a_key_before_the_checkpoint_is_a_duplicate_after_it_and_a_rejected_one_is_not(tmp_path):
    def key_of(number):
        return f"P-{number % 200}"

    path = tmp_path / "a.csv"
    lines = [f"{number},pro,{key_of(number)}" for number in range(300)]
    path.write_text("\n".join(["id,plan,policy", *lines, ""]))
    files = (path, tmp_path / "r", tmp_path / "c")

    def long_one(row):
        return imported(row).event("x" * (300 if row["id"] in ("3", "7") else 3))

    broken_off(run_of(files, broken_at(150, long_one)))
    report = sent(run_of(files, long_one))

    # those of 200 to 299 have the keys of 0 to 99; of these, 3 and 7 were over a limit
    assert (report.resumed, report.delivered, report.duplicates) == (150, 50 + 2, 98)


def test_a_resumed_run_takes_out_only_its_own_rejects(files):
    path, rejects, _ = files
    other = path.parent / "other.csv"
    sent(Rows.from_csv(csv_of(other, 10)).map(without_some).with_rejects(rejects))
    before = lines_of(rejects)
    broken_off(run_of(files, broken_at(250, without_some)), refusing('"260"', '"10"'))
    sent(Rows.from_csv(csv_of(other, 290)).map(without_some).with_rejects(rejects))
    sent(run_of(files, without_some))

    lines = lines_of(rejects)
    assert lines[:1] == before
    assert [line["index"] for line in lines if line["file"] == str(other)][1:] == [
        *(0, 50, 100, 150, 200, 250)
    ]
    assert sorted(line["index"] for line in lines if line["file"] == str(path)) == [
        *(0, 10, 50, 100, 150, 200, 250)
    ]


def test_rejects_are_known_as_the_tables_own_from_another_folder_too(files, monkeypatch):
    path, rejects, checkpoint = files
    monkeypatch.chdir(path.parent)
    broken_off(run_of(("policies.csv", rejects, checkpoint), broken_at(250, without_some)))
    # the checkpoint of a machine that lost its last second
    position = json.loads(checkpoint.read_text())
    checkpoint.write_text(json.dumps({**position, "rows": 120}))
    sent(run_of(files, without_some))

    assert [line["index"] for line in lines_of(rejects)] == [0, 50, 100, 150, 200, 250]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            lambda path: path.write_text(path.read_text() + "300,pro,P-300\n"),
            "it is of a table with other content; write another path, or delete the file to begin "
            "at the first row",
        ),
        (
            lambda path: csv_of(path, 10, first=7),
            "it is of a table with other content; write another path, or delete the file to begin "
            "at the first row",
        ),
    ],
)
def test_the_checkpoint_of_another_file_is_refused(files, change, text):
    path, _, checkpoint = files
    broken_off(run_of(files, broken_at(250)))
    before = checkpoint.read_bytes()
    change(path)
    transport = RecordingTransport()
    with pytest.raises(ConfigurationError) as caught:
        sent(run_of(files), transport)

    assert str(caught.value) == f"with_checkpoint({str(checkpoint)!r}): {text}"
    assert transport.requests == []
    assert checkpoint.read_bytes() == before
    assert caught.value.report.rows == 0


def test_the_checkpoint_of_another_job_is_refused_and_so_is_one_with_other_ids(files):
    checkpoint = files[2]
    broken_off(run_of(files, broken_at(250)).grouped_by("id"))
    rows = run_of(files).grouped_by("id")
    group = "grouped by id in 1000 rows"
    tries = {
        f"two, development, key policy, {group}": (rows.with_key("policy", job="two"), {}),
        f"one, production, key policy, {group}": (rows, {"environment": "production"}),
        f"one, development, key id, {group}": (rows.with_key("id", job="one"), {}),
        "one, development, key policy": (run_of(files), {}),
        "one, development, key policy, grouped by id in 10 rows": (
            run_of(files).grouped_by("id", window=10),
            {},
        ),
    }
    for this, (other, options) in tries.items():
        with pytest.raises(ConfigurationError) as caught:
            sent(other, **options)
        assert str(caught.value) == (
            f"with_checkpoint({str(checkpoint)!r}): it is of the job 'one, development, key "
            f"policy, {group}', and this is {this!r}; write another path for each job, or delete "
            "the file"
        )
    assert sent(rows).resumed == 0  # a window is not settled before its last row
    assert sent(rows).resumed == 300


def test_the_checkpoint_of_another_workspace_is_refused(files):
    checkpoint = files[2]
    sent(run_of(files))
    transport = RecordingTransport()
    client = Client("other", "s", environment="development", transport=transport)
    with pytest.raises(ConfigurationError) as caught:
        client.send_all(run_of(files))

    assert str(caught.value) == (
        f"with_checkpoint({str(checkpoint)!r}): it is of another API key; "
        "write another path for each, or delete the file to begin at the first row"
    )
    assert transport.requests == []


def test_a_key_that_was_refused_is_mended_without_a_new_checkpoint(files):
    broken_off(run_of(files), FunctionTransport(lambda request: 403), ApiError)
    with Client("other", "s", environment="development", transport=RecordingTransport()) as client:
        assert client.send_all(run_of(files)).delivered == 300
        assert client.send_all(run_of(files)).resumed == 300


@pytest.mark.parametrize("content", ["", '{"rows": 25', '{"rows": 250}', "[]", "null", "\0" * 90])
def test_a_checkpoint_that_is_none_of_ours_is_refused_before_anything_is_sent(files, content):
    checkpoint = files[2]
    checkpoint.write_text(content)
    transport = RecordingTransport()
    with pytest.raises(ConfigurationError) as caught:
        sent(run_of(files), transport)

    assert str(caught.value) == (
        f"with_checkpoint({str(checkpoint)!r}): the file is no checkpoint of mpfluent; "
        "write another path, or delete the file to begin at the first row"
    )
    assert transport.requests == []
    assert checkpoint.read_text() == content


def test_a_checkpoint_in_a_folder_that_is_not_there_is_told_before_anything_is_sent(files):
    path, rejects, checkpoint = files
    where = checkpoint.parent / "nowhere" / "checkpoint"
    transport = RecordingTransport()
    with pytest.raises(ConfigurationError) as caught:
        sent(run_of((path, rejects, where)), transport)

    assert str(caught.value) == (
        f"with_checkpoint({str(where)!r}): cannot be written: No such file or directory; nothing "
        "more was sent; the next run begins at the checkpoint before"
    )
    assert transport.requests == []


def test_rejects_that_cannot_be_written_are_told_before_anything_is_sent_or_read(files):
    path, rejects, checkpoint = files
    where = rejects.parent / "nowhere" / "rejects.jsonl"
    read, transport = [], RecordingTransport()
    with pytest.raises(ConfigurationError) as caught:
        sent(run_of((path, where, checkpoint), read.append), transport)

    assert str(caught.value) == (
        f"with_rejects({str(where)!r}): cannot be written: No such file or directory; "
        "nothing was sent"
    )
    assert (read, transport.requests) == ([], [])
    assert not checkpoint.exists()


# One file for two things


@pytest.mark.parametrize("spelled", ["policies.csv", "./policies.csv", "{0}", "link.csv"])
def test_rejects_and_a_checkpoint_are_not_written_over_the_rows(files, spelled, monkeypatch):
    path = files[0]
    monkeypatch.chdir(path.parent)
    os.symlink(path, "link.csv")
    before, rows = path.read_bytes(), Rows.from_csv(path).map(imported)
    where = spelled.format(path)
    for verb, word in (("with_rejects", "rejects"), ("with_checkpoint", "checkpoint")):
        with pytest.raises(ConfigurationError) as caught:
            getattr(rows, verb)(where)
        assert str(caught.value) == (
            f"{verb}({where!r}): the rows are in this file; write {verb}({where + '.' + word!r})"
        )
    assert path.read_bytes() == before


def test_a_rejects_file_is_not_sent_into_itself(files):
    rejects = files[1]
    sent(run_of(files, without_some))
    before = rejects.read_bytes()
    with pytest.raises(ConfigurationError, match="the rows are in this file; write with_rejects"):
        Rows.from_rejects(rejects).map(imported).with_rejects(rejects)

    assert rejects.read_bytes() == before


def test_rejects_and_the_checkpoint_are_two_files(files):
    path, rejects, _ = files
    with pytest.raises(ConfigurationError) as caught:
        run_of((path, rejects, rejects))

    assert str(caught.value) == (
        f"with_checkpoint({str(rejects)!r}): the rejects go there; "
        f"write with_checkpoint({str(rejects) + '.checkpoint'!r})"
    )


def test_links_stay_and_lead_to_what_was_written(files):
    path, rejects, checkpoint = files
    real = path.parent / "elsewhere"
    real.mkdir()
    for link in (rejects, checkpoint):
        link.symlink_to(real / link.name)
    broken_off(run_of(files, broken_at(250, without_some)))
    sent(run_of(files, without_some))

    assert rejects.is_symlink()
    assert checkpoint.is_symlink()
    assert len(lines_of(real / "rejects.jsonl")) == 6
    assert json.loads((real / "checkpoint").read_text())["rows"] == 300


def test_rejects_may_go_nowhere_and_what_is_there_stays(files):
    path, _, checkpoint = files
    nowhere = (path, "/dev/null", checkpoint)
    broken_off(run_of(nowhere, broken_at(250, without_some)))
    report = sent(run_of(nowhere, without_some))

    assert (report.resumed, report.rejected) == (250, 1)
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


# A checkpoint of somebody else's


@pytest.mark.parametrize(
    "make",
    [
        lambda position: position,
        tuple,
        list,
        lambda position: position._asdict(),
        lambda position: json.loads(json.dumps(position)),
    ],
    ids=["itself", "tuple", "list", "dict", "json"],
)
def test_a_checkpoint_of_the_users_may_give_back_what_it_got_in_another_form(make):
    checkpoint, transport = Kept(make), RecordingTransport()
    broken_off(table(ROWS, broken_at(3)).with_checkpoint(checkpoint), transport)
    report = sent(table().with_checkpoint(checkpoint), transport)

    assert (report.resumed, report.delivered) == (3, 2)
    assert len(transport.batches) == 5


@pytest.mark.parametrize(
    ("found", "shown"),
    [
        (7, "7"),
        ("200", "'200'"),
        ({}, "{}"),
        ({"rows": 7}, "{'rows': 7}"),
        ([1, 2], "[1, 2]"),
        (["1", "", "no job, development", 0], "['1', '', 'no job, development', 0]"),
        ([-1, "", "no job, development", 0], "[-1, '', 'no job, development', 0]"),
    ],
)
def test_what_is_no_position_is_refused(found, shown):
    checkpoint = Kept()
    checkpoint.kept = found
    with pytest.raises(ConfigurationError) as caught:
        sent(table().with_checkpoint(checkpoint))

    assert str(caught.value) == (
        f"with_checkpoint(…): load() returned {shown}: want what save(position) got last, "
        "or None to begin at the first row"
    )


def test_what_a_checkpoint_of_the_users_raises_comes_through_with_the_report():
    class Fails(Kept):
        def save(self, position):
            if position.rows:
                raise OSError("no route")

    with pytest.raises(OSError, match="no route") as caught:
        sent(table().with_checkpoint(Fails()))

    assert caught.value.report.delivered == 5


def test_what_ends_a_run_matters_more_than_what_its_checkpoint_raises_then():
    class Fails(Kept):
        def save(self, position):
            if position.rows:
                raise LookupError("no route")

    report = broken_off(table(ROWS, broken_at(3)).with_checkpoint(Fails()))

    assert report.delivered == 3


def test_the_rejects_are_on_the_disk_before_the_checkpoint_says_so(files):
    path, rejects, _ = files
    sizes = []

    class Looks(Kept):
        def save(self, position):
            sizes.append((position.rows, len(lines_of(rejects))))

    rows = Rows.from_csv(path).map(without_some).with_key("policy", job="one")
    sent(rows.with_rejects(rejects).with_checkpoint(Looks()))

    assert sizes == [(0, 0), (300, 6)]


def test_what_was_on_its_way_comes_again_under_the_same_ids(files):
    requests = []

    def answer(request):
        requests.append(request)
        if len(requests) == 2:
            raise KeyboardInterrupt
        return 202

    first = broken_off(run_of(files), FunctionTransport(answer), KeyboardInterrupt)
    transport = RecordingTransport()
    second = sent(run_of(files), transport)

    assert (first.rows, first.delivered, first.pending) == (100, 100, 100)
    assert (second.resumed, second.delivered) == (100, 200)
    of_the_second = {batch["source_request_id"] for batch in requests[1].json()}
    assert of_the_second < {batch.source_request_id for batch in transport.batches}


@pytest.mark.parametrize("window", [7, 100, 1000])
def test_a_resumed_run_makes_the_groups_that_it_would_have_made(files, window):
    path = files[0]
    lines = [f"{number % 9},pro,P-{number}" for number in range(300)]
    path.write_text("\n".join(["id,plan,policy", *lines, ""]))

    def grouped(mapping):
        return run_of(files, mapping).grouped_by("id", window=window)

    def broken(row):
        if row["policy"] == "P-155":
            raise RuntimeError("no power")
        return imported(row)

    transport, at_once = RecordingTransport(), RecordingTransport()
    first = broken_off(grouped(broken), transport)
    second = sent(grouped(imported), transport)
    sent(
        Rows.from_csv(path)
        .map(imported)
        .with_key("policy", job="one")
        .grouped_by("id", window=window),
        at_once,
    )

    assert second.resumed == 155 // window * window == first.delivered
    assert [batch.source_request_id for batch in transport.batches] == [
        batch.source_request_id for batch in at_once.batches
    ]
