"""The kept connections: their look-up takes no lock that an interrupted call could leave locked."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from slow_answers import BATCH, client_of

from mpfluent import DeadlineAdapter, RequestsTransport
from mpfluent.testing import LocalServer


def pool_of(session):
    """Return the one pool that a session has connections of."""
    pools = session.get_adapter("http://").poolmanager.pools
    (key,) = pools.keys()
    return pools[key]


@pytest.mark.parametrize("blocks", [False, True])
def test_a_lock_that_an_interrupted_call_left_stops_no_later_one(blocks):
    session = requests.Session()
    session.mount("http://", DeadlineAdapter(pool_block=blocks, pool_maxsize=2))
    with (
        LocalServer() as server,
        client_of(server.url, transport=RequestsTransport(session=session)) as client,
    ):
        client.send(BATCH)
        pool = pool_of(session)
        if not blocks:  # in a pool that blocks, whoever waits for a connection needs it
            pool.pool.mutex.acquire()
        for _ in range(3):
            client.send(BATCH)

    assert len(server.batches) == 4
    assert pool.num_connections == 1


def test_a_pool_that_blocks_lends_no_more_connections_than_it_may():
    session = requests.Session()
    session.mount("http://", DeadlineAdapter(pool_block=True, pool_maxsize=2))
    with (
        LocalServer(delay=0.02) as server,
        client_of(server.url, transport=RequestsTransport(session=session)) as client,
    ):
        with ThreadPoolExecutor(6) as threads:
            answers = [*threads.map(lambda _: client.send(BATCH).state, range(12))]
        pool = pool_of(session)

    assert answers == ["delivered"] * 12
    assert pool.num_connections <= 2


@pytest.mark.parametrize("most", [0, 1])
def test_a_pool_keeps_its_connection_also_where_none_is_the_most(most):
    session = requests.Session()
    session.mount("http://", DeadlineAdapter(pool_maxsize=most))
    with (
        LocalServer() as server,
        client_of(server.url, transport=RequestsTransport(session=session)) as client,
    ):
        for _ in range(3):
            client.send(BATCH)

        assert pool_of(session).num_connections == 1
