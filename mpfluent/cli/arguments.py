"""A parser of arguments whose errors are in our words, and the checks of single values."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from typing import Any, NoReturn

from ..errors import brief, closest
from .statuses import MISTAKE

_KEYS = "a command line is seen by other users and kept in a history"
_SECRETS = {  # options that people try, and what to write instead
    "--api-key": f"{_KEYS}; write export MPARTICLE_API_KEY='…'",
    "--api-secret": f"{_KEYS}; write export MPARTICLE_API_SECRET='…'",
    "--secret": f"{_KEYS}; write export MPARTICLE_API_SECRET='…'",
}


class _Help(argparse.RawDescriptionHelpFormatter):
    """Leaves the examples as they are, and gives the options room."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"max_help_position": 28, **kwargs})


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line that says what to write."""

    def __init__(self, **settings: Any) -> None:
        ours = {"formatter_class": _Help, "allow_abbrev": False, "add_help": False}
        super().__init__(**{**settings, **ours})

    def error(self, message: str) -> NoReturn:
        """Print what is wrong, and end with status 2."""
        options = [name for name in self._option_string_actions if name.startswith("--")]
        commands = [*self.commands.choices] if self.commands else []
        said = _reworded(message, self.prog, options, commands)
        self.exit(MISTAKE, f"{self.prog}: {said}\n")

    commands: argparse._SubParsersAction[Parser] | None = None

    def parse_known_args(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, args: Any = None, namespace: Any = None
    ) -> Any:
        """Parse; what is unknown is an error of the command in which it stands."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {unknown[0]}")
        # which argparse would say first
        if self.commands and getattr(found, self.commands.dest) is None:
            self.error("the following arguments are required: COMMAND")
        return found, unknown


def _reworded(message: str, prog: str, options: list[str], commands: list[str]) -> str:
    """Return an error of argparse in our words, without the value of an option."""
    if found := re.match(r"unrecognized arguments: ([^\s=]+)", message):
        return _unknown(found[1], options)
    if found := re.match(r"argument COMMAND: invalid choice: '(.*?)'", message):
        meant = closest(found[1], commands)
        hint = f"did you mean {meant}?" if meant else f"want one of {', '.join(commands)}"
        return f"there is no command {brief(found[1])}; {hint}"
    if found := re.match(r"the following arguments are required: (.*)", message):
        if found[1] == "COMMAND":
            return f"want a command: {', '.join(commands)}; {prog} --help says what they do"
        return f"{found[1].split(',')[0]} is missing; see --help"
    if found := re.match(r"argument (?:-\w, )?(\S+): expected one argument", message):
        return f"{found[1]} wants a value after it; see --help"
    if found := re.match(r"argument (\S+): not allowed with argument (\S+)", message):
        return f"{found[2]} and {found[1]} do not go together; write one of them"
    return re.sub(r"^argument (?:-\w, )?(\S+): ", r"\1 ", message)


def _unknown(name: str, options: list[str]) -> str:
    if name in _SECRETS:
        return f"{name} is no option: {_SECRETS[name]}"
    if not name.startswith("-"):
        return f"{brief(name)} is one argument too many; see --help"
    meant = closest(name[2:], [option[2:] for option in options])
    return f"there is no option {name}; " + (f"did you mean --{meant}?" if meant else "see --help")


def count(text: str, least: int = 1) -> int:
    """Return the whole number that an option says, from the least one on."""
    if text.isascii() and text.isdigit() and int(text[:18]) >= least:
        return int(text[:18])
    raise argparse.ArgumentTypeError(f"{text}: want a whole number, {least} or more")


def rate(text: str) -> float:
    """Return the batches a second that an option says."""
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if 0 < found < float("inf"):
        return found
    raise argparse.ArgumentTypeError(
        f"{text}: want batches a second, a number above 0, such as 270"
    )


def one_of(*words: str) -> Callable[[str], str]:
    """Return what checks that an option is one of these words."""

    def checked(text: str) -> str:
        if text in words:
            return text
        meant = closest(text, words)
        hint = f"did you mean {meant}?" if meant else f"want one of {', '.join(words)}"
        raise argparse.ArgumentTypeError(f"{text}: {hint}")

    return checked
