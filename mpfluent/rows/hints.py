"""What to write instead of a name that a table or a row has not."""

from __future__ import annotations

from collections.abc import Container, Sequence

from ..errors import UnknownVerb, brief, closest

_VERBS = {
    **dict.fromkeys(("key", "keys", "with_id", "with_ids"), "with_key"),
    **dict.fromkeys(("group", "group_by", "groupby", "with_group"), "grouped_by"),
    **dict.fromkeys(("head", "limit", "take"), "first"),
    **dict.fromkeys(("apply", "transform", "with_map", "with_mapping"), "map"),
    **dict.fromkeys(("dry_run", "preview", "problems", "validate"), "check"),
    **dict.fromkeys(("resume", "checkpoint", "with_resume"), "with_checkpoint"),
}
_GETTERS = {
    **dict.fromkeys(("str", "string"), "text"),
    "int": "integer",
    "float": "number",
    **dict.fromkeys(("bool", "boolean"), "flag"),
    **dict.fromkeys(("date", "datetime", "timestamp"), "time"),
}


def unknown_verb(name: str, names: Sequence[str]) -> UnknownVerb:
    """Return the error for a verb that a table has not.

    Args:
        names: what it has.
    """
    if name in ("send", "send_all", "upload"):
        hint = "a client sends it: write client.send_all(rows)"
    else:
        meant = _VERBS.get(name) or closest(name, names)
        hint = f"did you mean {meant!r}?" if meant else "help(Rows) lists what it has"
    return UnknownVerb(f"Rows has no verb {brief(name)}; {hint}")


def unknown_getter(name: str, columns: Container[str], names: Sequence[str]) -> UnknownVerb:
    """Return the error for a getter that a row has not: it may be a column.

    Args:
        columns: those of the row.
        names: what a row has.
    """
    if name in columns:
        hint = f"a getter says what the cell holds: write row.text({name!r})"
    else:
        meant = _GETTERS.get(name) or closest(name, names)
        hint = f"did you mean {meant!r}?" if meant else "help(Row) lists what it has"
    return UnknownVerb(f"a row has no {brief(name)}; {hint}")
