"""The warning for a batch that the very statement that made it threw away.

``shopper.event("Searched")`` alone on a line does nothing: the new batch is lost. Under ``python -X
dev`` or ``MPFLUENT_DEBUG=1``, or after :func:`watch`, such a line warns. Otherwise nothing here
runs, and no verb is touched.

What becomes of a result stands in the caller's bytecode, right after the call: ``POP_TOP`` throws
it away, and ``RETURN_VALUE`` hands it to the caller's caller, of whom the same is asked. A call
from C has no bytecode: in ``results.extend(map(Batch.first_run, batches))`` the instruction is
that of ``extend``. So it counts only if it calls what we are called by.
"""

from __future__ import annotations

import functools
import os
import sys
import warnings
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from types import CodeType, FrameType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import UnusedBatchWarning

if TYPE_CHECKING:
    import dis

_KEPT, _RETURNED, _THROWN = range(3)
_MOST = 10_000  # code objects to remember; a prompt makes new ones all day
_MOST_DISASSEMBLED = 20  # of these, instructions too; they take a thousand times the room
_NOWHERE = (0, 0)  # the position of an instruction that has none
_LONGEST = 79  # letters of a call; what is longer loses its middle
_BOTH = "STORE_FAST_LOAD_FAST"  # from 3.13 on; it has the position of what it stores
_FUNCTIONS = (FunctionType, MethodType, classmethod, staticmethod)
_LASTING = 0x20 | 0x80 | 0x200  # generators, coroutines and both: their caller gets no result
_EXEMPT = frozenset({"pipe"})  # its function may be called for what it does
_BESIDE = frozenset({"PUSH_NULL", "KW_NAMES", "LOAD_CONST"})  # may have a callee's position, too

_roots: list[type] = []  # the classes whose subclasses have the verbs
_known: dict[int, tuple[CodeType, dict[int, _Fate]]] = {}  # by the code's id, by the offset
_disassembled: dict[int, tuple[CodeType, list[dis.Instruction]]] = {}  # by the code's id
_watching = False


class _Fate(NamedTuple):
    """What becomes of the result of one instruction.

    Attributes:
        kind: kept, returned or thrown away.
        callee: the name that it calls, "__add__" for a plus, None where that cannot be told.
        line: where the statement begins.
        written: the call as it is written, such as ("self", ".batch", ".event", "(…)").
    """

    kind: int = _KEPT
    callee: str | None = None
    line: int | None = None
    written: tuple[str, ...] = ()


def watch() -> None:
    """Warn from now on wherever a statement throws away the batch or session that it made.

    Calling it again changes nothing.
    """
    global _watching
    _watching = True
    classes = list(_roots)
    for cls in classes:
        classes += cls.__subclasses__()
        _guard(cls)


def add_root(cls: type) -> None:
    """Say whose subclasses have the verbs."""
    _roots.append(cls)
    if _watching:
        watch()


def created(cls: type) -> None:
    """Watch the verbs of a new class too, if any are watched."""
    if _watching:
        _guard(cls)


def _guard(cls: type) -> None:
    """Put a guard around each verb that the class itself defines."""
    for name, verb in list(vars(cls).items()):
        if not isinstance(verb, FunctionType) or verb.__code__ is _GUARD:
            continue
        if name == "__add__" or not (name.startswith("_") or name in _EXEMPT):
            setattr(cls, name, _guarded(name, verb))


