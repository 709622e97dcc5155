"""mpfluent's sending: in the background, on the caller's thread, splitting, memory."""

import gc
import logging
import os
import sys
import threading
import tracemalloc
from functools import partial
from itertools import count

from benchmarks.peers.actions import Sender, timed
from benchmarks.peers.ours_batches import BATCHES, identical, imported, to_bytes, usual, whole
from benchmarks.workloads import ZONE
from mpfluent import Client, FunctionTransport, Response, ThreadedDispatcher


def client_of(url=None, network=None, *, threaded=True, client=None, **options):
    """Return a client; ``network`` is a function that answers requests, instead of a server."""
    transport = FunctionTransport(network) if network else None
    dispatcher = ThreadedDispatcher(**options) if threaded else None
    parts = {"host": url, "transport": transport, "dispatcher": dispatcher, **(client or {})}
    return Client("key", "secret", environment="development", **parts)


def open_sender(url, content="usual", size=1, path=None, **options):
    """Return what sends batches; usual ones of so many events each, if it is more than one."""
    client = client_of(url, **{"threaded": path is None, **options})
    if path:  # all rows at once, on the caller's thread, as a job sends them
        return Sender(int, lambda _: client.send_all(table([path])), close=client.close)
    prepare = BATCHES[content] if size == 1 else partial(usual, events=size)
    return Sender(prepare, client.send, lambda: client.flush(600), client.close)


def table(paths, mapping=imported):
    """Return the rows of CSV files, with a key, a rejects file and a checkpoint."""
    from mpfluent.rows import Rows  # an older commit has none

    beside = f"{paths[0]}.{os.getpid()}"
    rows = Rows.from_csv(paths, tz=ZONE).map(mapping).with_key("policy", job="2026-11")
    return rows.with_rejects(f"{beside}.rejects").with_checkpoint(f"{beside}.checkpoint")


def split(way, many, events, loops):
    """Take the time of encoding batches that have all that sending adds, or of sending them."""
    accepting = partial(client_of, network=lambda request: Response(202), threaded=False)
    sealed = []
    hooks = {"before_send": lambda batch: sealed.append(batch) or batch}
    with accepting(client=hooks) as client:
        for _ in range(many):
            client.send(whole(events))
    if way == "encode":
        return timed(lambda: [to_bytes(batch) for batch in sealed], loops)
    with accepting() as client:
        return timed(lambda: client.send(*sealed), loops)


def stuck(**options):
    """Return a client whose network answers nothing, the sizes of its requests, and its event."""
    logging.getLogger("mpfluent").setLevel(logging.CRITICAL)  # what is left over fails, as it must
    sizes, came, never = [], threading.Event(), threading.Event()

    def network(request):
        sizes.append(len(request.body))
        came.set()
        never.wait()

    return client_of(network=network, **options), sizes, came


def size(number):
    return len(to_bytes(identical(number)))


def queue(many, points):
    """Let batches wait; return how many, the bytes of their JSON and of memory, at some points."""
    client, _, came = stuck(max_queue=many, max_queue_bytes=2**40)
    for number in range(100):  # what comes once: the worker, its connection, its first request
        client.send(identical(number))
    came.wait(60)
    gc.collect()
    tracemalloc.start()
    grown = [(0, 0)]
    for number in range(1, many + 1):
        client.send(identical(number))
        if number % (many // points) == 0:
            gc.collect()
            grown.append((number, tracemalloc.get_traced_memory()[0]))
    tracemalloc.stop()
    if client.stats.pending != many + 100:
        raise RuntimeError(f"{client.stats} with {many + 100} batches sent")
    client.close(0)
    return [(number, sum(map(size, range(number))), memory) for number, memory in grown]


def bounded(many, most):
    """Send more than ``max_queue_bytes`` lets wait; return the bytes of JSON that do."""
    client, sizes, _ = stuck(max_queue=many + 1, max_queue_bytes=most, when_full="drop_newest")
    deliveries = [client.send(identical(number)) for number in range(many)]
    accepted = [n for n, delivery in enumerate(deliveries) if delivery.state == "pending"]
    on_its_way = sum(sizes)  # with brackets and commas: 101 bytes a request
    client.close(0)
    waiting = sum(map(size, accepted)) - on_its_way
    return {"waiting": waiting, "accepted": len(accepted), "on_its_way": on_its_way}


def stream(url, many, threaded, paths=None):
    """Send a stream, or rows, and return the resident bytes at every tenth of it."""
    seen, numbers, make = [], count(1), imported if paths else usual

    def made(of):
        if next(numbers) % (many // 10) == 0:  # the last one before the keys are gone
            seen.append(resident())
        return make(of)

    with client_of(url, threaded=threaded) as client:
        client.send_all(table(paths, made) if paths else map(made, range(many)))
    return {"resident": seen, "delivered": client.stats.delivered}


def resident():
    """Return the bytes of this process in memory; the maximum so far, where only that is known."""
    import resource  # Windows has none, and measures the rest

    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


ACTIONS = (open_sender, split, queue, bounded, stream)
