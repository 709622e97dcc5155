"""``python -m benchmarks``: measure all rows in one go, each beside its target."""

import argparse
import sys
from contextlib import nullcontext
from functools import partial
from pathlib import Path

from . import report
from .environments import CACHE, Environments, checkout, this_commit
from .rows import ON_REQUEST, ROWS
from .run import Run


def main() -> None:
    options = _options()
    environments = Environments(options.python, options.cache, options.offline or options.quick)
    names = options.row or [name for name in ROWS if name not in ON_REQUEST]
    names += [name for name in ON_REQUEST if getattr(options, name)]
    results: list[report.Result] = []
    printed: list[str] = []

    def say(*lines: str) -> None:
        print(*lines, sep="\n", flush=True)
        printed.extend(lines)

    compared = checkout(options.compare) if options.compare else nullcontext({})
    with compared as then, Run(environments, then, quick=options.quick) as run:
        for name in dict.fromkeys(names):
            run.row = name
            for result in ROWS[name](run):
                results.append(result)
                say(*report.lines(result), "")
    for peer, versions in run.versions.items():
        say(f"{peer}: {', '.join(f'{name} {number}' for name, number in versions.items())}")
    for peer, reason in run.missing.items():
        say(f"{peer} is left out: {reason}")
    met = [verdict.met for result in results for verdict in result.verdicts if verdict.target]
    say(f"{sum(met)} of {len(met)} targets met")
    if options.quick:
        say("quick: it runs, and the figures say nothing")
    if options.json:
        options.json.write_text(report.as_json(results, run.versions, this_commit()), "utf-8")
    if options.write_results:
        command = " ".join(["python -m benchmarks", *sys.argv[1:]])
        options.write_results.write_text(report.page(printed, this_commit(), command), "utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure mpfluent beside what else could be done, all in turns.",
        epilog="rows:\n" + "\n".join(f"  {name:<14}{row.__doc__}" for name, row in ROWS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add, file = parser.add_argument, partial(parser.add_argument, type=Path, metavar="FILE")
    add("--row", action="append", choices=list(ROWS), metavar="NAME", help="only this; repeatable")
    for name in ON_REQUEST:
        add(f"--{name}", action="store_true", help=f"too: {ROWS[name].__doc__}")
    add("--compare", metavar="COMMIT", help="measure mpfluent at another commit, too")
    add("--python", default=sys.executable, help="the interpreter to measure with")
    file("--json", help="write the results as JSON")
    page = Path(__file__).with_name("RESULTS.md")
    file("--write-results", nargs="?", const=page, help="write RESULTS.md, or another such page")
    add("--cache", type=Path, default=CACHE, metavar="DIR", help="the folder of the environments")
    add("--offline", action="store_true", help="make no environments; leave out what has none")
    add("--quick", action="store_true", help="some seconds, offline; proves that all of it runs")
    return parser.parse_args()


if __name__ == "__main__":
    main()
