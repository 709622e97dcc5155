"""The warning for a batch that is thrown away by the statement that made it.

``shopper.event("Searched")`` alone on a line does nothing: the new batch is lost. Under ``python
-X dev`` or ``MPFLUENT_DEBUG=1``, or after :func:`watch`, such a line warns. Otherwise nothing here
runs, and no verb is changed.

The caller's next instruction says what happens to a result. ``POP_TOP`` throws it away.
``RETURN_VALUE`` gives it to the caller's caller, where the same question is asked again. C code
has no instructions: where ``found.extend(map(Batch.first_run, batches))`` calls ``first_run``, the
next instruction is for the result of ``extend``. So the call must name the function that returned.
"""

from __future__ import annotations

import functools
import os
import re
import sys
import warnings
from types import CodeType, FrameType, FunctionType, MethodType, NoneType
from typing import Any

from ..errors import UnusedBatchWarning

_ENDS = {"POP_TOP", "RETURN_VALUE", "JUMP_FORWARD", "NOP", "EXTENDED_ARG"}  # or lead to one
_FUNCTIONS = (FunctionType, MethodType, staticmethod, classmethod, NoneType)  # None: not known
_LAZY = 0x20 | 0x80 | 0x200  # the flags of generators and coroutines: their caller gets no result

_roots: list[type] = []  # the classes whose subclasses have verbs
_watching = False


def watch() -> None:
    """Warn from now on where a statement throws away the batch or session that it made."""
    global _watching
    _watching = True
    classes = list(_roots)
    for cls in classes:
        classes += cls.__subclasses__()
        register(cls)


def register(cls: type) -> None:
    """Watch the verbs that a class defines, now or as soon as :func:`watch` is called."""
    if not issubclass(cls, tuple(_roots)):
        _roots.append(cls)
    for name, verb in list(vars(cls).items()) if _watching else ():
        is_verb = name == "__add__" or not name.startswith("_")
        if is_verb and isinstance(verb, FunctionType) and verb.__code__ is not _GUARD:
            setattr(cls, name, _guarded(name, verb))


def _guarded(name: str, verb: Any) -> Any:
    @functools.wraps(verb)
    def guarded(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True  # pytest leaves such frames out
        made = verb(self, *args, **kwargs)
        if made is not self:  # where nothing changed, nothing is lost: the verb may be a check
            _warn_if_unused(sys._getframe(1), name, made)
        return made

    return guarded


_GUARD: CodeType = _guarded("", len).__code__


def _warn_if_unused(frame: FrameType | None, name: str, made: Any) -> None:
    """Warn if a statement throws away ``made``, which ``name`` has just returned to the frame."""
    import opcode  # not at the top: opcode, inspect and dis are slow to import and rarely needed

    __tracebackhide__ = True
    roots: Any = tuple(_roots)
    while frame is not None:
        code, after = frame.f_code, frame.f_lasti + 2  # an instruction has two bytes
        while not code.co_code[after]:  # CACHE, which is 0 in every version, follows a call
            after += 2
        if opcode.opname[code.co_code[after]] not in _ENDS or not isinstance(made, roots):
            return  # before anything is disassembled, which is slow: most batches are kept
        end, line, text, called = _results(code)[after]
        if called.rpartition(".")[2] != name or not isinstance(_value(frame, called), _FUNCTIONS):
            return  # C code called it, such as a cache, which keeps the result
        if end == "POP_TOP":
            kind, owner = made._kind.lower(), re.split(r"\.\w+\(| \+", text)[0]
            target = owner if isinstance(_value(frame, owner), roots) else kind
            verb = "+" if name == "__add__" else f"{name}()"
            why = f"{verb} returns a new {kind}, and this line throws it away"
            module = frame.f_globals.get("__name__", "<string>")  # exec may be given no name
            registry = frame.f_globals.setdefault("__warningregistry__", {})
            at = code.co_filename, line or frame.f_lineno, module, registry
            warnings.warn_explicit(f"{why}; write {target} = {text}", UnusedBatchWarning, *at)
        if end != "RETURN_VALUE" or code.co_flags & _LAZY:
            return
        name, frame = code.co_name, frame.f_back


def _value(frame: FrameType, path: str) -> Any:
    """Return what a path such as ``self.batch`` stands for, or None; no property is called."""
    import inspect

    first, *names = path.split(".")
    value = frame.f_locals.get(first, frame.f_globals.get(first))
    for name in names:
        value = inspect.getattr_static(value, name, None)
    return value


@functools.lru_cache(maxsize=20)  # what is known of a long function takes megabytes
def _results(code: CodeType) -> dict[int, tuple[str, int | None, str, str]]:
    """Return what each instruction is given by the one before it, by the instruction's offset.

    Of the result of ``shop.left()`` that is: the instruction that takes it in the end, the line
    where its text begins, the text, and the part of the text that is called, ``shop.left``.
    """
    import dis

    steps = list(dis.get_instructions(code))
    ends: dict[int | None, str] = {}
    for step in reversed(steps):  # a jump forward leads to an instruction that is known by then
        after = step.offset + 2
        leads_to = {"JUMP_FORWARD": step.argval, "NOP": after, "EXTENDED_ARG": after}
        ends[step.offset] = ends.get(leads_to.get(step.opname), step.opname)

    # An expression: its position, its text, and what of it is called. "…" is text left out.
    unknown: tuple[Any, str, str] = (None, None), "…", ""
    longest: dict[Any, tuple[Any, str, str]] = {}  # by the position where they begin
    calls: dict[Any, tuple[Any, str, str]] = {}  # the compiler may write one call several times
    results, made, fused = {}, unknown, unknown
    for step in steps:
        results[step.offset] = ends[step.offset], made[0][0], *made[1:]
        line, _, column, _ = step.positions or (None, None, None, None)
        if column is None:  # under -X no_debug_ranges nobody knows what is called
            continue
        at, op, name = (line, column), step.opname, step.argval
        begin, text, _ = longest.get(at, fused)  # what a call calls, or a plus adds to
        before, made = made, (at, "…", "")
        if op in ("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR"):
            begin, text, _ = made if step.is_jump_target else before  # after an "a if b else c"
            made = begin, f"{'super()' if 'SUPER' in op else text}.{name}", ""
        elif op in ("CALL", "CALL_KW", "CALL_FUNCTION_EX"):
            call = text + ("()" if op == "CALL" and not step.arg else "(…)")
            if len(call) > 79 or ")…" in call:  # more than a line: only its first and last call
                call = re.sub(r"(?<=\)).+(?=\.\w+\(…?\)$)", "…", call, count=1)
            made = calls.setdefault(step.positions, (begin, call, text))
        elif op == "BINARY_OP" and step.argrepr == "+":
            made = calls.setdefault(step.positions, (begin, f"{text} + …", "__add__"))
        elif "LOAD_" in op and op != "LOAD_CONST":
            names = name if isinstance(name, tuple) else (name,)  # 3.13 may do two things at once
            made = at, f"{names[op.startswith('STORE_')]}", ""
        if op.startswith(("STORE_", "POP_", "JUMP_")):
            # What STORE_FAST_LOAD_FAST (3.13) loads has no position: it counts until the next one.
            fused = made if "LOAD" in op else unknown
        if made[1] != "…" or "BINARY" in op:
            longest[at] = longest[made[0]] = made
        if op == "LOAD_FAST_LOAD_FAST":  # 3.13: the next instruction is given the second name
            made = unknown
    return results


if sys.flags.dev_mode or os.environ.get("MPFLUENT_DEBUG", "0") not in ("", "0"):
    watch()
