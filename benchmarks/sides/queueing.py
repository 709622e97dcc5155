"""What mpfluent keeps in memory: while batches wait, and while a stream goes through."""

import gc
import logging
import sys
import threading
import time
import tracemalloc

from sending import client_of
from workload import identical, usual

from mpfluent import Client, FunctionTransport, Response, ThreadedDispatcher

logging.getLogger("mpfluent").setLevel(logging.CRITICAL)  # what is left over fails, as it must

try:
    import resource
except ImportError:  # on Windows
    resource = None


def _stuck():
    """Return a transport that gets no answer, what came to it, and what lets it go on."""
    bodies, go = [], threading.Event()

    def hold(request):
        bodies.append(len(request.body))
        go.wait()
        return Response(202)

    return FunctionTransport(hold), bodies, go


def queue(many, points):
    """Let batches of one event wait, and return the traced bytes at so many points on the way.

    Returns the bytes of JSON of one batch, and ``[waiting, bytes]`` at each point.
    """
    size = _size()
    transport, _, go = _stuck()
    client = client_of(transport=transport, max_queue=many, max_queue_bytes=2**40)
    client.send(identical(many))  # what comes once: the worker, its first request
    time.sleep(1)  # until it is on its way
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    grown = [[0, 0]]
    for number in range(many):
        client.send(identical(number))
        if (number + 1) % (many // points) == 0:
            gc.collect()
            grown.append([number + 1, tracemalloc.get_traced_memory()[0] - before])
    tracemalloc.stop()
    waiting = client.stats.pending - 1
    go.set()
    client.close(0)
    return {"json": size, "grown": grown, "waiting": waiting}


def _size():
    sizes = []

    def note(request):
        sizes.append(len(request.body))
        return Response(202)

    with Client(
        "key", "secret", environment="development", transport=FunctionTransport(note)
    ) as client:
        for number in range(100):
            client.send(identical(number + 1000))  # of four digits, like most
    return sum(sizes) / len(sizes)


def bounded(many, most):
    """Send more than ``max_queue_bytes`` lets wait; return how many bytes of JSON do."""
    size = _size()
    transport, bodies, go = _stuck()
    client = client_of(
        transport=transport, max_queue=many + 1, max_queue_bytes=most, when_full="drop_newest"
    )
    for number in range(many):
        client.send(identical(number))
    waiting = client.stats.pending
    on_its_way = sum(bodies)
    go.set()
    client.close(0)
    return {"waiting": waiting * size - on_its_way, "accepted": waiting, "on_its_way": on_its_way}


def stream(url, many, threaded):
    """Send a stream to the server, and return the resident bytes at every tenth of it."""
    seen = []

    def batches():
        for number in range(many):
            if number and number % (many // 10) == 0:
                seen.append(resident())
            yield usual(number)

    dispatcher = ThreadedDispatcher() if threaded else None
    with Client(
        "key", "secret", environment="development", host=url, dispatcher=dispatcher
    ) as client:
        report = client.send_all(batches())
    seen.append(resident())
    return {"resident": seen, "delivered": client.stats.delivered, "submitted": report.submitted}


def resident():
    """Return the bytes of this process that are in memory; the most so far, where that is all."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
