"""How costs grow: results whose ``what`` is a curve of ``plots.toml``, and the position on it."""

from collections.abc import Iterator

from ..measurement import column
from ..report import Result
from ..run import ASKED, DICTS, OURS, VENDOR, Run
from .processes import alone
from .sending import deliver_in_turns


def curves(run: Run) -> Iterator[Result]:
    """How costs grow, for the plots."""
    for events in run.choose((1, 2, 5, 10, 20, 50, 100, 200, 500, 1000), (1, 10)):
        asked = {name: (name, "chain", events) for name in (OURS, DICTS, VENDOR)}
        yield run.result(f"time of a batch, by its events @ {events}", run.time(asked, 10, 0.02))
    many = run.choose(5_000, 100)
    for size in run.choose((1, 2, 5, 10, 20, 50, 100), (1, 10)):
        sized = {label: (name, {"size": size}) for label, name in ASKED["sizes"].items()}
        found = deliver_in_turns(run, sized, many, run.choose(3, 1))
        what = f"CPU of an event, by the events of a batch or request @ {size}"
        yield run.result(what, column(found, "cpu"))
    seconds = run.choose(2.0, 0.05)
    for pace in run.choose((10, 30, 100, 300, 1000, 3000, 10_000), (50, 100)):
        taken = {}
        for label, (name, options) in run.available(ASKED["paces"]).items():
            many, paced = int(pace * seconds), {"per_second": pace, **options}
            sent = run.ask(name, "deliver", run.server.url, many, **paced)
            if run.quick or sent["called"] < 1.1 * seconds:  # else it cannot keep up
                taken[label] = [sent["cpu"] / many]
        yield run.result(f"CPU of an event, by batches a second @ {pace}", taken)
    for waiting, json, grown in alone(run, OURS, "queue", *run.choose((10_000, 10), (100, 2))):
        taken = {"what waits": [grown / 1e6], "its JSON": [json / 1e6]}
        yield run.result(f"memory of what waits, by how many @ {waiting}", taken, unit="MB")
