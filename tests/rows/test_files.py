"""Files of rows: which, their fingerprint, gzip, and a file that changes while it is read."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import os
import zlib
from pathlib import Path

import pytest
import wrapt
from row_files import refusal, rows_of, written

from mpfluent import ConfigurationError
from mpfluent.rows.text_files import BatchFiles, CsvFiles, JsonLines

CSV = "id\n1\n"
ROW = [{"id": "1"}]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


# Which files


def test_a_path_is_text_bytes_a_path_or_a_proxy_of_one(folder):
    path = written(folder / "é.csv", CSV)
    ways = (path, os.fsencode(path), Path(path), wrapt.ObjectProxy(path), [path], (Path(path),))

    for way in (*ways, iter([path]), wrapt.ObjectProxy(Path(path))):
        assert rows_of(CsvFiles(way)) == ROW


def test_a_pattern_stands_for_the_files_that_it_fits_in_order(folder):
    for name in ("b-2.csv", "b-10.csv", "b-1.csv", "a.csv", "deep/er/c.csv"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        written(folder / name, CSV)

    assert CsvFiles("b-*.csv").paths == ["b-1.csv", "b-10.csv", "b-2.csv"]
    assert CsvFiles(Path("[ab]*1.csv")).paths == ["b-1.csv"]
    assert CsvFiles("**/c.csv").paths == ["deep/er/c.csv"]
    assert CsvFiles(["a.csv", "b-?.csv"]).paths == ["a.csv", "b-1.csv", "b-2.csv"]
    assert CsvFiles("b-*.csv").name == "b-*.csv"


def test_a_file_may_have_the_name_of_a_pattern(folder):
    written(folder / "a[1].csv", CSV)

    assert CsvFiles("a[1].csv").paths == ["a[1].csv"]


def test_what_is_no_file_is_refused_with_what_to_write(folder):
    written(folder / "policies.csv", CSV)
    (folder / "unload").mkdir()
    os.symlink("policies.csv", folder / "link.csv")
    os.symlink("gone.csv", folder / "dead.csv")
    os.mkfifo(folder / "pipe")
    where = repr(str(folder))
    want = "write Rows.from_csv('path/to/rows')"
    refused = [
        ("polices.csv", f"there is no such file in {where}; did you mean 'policies.csv'?"),
        ("zzz", f"there is no such file in {where}"),
        ("no/zzz", f"there is no such file in {str(folder / 'no')!r}"),
        ("dead.csv", f"there is no such file in {where}; did you mean 'dead.csv'?"),
        ("policies.csv/x", "it cannot be read (Not a directory)"),
        ("a\0", "it cannot be read (a path has no NUL)"),
        ("x-*.csv", f"no file has such a name in {where}"),
        ("unload", "want a file, and this is a folder; write Rows.from_csv('unload/*')"),
        ("pipe", "it can be read only once; write it into a file first"),
        ("", f"want a path; {want}"),
        ([], f"want a path; {want}"),
        (None, f"want a path; {want}"),
        (3, f"want a path, got int; {want}"),
        ([3], f"want a path, got int; {want}"),
    ]
    for path, why in refused:
        shown = repr(path[0] if path == [3] else path)
        assert refusal(lambda path=path: CsvFiles(path)) == f"Rows.from_csv({shown}): {why}"
    assert refusal(lambda: CsvFiles(["policies.csv"] * 2)) == (
        "Rows.from_csv('policies.csv'): it is the same file as 'policies.csv'; name it once"
    )
    assert refusal(lambda: CsvFiles(["policies.csv", "./policies.csv"])) == (
        "Rows.from_csv('./policies.csv'): it is the same file as 'policies.csv'; name it once"
    )


def test_each_kind_of_file_names_its_own_verb():
    assert refusal(lambda: JsonLines("zzz")).startswith("Rows.from_jsonl('zzz'): there is no")
    assert refusal(lambda: BatchFiles("zzz")).startswith("Rows.from_batches('zzz'): there is no")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused(folder):
    path = written(folder / "rows.csv", CSV)
    os.chmod(path, 0)

    assert refusal(lambda: CsvFiles(path)) == (
        f"Rows.from_csv({path!r}): it cannot be read (Permission denied)"
    )


def test_an_error_of_the_disk_is_refused(folder, monkeypatch):
    path = written(folder / "rows.csv", CSV)

    def fail(number):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fstat", fail)
    words = refusal(lambda: CsvFiles(path))
    monkeypatch.undo()

    assert words == f"Rows.from_csv({path!r}): it cannot be read (Input/output error)"


def test_a_file_that_is_gone_is_refused(folder):
    path = written(folder / "rows.csv", CSV)
    rows = CsvFiles(path)
    os.remove(path)

    assert refusal(lambda: rows).startswith(f"Rows.from_csv({path!r}): there is no such file")


# What they hold


def test_the_fingerprint_is_the_digest_of_the_bytes_on_the_disk(folder):
    plain = written(folder / "a.csv", CSV)
    packed = written(folder / "b.csv", CSV, compressed=True)
    digests = [hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in (plain, packed)]

    assert [CsvFiles(path).fingerprint() for path in (plain, packed)] == digests
    both = CsvFiles([plain, packed]).fingerprint()
    assert both == hashlib.sha256("".join(digests).encode()).hexdigest()
    assert both != CsvFiles([packed, plain]).fingerprint()


def test_gzip_is_known_by_its_first_bytes_not_by_the_name(folder):
    assert rows_of(CsvFiles(written(folder / "a.csv.gz", CSV))) == ROW
    assert rows_of(CsvFiles(written(folder / "a.csv", CSV, compressed=True))) == ROW


def test_a_gzip_of_several_members_is_one_file(folder):
    data = gzip.compress(b"id\n") + gzip.compress(b"1\n")

    assert rows_of(CsvFiles(written(folder / "a.csv.gz", data))) == ROW


def broken(data, how):
    if how == "broken off":
        return data[:-20]
    if how == "without an end":
        return data[:-8]
    middle = len(data) // 2
    return data[:middle] + bytes(255 - byte for byte in data[middle:])


@pytest.mark.parametrize("how", ["broken off", "without an end", "damaged"])
def test_a_broken_gzip_is_refused_before_a_row_is_read(folder, how):
    text = "id\n" + "".join(f"{zlib.crc32(bytes(n))}\n" for n in range(10_000))
    path = written(folder / "a.csv.gz", broken(gzip.compress(text.encode()), how))

    with pytest.raises(ConfigurationError) as caught:
        CsvFiles(path)
    words = str(caught.value)
    assert words.startswith(f"Rows.from_csv({path!r}): the gzip is broken (")
    assert words.endswith("); fetch the file again")


@pytest.mark.parametrize(
    ("head", "why"),
    [
        (b"PK\x03\x04", "it is a workbook of Excel or another archive; save the sheet as CSV"),
        (
            b"\xd0\xcf\x11\xe0",
            "it is a workbook of Excel or another archive; save the sheet as CSV",
        ),
        (b"PAR1", "it is a Parquet file; write Rows.from_parquet(…)"),
        (
            b"\x28\xb5\x2f\xfd",
            "it is compressed by zstd, and only gzip is read; decompress it first",
        ),
        (
            bz2.compress(b"id\n1\n"),
            "it is compressed by bzip2, and only gzip is read; decompress it first",
        ),
    ],
)
def test_a_file_of_another_kind_is_told_by_its_first_bytes(folder, head, why):
    path = written(folder / "a.csv", head + bytes(100))
    with pytest.raises(ConfigurationError) as caught:
        CsvFiles(path)

    assert str(caught.value) == f"Rows.from_csv({path!r}): {why}"


# A file that changes


def changes(path):
    """Return ways to change a file that is being read."""

    def append():
        with open(path, "a") as file:
            file.write("2\n")

    def rewrite():
        data = Path(path).read_bytes()
        with open(path, "r+b") as file:
            file.write(data.replace(b"1", b"3"))
        os.utime(path, ns=(1, 1))

    return {"append": append, "rewrite": rewrite, "truncate": lambda: os.truncate(path, 100_000)}


@pytest.mark.parametrize("how", ["append", "rewrite", "truncate"])
def test_a_file_that_changes_while_it_is_read_is_refused(folder, how):
    path = written(folder / "rows.csv", "id\n" + "1\n" * 200_000)
    rows = iter(CsvFiles(path))
    next(rows)
    changes(path)[how]()
    found = []

    assert refusal(lambda: (found.append(row) or row for row in rows)) == (
        f"Rows.from_csv({path!r}): the file has changed meanwhile; "
        "move it here when it is whole, and start again"
    )
    assert {row["id"] for _, row in found} == {"1"}


@pytest.mark.parametrize("read", [rows_of, CsvFiles.fingerprint])
def test_a_file_that_changed_before_it_is_read_is_refused(folder, read):
    path = written(folder / "rows.csv", CSV)
    rows = CsvFiles(path)
    changes(path)["append"]()

    assert ": the file has changed meanwhile; " in refusal(lambda: read(rows) and ())


def test_a_file_that_is_replaced_while_it_is_read_is_read_to_its_end(folder):
    path = written(folder / "rows.csv", "id\n" + "1\n" * 200_000)
    rows = iter(CsvFiles(path))
    next(rows)
    os.replace(written(folder / "new.csv", CSV), path)

    assert sum(1 for _ in rows) == 199_999
