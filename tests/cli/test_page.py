"""docs/command-line.md: its sessions print what the page says, and its tables are complete."""

from __future__ import annotations

import os
import re
import shlex
import subprocess

import pytest
from internals import main, parser
from outboxes import client_of
from pages import FENCE, ROOT, column, text_of

from mpfluent import Batch

PAGE = "docs/command-line.md"
NAMED = re.compile(r"`([\w.-]+)`[^`\n]*:\n\n\Z")  # the last words before a block that is a file
VARYING = [  # what differs from run to run, and what stands for it
    (r"\b\d+(\.\d+)? (s|min)\b( \d+ s)?", "0.0 s"),
    (r"  +", "  "),
]


class Session:
    """A shell in which the commands of the page run, one after the other."""

    def __init__(self, monkeypatch, capsys):
        self.monkeypatch, self.capsys, self.status = monkeypatch, capsys, 0

    def run(self, line):
        """Return what a line prints, on both streams."""
        words = shlex.split(line)
        if words[0] == "mpfluent":
            return self._mpfluent(words[1:])
        if words[0] == "export":
            for word in words[1:]:
                self.monkeypatch.setenv(*word.split("=", 1))
            return ""
        if line == "echo $?":
            return f"{self.status}\n"
        done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True)
        return done.stdout + done.stderr

    def _mpfluent(self, words):
        to = words[words.index(">") + 1] if ">" in words else None
        self.capsys.readouterr()
        try:
            self.status = main(words[: words.index(">")] if to else words)
        except SystemExit as ended:
            self.status = ended.code
        out, err = self.capsys.readouterr()
        if to is None:
            return out + err
        with open(to, "w", encoding="utf-8") as file:
            file.write(out)
        return err


def commands_of(text):
    """Yield each command of a session, and what it prints."""
    for part in re.split(r"^\$ ", text, flags=re.M)[1:]:
        command, _, printed = re.sub(r"\\\n> *", "", part).partition("\n")
        yield command, printed


def same(text):
    for pattern, instead in VARYING:
        text = re.sub(pattern, instead, text)
    return text


def test_the_sessions_of_the_page_print_what_it_says(tmp_path, monkeypatch, capsys, mparticle):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MPARTICLE_API_KEY")
    monkeypatch.delenv("MPARTICLE_API_SECRET")
    left_behind()
    session, text, count = Session(monkeypatch, capsys), text_of(PAGE), 0
    for fence in FENCE.finditer(text):
        named = NAMED.search(text, 0, fence.start())
        if named:
            (tmp_path / named[1]).write_text(fence["text"], encoding="utf-8")
        if fence["kind"] != "console":
            continue
        for command, printed in commands_of(fence["text"]):
            line = text.count("\n", 0, fence.start()) + 1
            assert (line, command, same(session.run(command))) == (line, command, same(printed))
            count += 1

    assert count > 12
    assert mparticle.batches


def left_behind():
    """Leave an outbox, as an application does that ends during an outage."""
    client = client_of("outbox.db", 503)
    for number in range(2):
        client.send(Batch.for_user(customer_id=f"12345{number}").event("Searched"))
    client.flush(5)
    client.close(0)


def commands_of_the_parser():
    """Return the parsers of all commands that do something, by what is written for them."""
    found = {}
    for name, command in parser().commands.choices.items():
        inner = command.commands.choices if command.commands else {}
        found |= {f"{name} {each}": inner[each] for each in inner} or {name: command}
    return found


def options_of_the_parser():
    commands = commands_of_the_parser()
    return {
        option: [name for name in commands if option in commands[name]._option_string_actions]
        for command in commands.values()
        for option in command._option_string_actions
        if option.startswith("--")
    }


def test_the_table_of_options_is_complete():
    found = options_of_the_parser()
    found.pop("--help")
    named = [word.split()[0] for word in column(PAGE, "Options") if word.startswith("--")]

    assert sorted(named) == sorted(found)


def test_the_table_of_options_says_which_command_takes_which():
    found = options_of_the_parser()
    text = (ROOT / PAGE).read_text(encoding="utf-8").partition("\n## Options\n")[2]
    rows = re.findall(r"^\| `(--[a-z-]+)[^|]*\| ([^|]*) \|", text, re.M)

    assert {option: re.findall(r"`([\w ]+)`", takers) for option, takers in rows} == {
        option: takers for option, takers in found.items() if option != "--help"
    }


def test_the_table_of_commands_is_complete():
    words = [word for word in column(PAGE, "Commands") if word.startswith("mpfluent ")]
    named = {re.match(r"mpfluent ((--)?[a-z]+( [a-z]+)?)", word)[1] for word in words}

    assert named == {*commands_of_the_parser(), "--version"}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes of files")
def test_what_the_page_leaves_behind_is_private(tmp_path, monkeypatch, capsys, mparticle):
    test_the_sessions_of_the_page_print_what_it_says(tmp_path, monkeypatch, capsys, mparticle)

    for name in ("policies.rejects.jsonl", "policies.checkpoint", "report.json"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600, name
