"""What can be written in a shell, and what is said of a mistake in it."""

import re
import shlex
import subprocess
import sys
from configparser import ConfigParser
from importlib import import_module

import pytest
from internals import main, parser
from pages import ROOT
from shell import command

import mpfluent

OF_PLANS = ("validate", "generate", "diff", "show")
COMMANDS = ("send", "check", "resend", "outbox", "code", "plan", "serve")
WITH_OPTIONS = (
    *(name for name in COMMANDS if name != "plan"),
    *(f"plan {name}" for name in OF_PLANS),
)


def ended(capsys, *arguments):
    """Return the status and the output of a command that the parser ends."""
    with pytest.raises(SystemExit) as caught:
        main([*arguments])
    return caught.value.code, *capsys.readouterr()


def test_the_version_is_that_of_the_package(capsys):
    assert ended(capsys, "--version") == (0, f"mpfluent {mpfluent.__version__}\n", "")


def test_the_module_is_the_same_program():
    done = command("--version")

    assert (done.returncode, done.stdout) == (0, f"mpfluent {mpfluent.__version__}\n")


def test_the_script_is_declared():
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    name, _, target = config["options.entry_points"]["console_scripts"].strip().partition(" = ")
    module, _, function = target.partition(":")

    assert name == "mpfluent"
    assert getattr(import_module(module), function) is main


