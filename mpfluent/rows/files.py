"""Files of rows: which, their bytes and lines, and what can be wrong with a whole file."""

from __future__ import annotations

import glob
import io
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import IO, Any, NamedTuple, NoReturn, cast

from ..errors import ConfigurationError, brief, closest, one_line
from ..values.foreign import is_a, own

Path = str | os.PathLike[str]


def shown_path(path: object) -> str:
    """Return a path for an error, whole: what is cut out could be what tells two files apart."""
    return brief(path, 400)


Paths = Path | Iterable[Path]

_EXCEL = "it is a workbook of Excel or another archive; save the sheet as CSV"
_NO_TEXT = {  # what people take for text, by its first bytes
    b"PK\x03\x04": _EXCEL,
    b"\xd0\xcf\x11\xe0": _EXCEL,
    b"PAR1": "it is a Parquet file; write Rows.from_parquet(…)",
    b"\x28\xb5\x2f\xfd": "it is compressed by zstd, and only gzip is read; decompress it first",
    b"BZh9": "it is compressed by bzip2, and only gzip is read; decompress it first",
}
LONGEST = 2**24  # letters of a line: what is longer is never in memory as a whole


class _State(NamedTuple):
    """What changes when a file does."""

    device: int
    inode: int
    size: int
    modified: int


