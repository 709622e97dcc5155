"""Your own queue: a client hands batches over to it, and a worker takes and sends them."""

from queue import Queue

import mpfluent
from mpfluent import Batch, Client, DeliveryError, HandedOver, HandOverDispatcher, SealedBatch
from mpfluent.testing import LocalServer, status

messages: Queue[str] = Queue(maxsize=1000)  # with a broker, two programs share it


def put(job: mpfluent.Job) -> HandedOver:
    messages.put(job.to_json(), timeout=1)  # what this raises is why the batch failed
    return HandedOver(job.id)


# The program that a user waits for makes no request.
dispatcher = HandOverDispatcher(put)
with Client("key", "secret", environment="development", dispatcher=dispatcher) as web:
    for number in range(3):
        web.send(Batch.for_user(customer_id=str(number)).event("Searched"))
    print(web.stats.handed_over, "handed over,", web.stats.pending, "pending")

# The worker sends what it takes; what may succeed later goes back.
once = mpfluent.Retry(max_attempts=1)
with LocalServer() as server, Client("key", "secret", host=server.url, retry=once) as worker:
    server.script(status(503))
    while not messages.empty():
        text = messages.get()
        try:
            worker.send(SealedBatch.from_json(text))
        except DeliveryError as error:
            print("again" if error.temporary else "lost", error.reason)
            if error.temporary:
                messages.put(text)
    print(worker.stats.delivered, "delivered,", len(server.batches), "arrived")
