"""The recipes of docs/queues-and-schedulers.md, as they are printed, in a folder of their own."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from pages import FILE, ROOT, blocks
from scenarios import KEY, SECRET, eventually
from stand_in import STAND_IN

SOON = 120.0  # seconds after which what does not come to be has failed
FILES = {
    found[1]: block.text
    for block in blocks(ROOT / "docs/queues-and-schedulers.md")
    if (found := FILE.match(block.text))
}


class Recipes:
    """All files of the page, and processes that run them: at the end, all of these are gone.

    Args:
        folder: where the files are.
        server: mParticle, for them.
        variables: environment variables besides the keys.
    """

    def __init__(self, folder, server, **variables):
        self.folder, self.server = folder, server
        self.log = folder / "log.txt"
        self.log.touch()
        self.processes = []
        for name, text in {**FILES, "site/sitecustomize.py": STAND_IN}.items():
            file = folder / name
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
        self.variables = {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "HOME": str(folder),
            "PYTHONPATH": os.pathsep.join([str(folder / "site"), str(folder), str(ROOT)]),
            "PYTHONUNBUFFERED": "1",
            "MPARTICLE_API_KEY": KEY,
            "MPARTICLE_API_SECRET": SECRET,
            "STAND_IN": server.url,
            **variables,
        }

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            self.kill(process)

    def replace(self, file, old, new):
        """Write another number into a recipe, such as half a minute for half an hour."""
        text = (self.folder / file).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{file} has no {old!r}"
        (self.folder / file).write_text(text.replace(old, new), encoding="utf-8")

    def start(self, *command):
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.variables,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def python(self, *arguments):
        return self.start(sys.executable, *arguments)

    def run(self, *arguments):
        """Run Python until it has ended well."""
        process = self.python(*arguments)
        assert process.wait(SOON) == 0, self.said

    def kill(self, process):
        """Kill a process and its children, as ``kill -9`` does."""
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def wait_for(self, condition):
        assert eventually(condition, SOON), self.said

    @property
    def printed(self):
        return self.log.read_text(encoding="utf-8", errors="replace")

    @property
    def said(self):
        return self.printed[-5000:]

    def arrived(self):
        """Return the numbers of the events that mParticle counts."""
        return [
            event.custom_attributes["number"]
            for batch in self.server.batches
            for event in batch.events
        ]

    def check(self, name, sent):
        """Hold that each event is counted once, and print what came of it."""
        numbers = self.arrived()
        codes = [request.status_code for request in self.server.requests]
        twice, lost = len(numbers) - len(set(numbers)), len(set(range(sent)) - set(numbers))
        again = len(self.server.duplicates)
        print(
            f"| {name} | sent {sent} | received {len(set(numbers))} | twice {twice} | lost {lost} "
            f"| sent again and removed {again} | 429: {codes.count(429)} of {len(codes)} "
            f"| {sent / self.server.gap(0, -1):.0f}/s |"
        )
        assert (twice, lost) == (0, 0), self.said