def test_the_help_loads_nothing_that_it_does_not_need():
    code = (
        "import sys; from mpfluent.cli.parser import parser; parser().format_help(); "
        "print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    ours = {name for name in done.stdout.split() if name.startswith("mpfluent.")}

    assert {name.split(".")[1] for name in ours} == {"cli", "errors", "sdk_names", "version"}
    assert {"requests", "rich", "marshmallow", "sqlite3"}.isdisjoint(done.stdout.split())


MISTAKES = {
    "": "mpfluent: want a command: send, check, resend, outbox, code, plan, serve; "
    "mpfluent --help says what they do",
    "sned": "mpfluent: there is no command 'sned'; did you mean send?",
    "xyz": "mpfluent: there is no command 'xyz'; want one of send, check, resend, outbox, code, "
    "plan, serve",
    "plan": "mpfluent plan: want a command: validate, generate, diff, show; "
    "mpfluent plan --help says what they do",
    "plan shwo": "mpfluent plan: there is no command 'shwo'; did you mean show?",
    "plan diff a.json": "mpfluent plan diff: NEW is missing; see --help",
    "plan validate a.json b.json --like nod": "mpfluent plan validate: --like nod: "
    "did you mean node?",
    "plan generate a.json --ouput b.py": "mpfluent plan generate: there is no option --ouput; "
    "did you mean --output?",
    "serve --port x": "mpfluent serve: --port x: want a port, from 0 to 65535, such as 9090",
    "serve --port 65536": (
        "mpfluent serve: --port 65536: want a port, from 0 to 65535, such as 9090"
    ),
    "serve --delay x": "mpfluent serve: --delay x: want seconds, from 0 to 3600, such as 0.05",
    "serve --delay -1": "mpfluent serve: --delay -1: want seconds, from 0 to 3600, such as 0.05",
    "serve --max-events 0": "mpfluent serve: --max-events 0: want a whole number, 1 or more",
    "serve 8080": "mpfluent serve: '8080' is one argument too many; see --help",
    "--versoin": "mpfluent: there is no option --versoin; did you mean --version?",
    "send": "mpfluent send: FILE is missing; see --help",
    "resend": "mpfluent resend: REJECTS is missing; see --help",
    "send a.csv --enviroment production": "mpfluent send: there is no option --enviroment; "
    "did you mean --environment?",
    "send a.csv --env production": "mpfluent send: there is no option --env; "
    "did you mean --environment?",
    "send a.csv --qqq": "mpfluent send: there is no option --qqq; see --help",
    "send a.csv --map": "mpfluent send: --map wants a value after it; see --help",
    "outbox a.db b.db": "mpfluent outbox: 'b.db' is one argument too many; see --help",
    "outbox a.db --export --drain": "mpfluent outbox: --export and --drain do not go together; "
    "write one of them",
    "check a.csv --format cvs": "mpfluent check: --format cvs: did you mean csv?",
    "check a.csv --format xlsx": "mpfluent check: --format xlsx: want one of csv, tsv, jsonl, "
    "parquet, batches",
    "check a.csv --limit 0": "mpfluent check: --limit 0: want a whole number, 1 or more",
    "send a.csv --stop-after -1": (
        "mpfluent send: --stop-after -1: want a whole number, 0 or more"
    ),
    "check a.csv --limit 1e3": "mpfluent check: --limit 1e3: want a whole number, 1 or more",
    "check a.csv --rate-limit nan": "mpfluent check: --rate-limit nan: want batches a second, "
    "a number above 0, such as 270",
    "check a.csv --rate-limit fast": "mpfluent check: --rate-limit fast: want batches a second, "
    "a number above 0, such as 270",
}


@pytest.mark.parametrize(("line", "message"), MISTAKES.items(), ids=MISTAKES)
def test_a_mistake_is_one_line_that_says_what_to_write_and_status_2(line, message, capsys):
    assert ended(capsys, *line.split()) == (2, "", f"{message}\n")


@pytest.mark.parametrize("written", [["--api-key", "hidden"], ["--api-secret=hidden"]], ids=str)
def test_a_key_on_the_command_line_is_refused_and_not_repeated(written, capsys):
    code, out, err = ended(capsys, "send", "a.csv", *written)
    name = written[0].partition("=")[0]
    variable = f"MPARTICLE_{name[2:].upper().replace('-', '_')}"

    assert (code, out) == (2, "")
    assert err == (
        f"mpfluent send: {name} is no option: a command line is seen by other users and kept in "
        f"a history; write export {variable}='…'\n"
    )


# The help


@pytest.fixture(scope="module")
def helps():
    """The help of each command, in a window of 80 columns."""
    return {name: command(*name.split(), "--help").stdout for name in WITH_OPTIONS}


def test_the_help_lists_every_command(capsys):
    code, out, _ = ended(capsys, "--help")

    assert code == 0
    assert re.findall(r"^    (\w+) +\w", out, re.M) == [*COMMANDS]
    assert "MPARTICLE_API_KEY" in out
    assert out.startswith("usage: mpfluent COMMAND …\n")


def test_the_help_of_plan_lists_its_commands(capsys):
    code, out, _ = ended(capsys, "plan", "--help")

    assert code == 0
    assert re.findall(r"^    (\w+) +\w", out, re.M) == [*OF_PLANS]
    assert out.startswith("usage: mpfluent plan COMMAND …\n")


@pytest.mark.parametrize("name", WITH_OPTIONS)
def test_the_help_of_a_command_is_short_lines_with_examples_and_the_exit_status(name, helps):
    text = helps[name]

    assert text.startswith(f"usage: mpfluent {name} ")
    assert f"examples:\n  mpfluent {name} " in text
    assert "exit status" in text
    head = text.partition("examples:")[0]
    assert "positional arguments" not in head
    assert "show this help message" not in head
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize("name", WITH_OPTIONS)
def test_every_option_says_what_it_does(name, helps):
    text = " ".join(helps[name].partition("examples:")[0].split())
    options = re.findall(r"(--[a-z-]+)", text)

    assert len(options) > 1
    for option in {*options}:
        assert re.search(rf"{option}( [A-Z]+)? [a-z0-9]", text), option


@pytest.mark.parametrize("name", WITH_OPTIONS)
def test_the_examples_of_the_help_parse(name, helps):
    examples = helps[name].partition("examples:\n")[2].partition("\n\n")[0]
    lines = re.findall(r"^  mpfluent (.*)$", examples.replace("\\\n", " "), re.M)

    assert lines
    for line in lines:
        options = parser().parse_args(shlex.split(line.partition(" > ")[0]))
        assert options.command == name
