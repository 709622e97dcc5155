"""Batches of a given size."""

from stages import user

from mpfluent import Batch

NOW = 1_790_000_000_000


def sized(size, text="x", name="id"):
    """Return a batch with one event whose body is so many bytes."""

    def searching(query):
        return (
            Batch.for_user(customer_id="1")
            .with_environment("production")
            .with_source_request_id(name)
            .event("Searched", {"query": query}, at=NOW, source_message_id="m")
        )

    rest = size - len(searching("").to_json().encode())
    width = len(text.encode())
    batch = searching(text * (rest // width) + "x" * (rest % width))
    assert len(batch.to_json().encode()) == size
    return batch


def large(parts):
    """Return a batch that travels in this many parts."""
    found = user("large")
    for number in range(30 * parts - 15):
        found = found.event(f"{number}", {"text": "x" * 4_000})
    return found
