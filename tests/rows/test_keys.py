"""An id follows from the job, the environment and the key."""

import tracemalloc
import uuid

from hypothesis import given
from hypothesis import strategies as st

from mpfluent.rows.keys import Keys, id_of

CELLS = st.lists(st.text(), min_size=1, max_size=3)


@given(st.text(), st.sampled_from(["development", "production"]), CELLS)
def test_the_same_key_has_the_same_id_in_every_run(job, environment, cells):
    one, other = (id_of(Keys(job, environment).digest_of(cells)) for _ in range(2))

    assert one == other
    assert str(uuid.UUID(one)) == one


@given(st.text(), CELLS, st.text(), CELLS)
def test_another_job_or_another_key_has_another_id(job, cells, other_job, others):
    same = job == other_job and cells == others
    one, other = Keys(job, None).digest_of(cells), Keys(other_job, None).digest_of(others)

    assert (one == other) is same


def test_a_text_that_looks_like_several_keys_is_one():
    keys = Keys("job", None)
    digests = [keys.digest_of(cells) for cells in (['["a", "b"]'], ["a", "b"], ['["a"]'], ["a"])]

    assert len(set(digests)) == 4


def test_a_rehearsal_in_another_environment_has_other_ids():
    ids = {Keys("job", name).digest_of(["1"]) for name in ("development", "production")}

    assert len(ids) == 2


def test_the_ids_are_the_same_in_every_version_of_mpfluent():
    assert id_of(Keys("policies 2026-11", "production").digest_of(["P-17"])) == (
        "c065593e-ec3d-9d1e-2689-1cf811677afc"
    )


def test_a_key_takes_about_a_hundred_bytes():
    keys = Keys("job", "production")
    tracemalloc.start()
    for number in range(100_000):
        keys.seen.add(keys.digest_of([str(number)]))
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert taken / 100_000 < 100
