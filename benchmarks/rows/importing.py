"""What importing costs, in fresh interpreters."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator

from ..lab import OURS, POSTHOG, SEGMENT, VENDOR, Lab, Result, verdict
from ..timing import ratios, take_turns
from .values import figures, since

IMPORTS = {
    VENDOR: "import mparticle",
    SEGMENT: "import segment.analytics",
    POSTHOG: "import posthog",
}


def imports(lab: Lab) -> Iterator[Result]:
    """Measure process starts with an import, over those of the same interpreter without."""
    names = (*lab.ours, *lab.those(*IMPORTS))

    def turn(side: str) -> Callable[[], float]:
        code = IMPORTS.get(side, "from mpfluent import Batch, Client")
        return lambda: _start(lab, side, code) - _start(lab, side, "")

    taken = take_turns({name: turn(name) for name in names}, lab.choose(15, 1))
    verdicts = []
    if VENDOR in taken:
        verdicts.append(verdict("import, vendor", ratios(taken[OURS], taken[VENDOR])))
    yield Result(
        "import",
        "an import, over an empty interpreter",
        figures(taken),
        [*verdicts, *since(lab, taken)],
    )


def _start(lab: Lab, side: str, code: str) -> float:
    command, variables = lab.command(side)
    began = time.perf_counter()
    subprocess.run([command[0], "-c", code], check=True, env=variables)
    return time.perf_counter() - began