def _guarded(name: str, verb: Any) -> Any:
    known, frame_of = _known, sys._getframe

    @functools.wraps(verb)
    def guarded(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True  # pytest leaves such frames out
        made = verb(self, *args, **kwargs)
        if made is not self:  # where nothing changed, nothing is lost: the verb may be a check
            caller = frame_of().f_back
            if caller is not None:
                fates = known.get(id(caller.f_code))
                fate = fates and fates[1].get(caller.f_lasti)
                if not fate or fate.kind:
                    _follow(caller, name, made)
        return made

    return guarded


_GUARD: CodeType = _guarded("", len).__code__


def _follow(caller: FrameType | None, name: str, made: Any) -> None:
    """Warn if the statement that is given what ``name`` returned throws it away."""
    __tracebackhide__ = True
    if not isinstance(made, tuple(_roots)):
        return
    while caller is not None and caller.f_code is not _GUARD:  # a guard asks for itself
        fate = _fate(caller.f_code, caller.f_lasti)
        if fate.kind == _KEPT or fate.callee != name or _is_wrapped(caller, fate):
            return
        if fate.kind == _THROWN:
            _warn(caller, fate, made)
            return
        if caller.f_code.co_flags & _LASTING:
            return
        name, caller = caller.f_code.co_name, caller.f_back


def _warn(caller: FrameType, fate: _Fate, made: Any) -> None:
    __tracebackhide__ = True
    kind = made._kind.lower()
    verb = "+" if fate.callee == "__add__" else f"{fate.callee}()"
    target = _variable(caller, fate.written) or kind
    warnings.warn_explicit(
        f"{verb} returns a new {kind}, and this line throws it away; "
        f"write {target} = {''.join(fate.written)}",
        UnusedBatchWarning,
        caller.f_code.co_filename,
        fate.line or caller.f_lineno,
        caller.f_globals.get("__name__", "<string>"),  # exec may be given no name
        caller.f_globals.setdefault("__warningregistry__", {}),
    )


def _is_wrapped(caller: FrameType, fate: _Fate) -> bool:
    """Return whether what is called is no function, such as a cache: that may keep the result."""
    path, last = fate.written[:-1], fate.written[-1]
    held = _held(caller, path) if last[0] == "(" and _is_path(path) else None
    return callable(held) and not isinstance(held, _FUNCTIONS)


def _is_path(written: Sequence[str]) -> bool:
    return bool(written) and all(part[0] not in "( …" for part in written)


def _held(caller: FrameType, path: Sequence[str]) -> Any:
    """Return what a path such as ``self.batch`` stands for, None where that cannot be told.

    Nothing is called for that: a property may do what it likes.
    """
    import inspect  # only where somebody is warned: it is slow to import

    held = caller.f_locals.get(path[0], caller.f_globals.get(path[0]))
    for part in path[1:]:
        held = inspect.getattr_static(held, part[1:], None)
    return held


def _variable(caller: FrameType, written: Sequence[str]) -> str | None:
    """Return the plain name, such as ``self.batch``, that holds what the call begins with."""
    end = next(place for place, part in enumerate(written) if part[0] in "( ")  # a call, or a plus
    path = written[: end if written[end][0] == " " else end - 1]
    held = _held(caller, path) if _is_path(path) else None
    return "".join(path) if isinstance(held, tuple(_roots)) else None


def _fate(code: CodeType, offset: int) -> _Fate:
    """Return what becomes of the result of an instruction; each is looked at once."""
    if len(_known) > _MOST:
        _known.clear()
    fates = _known.setdefault(id(code), (code, {}))[1]
    fate = fates.get(offset)
    if fate is None:
        fate = fates[offset] = _read(code, offset)
    return fate


def _read(code: CodeType, offset: int) -> _Fate:
    import dis  # it takes a while to load, and is needed only where somebody watches

    kind = _kind_after(code.co_code, offset, dis.opmap)
    if kind == _KEPT:
        return _Fate()
    steps = _steps(code)
    here = bisect_right(steps, offset, key=lambda step: step.offset) - 1
    head = _head(steps, here)
    if head is None:
        return _Fate()
    if steps[here].opname == "BINARY_OP" and steps[here].argrepr == "+":
        line, written = _written(steps, head)
        return _Fate(kind, "__add__", line, (*written, " + …"))
    callee = _name(steps[head])
    if steps[here].opname.startswith("CALL") and callee is not None:
        line, written = _written(steps, here)
        return _Fate(kind, callee, line, written)
    return _Fate()


def _kind_after(opcodes: bytes, offset: int, number: Mapping[str, int]) -> int:
    """Return what the next instruction does with a result; nothing is disassembled for that."""
    passed = {number[name] for name in ("CACHE", "NOP", "EXTENDED_ARG", "JUMP_FORWARD")}
    argument, after = 0, offset + 2
    while opcodes[after] in passed:
        argument = argument << 8 | opcodes[after + 1]
        after += 2
        if opcodes[after - 2] == number["JUMP_FORWARD"]:
            after += 2 * argument
        if opcodes[after - 2] != number["EXTENDED_ARG"]:
            argument = 0
    kinds = {number["POP_TOP"]: _THROWN, number["RETURN_VALUE"]: _RETURNED}
    return kinds.get(opcodes[after], _KEPT)


def _steps(code: CodeType) -> list[dis.Instruction]:
    """Return the instructions of a code object; those of the last few are kept."""
    import dis

    kept = _disassembled.get(id(code))  # another thread may clear them at any time
    if kept is None:
        if len(_disassembled) >= _MOST_DISASSEMBLED:
            _disassembled.clear()
        kept = _disassembled[id(code)] = code, list(dis.get_instructions(code))
    return kept[1]


def _head(steps: Sequence[dis.Instruction], place: int) -> int | None:
    """Return the place of the instruction that gave what this one calls, or adds to.

    It is the longest expression that begins where the whole begins: arguments begin later.
    """
    begin, end = _span(steps[place])
    spans = {}  # of the instructions within the whole, the last one first
    outside = None
    for before in reversed(range(place)):
        span = _span(steps[before])
        if _NOWHERE < span[0] < begin:
            outside = before
            break
        spans[before] = span
    longest = max(
        (ends for begins, ends in spans.values() if begins == begin and ends < end), default=None
    )
    for before, (_, ends) in spans.items():
        if ends == longest is not None and steps[before].opname not in _BESIDE:
            return before
    jumps = any("JUMP" in steps[before].opname for before in spans)
    return outside if outside is not None and steps[outside].opname == _BOTH and not jumps else None


def _span(step: dis.Instruction) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return where an instruction's source begins and ends, as lines and columns."""
    at = step.positions
    if at is None or at.lineno is None or at.end_lineno is None or at.col_offset is None:
        return _NOWHERE, _NOWHERE  # as under -X no_debug_ranges: nothing is shorter than that
    return (at.lineno, at.col_offset), (at.end_lineno, at.end_col_offset or 0)


def _name(step: dis.Instruction) -> str | None:
    """Return the name that an instruction loads; from 3.13 on, it may do two things at once."""
    names = step.argval
    if isinstance(names, tuple):
        names = names[step.opname.startswith("STORE_")]
    return names if isinstance(names, str) else None


def _written(
    steps: Sequence[dis.Instruction], place: int | None
) -> tuple[int | None, tuple[str, ...]]:
    """Return the line where a chain of names and calls begins, and how it reads."""
    line, parts = None, []  # the last part first
    while place is not None and line is None:
        step = steps[place]
        if step.opname.startswith("LOAD_SUPER"):
            line = _span(step)[0][0]
            parts += [f".{step.argval}", "()", "super"]
        elif step.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            parts.append(f".{step.argval}")
            # after an "a if b else c", which of them it was cannot be told
            place = None if step.is_jump_target else place - 1
        elif step.opname.startswith("CALL"):
            parts.append("(…)" if step.opname != "CALL" or step.argval else "()")
            place = _head(steps, place)
        elif step.opname.startswith(("LOAD_", _BOTH)) and step.opname != "LOAD_CONST":
            line = _span(step)[0][0]
            parts.append(_name(step) or "…")
        else:
            place = None
    if line is None:
        parts.append("…")
    return line, _shortened(parts[::-1])


def _shortened(parts: list[str]) -> tuple[str, ...]:
    """Return how a call reads; of a long chain only the first call and the last."""
    first = next((place + 1 for place, part in enumerate(parts) if part[0] == "("), len(parts))
    if sum(map(len, parts)) > _LONGEST and first < len(parts) - 2:
        parts[first:-2] = ["…"]
    return tuple(parts)


if sys.flags.dev_mode or os.environ.get("MPFLUENT_DEBUG", "0") not in ("", "0"):
    watch()
