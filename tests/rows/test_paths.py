"""One file is one thing: a source, the rejects, or a checkpoint."""

import pytest

from mpfluent import ConfigurationError
from mpfluent.rows import Rows


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "policies.csv"
    file.write_text("id\n17\n", encoding="utf-8")
    return str(file)


def refusal(make):
    with pytest.raises(ConfigurationError) as caught:
        make()
    return str(caught.value)


def test_rejects_are_not_written_into_the_source(path, tmp_path):
    other = str(tmp_path / "other.csv")
    (tmp_path / "other.csv").symlink_to(path)

    assert refusal(lambda: Rows.from_csv(path).with_rejects(other)) == (
        f"with_rejects({other!r}) is the same file as the source {path!r}; write another path"
    )


def test_rejects_and_checkpoint_are_two_files(path, tmp_path):
    rows = Rows.from_csv(path).with_rejects(tmp_path / "run")
    both = str(tmp_path / "run")

    assert refusal(lambda: rows.with_checkpoint(both)) == (
        f"with_checkpoint({both!r}) is the same file as with_rejects({both!r}); write another path"
    )