def _state_of(found: os.stat_result) -> _State:
    return _State(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


class _Watched(io.FileIO):
    """A file whose bytes count only as long as it stays as it was."""

    def __init__(self, path: str, state: _State, changed: ConfigurationError) -> None:
        super().__init__(path)
        self._state = state
        self._changed = changed

    def readinto(self, buffer: Any, /) -> int:
        count = super().readinto(buffer)
        if _state_of(os.fstat(self.fileno())) != self._state:
            raise self._changed
        return count


class Files:
    """Files that are read one after the other, and do not change from now on.

    Args:
        verb: that of the user, which errors name.
        paths: one or several; ``*``, ``?`` and ``[…]`` stand for what a shell takes them for.

    Raises:
        ConfigurationError: there is no such file, or it cannot be read.
    """

    def __init__(self, verb: str, paths: Paths) -> None:
        self._verb = verb
        paths = own(paths)
        if isinstance(paths, str | bytes | os.PathLike):
            paths = [paths]
        if not is_a(paths, Iterable):
            self._unwanted(paths)
        texts = [self._text(path) for path in paths]
        self.paths = [found for text in texts for found in self._expanded(text)]
        if not self.paths:
            raise self.refused([], f"want a path; write {verb}('path/to/rows')")
        self._states = {path: self._checked(path) for path in self.paths}
        files: dict[str, str] = {}
        for path in self.paths:
            real = os.path.realpath(path)
            if real in files:
                raise self.refused(path, f"it is the same file as {files[real]!r}; name it once")
            files[real] = path
        self.name = texts[0] if len(texts) == 1 else f"{texts[0]} and {len(texts) - 1} more"
        self._whole: set[str] = set()  # which are compressed, and were found to be whole
        self._fingerprint: str | None = None

    def refused(self, path: object, why: str) -> ConfigurationError:
        """Return the error for a whole file."""
        return ConfigurationError(f"{self._verb}({shown_path(path)}): {why}")

    def undecodable(self, path: str, line: int, encoding: str) -> ConfigurationError:
        """Return the error for bytes that no line can be made of."""
        return self.refused(
            path, f"from line {line} on, the bytes are not {encoding}; write encoding=…"
        )

    def common_columns(self, columns_of: Callable[[str], frozenset[str]]) -> frozenset[str]:
        """Return the columns that each of the files has.

        Args:
            columns_of: returns those of a path.
        """
        first, *others = self.paths
        columns = columns_of(first)
        for path in others:
            differing = columns ^ columns_of(path)
            if differing:
                raise self.refused(
                    path,
                    f"only one of this file and {first!r} has a column {min(differing)!r}; "
                    "read files with other columns apart",
                )
        return columns

    def fingerprint(self) -> str:
        """Return the SHA-256 of the bytes on the disk; of several files, that of theirs."""
        if self._fingerprint is None:
            import hashlib

            digests = []
            for path in self.paths:
                with self.bytes_of(path) as file:
                    digests.append(hashlib.file_digest(file, "sha256").hexdigest())
            several = hashlib.sha256("".join(digests).encode()).hexdigest()
            self._fingerprint = digests[0] if len(digests) == 1 else several
        return self._fingerprint

    # Which files

    def _text(self, path: object) -> str:
        path = own(path)
        text = os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else None
        return text or self._unwanted(path)

    def _unwanted(self, path: object) -> NoReturn:
        want = f"want a path, got {type(path).__name__}" if path else "want a path"
        raise self.refused(path, f"{want}; write {self._verb}('path/to/rows')")

    def _expanded(self, text: str) -> list[str]:
        if not any(letter in text for letter in "*?[") or os.path.lexists(text):
            return [text]
        found = sorted(glob.glob(text, recursive=True))
        if not found:
            raise self.refused(text, f"no file has such a name in {_folder(text)!r}")
        return found

    def _checked(self, path: str) -> _State:
        try:
            found = os.stat(path)
        except (OSError, ValueError) as error:  # a path with a NUL is a ValueError
            raise self.refused(path, _why_not(path, error)) from None
        if stat.S_ISDIR(found.st_mode):
            everything = f"{self._verb}({os.path.join(path, '*')!r})"
            raise self.refused(path, f"want a file, and this is a folder; write {everything}")
        if not stat.S_ISREG(found.st_mode):
            raise self.refused(path, "it can be read only once; write it into a file first")
        return _state_of(found)

    # What is in them

    @contextmanager
    def bytes_of(self, path: str) -> Iterator[io.BufferedReader]:
        """Open a file for its bytes; errors that come from reading them name the file."""
        changed = self.refused(
            path, "the file has changed meanwhile; move it here when it is whole, and start again"
        )
        try:
            with io.BufferedReader(_Watched(path, self._states[path], changed), 2**16) as file:
                yield cast(io.BufferedReader, file)
        except OSError as error:
            raise self.refused(path, _why_not(path, error)) from None

    @contextmanager
    def opened(self, path: str) -> Iterator[IO[bytes]]:
        """Open a file for its content; if it is compressed by gzip, it must be whole."""
        with self.bytes_of(path) as file:
            head = file.peek(4)[:4]
            if head in _NO_TEXT:
                raise self.refused(path, _NO_TEXT[head])
            if head[:2] != b"\x1f\x8b":
                yield file
                return
            import gzip
            import zlib

            try:
                with gzip.GzipFile(fileobj=file) as content:
                    if path not in self._whole:  # its checksum comes last
                        while content.read(2**20):
                            pass
                        content.seek(0)
                        self._whole.add(path)
                    yield cast(IO[bytes], content)
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                why = f"the gzip is broken ({one_line(str(error))}); fetch the file again"
                raise self.refused(path, why) from None


class Lines:
    """The lines of a text file, and what is wrong with them.

    Attributes:
        flaw: what is wrong with the lines since it was last set to None.
    """

    def __init__(self, file: IO[bytes], encoding: str) -> None:
        self.flaw: str | None = None
        self._encoding = encoding
        # what is no text is known when its line is
        self._text = io.TextIOWrapper(file, encoding=encoding, errors="surrogateescape", newline="")

    def __iter__(self) -> Iterator[str]:
        read = partial(self._text.readline, LONGEST)
        is_first = True
        for line in iter(read, ""):
            if is_first:  # some encodings, such as utf-8, leave the byte order mark there
                is_first, line = False, line.removeprefix("\ufeff")
            if len(line) == LONGEST and line[-1] not in "\r\n":
                while (rest := read()) and rest[-1] not in "\r\n":
                    pass
                self.flaw = f"the row is longer than {LONGEST} letters"
                line = "\n"
            if "\0" in line:
                self.flaw = "the row holds a NUL, which no text does"
            if not line.isascii():
                try:
                    line.encode()
                except UnicodeEncodeError as error:
                    self.flaw = self._undecoded(line[error.start])
            yield line

    def _undecoded(self, letter: str) -> str:
        byte = ord(letter) - 0xDC00
        meant = "utf-16" if byte >= 0xFE else "cp1252"
        shown = self._encoding.removesuffix("-sig")
        return f"the byte 0x{byte:02x} is not {shown}; write encoding={meant!r}, or what it is"


def _folder(path: str) -> str:
    return os.path.dirname(os.path.abspath(path))


def _why_not(path: str, error: OSError | ValueError) -> str:
    """Return why a file cannot be read."""
    if not isinstance(error, FileNotFoundError):
        why = error.strerror if isinstance(error, OSError) else "a path has no NUL"
        return f"it cannot be read ({one_line(str(why))})"
    folder, name = os.path.split(path)
    try:
        meant = closest(name, os.listdir(folder or "."))
    except OSError:
        meant = None
    hint = f"; did you mean {os.path.join(folder, meant)!r}?" if meant else ""
    return f"there is no such file in {_folder(path)!r}{hint}"


def checked_encoding(verb: str, encoding: object) -> str:
    """Return the name of an encoding of text."""
    try:
        if isinstance(encoding, str):
            io.TextIOWrapper(io.BytesIO(), encoding=encoding)
            return encoding
    except (LookupError, ValueError):
        pass
    raise ConfigurationError(
        f"{verb}(encoding={brief(encoding)}): no such encoding; write encoding='cp1252'"
    )
