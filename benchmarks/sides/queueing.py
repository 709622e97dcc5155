"""What mpfluent keeps in memory: while batches wait, and while a stream goes through."""

import gc
import logging
import sys
import threading
import tracemalloc

from sending import client_of
from workload import identical, usual

from mpfluent import Client, FunctionTransport, Response, ThreadedDispatcher

logging.getLogger("mpfluent").setLevel(logging.CRITICAL)  # what is left over fails, as it must


def _stuck():
    """Return a transport that gets no answer, what came to it, when it came, and what frees it."""
    bodies, came, go = [], threading.Event(), threading.Event()

    def hold(request):
        bodies.append(len(request.body))
        came.set()
        go.wait()
        return Response(202)

    return FunctionTransport(hold), bodies, came, go


def size(number):
    """Return the bytes of JSON of a batch to which sending adds nothing."""
    return len(identical(number).to_json().encode())


def queue(many, points):
    """Let batches of one event wait, and trace the memory at so many points on the way.

    Returns ``[waiting, bytes of JSON, bytes of memory]`` for each point.
    """
    transport, _, came, go = _stuck()
    client = client_of(transport=transport, max_queue=many, max_queue_bytes=2**40)
    for number in range(100):  # what comes once: the worker, its connection, a request on its way
        client.send(identical(number))
    came.wait(60)
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    grown = [[0, 0, 0]]
    for number in range(many):
        client.send(identical(number))
        if (number + 1) % (many // points) == 0:
            gc.collect()
            memory = tracemalloc.get_traced_memory()[0] - before
            grown.append([number + 1, 0, memory])
    tracemalloc.stop()
    for point in grown:
        point[1] = sum(size(number) for number in range(point[0]))
    if client.stats.pending != many + 100:
        raise RuntimeError(f"{client.stats} with {many + 100} batches sent")
    go.set()
    client.close(0)
    return grown


def bounded(many, most):
    """Send more than ``max_queue_bytes`` lets wait; return the bytes of JSON that do."""
    transport, bodies, _, go = _stuck()
    client = client_of(
        transport=transport, max_queue=many + 1, max_queue_bytes=most, when_full="drop_newest"
    )
    deliveries = [client.send(identical(number)) for number in range(many)]
    accepted = [n for n, delivery in enumerate(deliveries) if delivery.state == "pending"]
    waiting = sum(map(size, accepted)) - sum(bodies)  # brackets and commas: 101 bytes a request
    go.set()
    client.close(0)
    return {"waiting": waiting, "accepted": len(accepted), "on_its_way": sum(bodies)}


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
    import resource  # Windows has none, and measures the rest

    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
