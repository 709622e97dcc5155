"""What a signal's handler that raises, as Ctrl-C's does, may break in the midst of anything."""

import ast
import sys
import threading
from pathlib import Path

import pytest

import mpfluent
from mpfluent import Batch, Client, FunctionTransport, ThreadedDispatcher

PACKAGE = Path(mpfluent.__file__).parent
BATCH = Batch.for_user(customer_id="1").event("x")
SOON = 10.0


def test_nothing_waits_in_python_code_that_ctrl_c_breaks():
    """The methods of an Event and of a Condition are Python, and so are those of a Queue."""
    used = [
        (path.name, node.attr)
        for path in PACKAGE.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and (node.value.id, node.attr)
        in {("threading", name) for name in ("Event", "Condition", "Semaphore", "Barrier")}
    ]

    assert used == []


def interrupting(code, event):
    """Let Ctrl-C come where a function is entered or left, once."""

    def trace(frame, kind, _):
        if frame.f_code is code and kind == event:
            sys.settrace(None)
            raise KeyboardInterrupt
        return trace

    sys.settrace(trace)


@pytest.mark.parametrize("dispatcher", [None, ThreadedDispatcher], ids=["sync", "threaded"])
@pytest.mark.parametrize(
    ("code", "event"),
    [
        (threading.Condition.__enter__.__code__, "return"),
        (threading.Condition.notify_all.__code__, "call"),
        (threading.Condition.wait.__code__, "return"),
        (threading.Event.set.__code__, "call"),
    ],
)
def test_a_client_whose_closing_was_interrupted_closes(dispatcher, code, event):
    made = dispatcher and dispatcher()
    client = Client(
        "key", "secret", environment="development", dispatcher=made,
        transport=FunctionTransport(lambda request: 202),
    )  # fmt: skip
    client.send(BATCH)
    previous = sys.gettrace()
    interrupting(code, event)
    try:
        client.close()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(previous)

    closing = threading.Thread(target=client.close, daemon=True)
    closing.start()
    closing.join(SOON)
    assert not closing.is_alive()
    assert client.close() == (1, 0, 0)
