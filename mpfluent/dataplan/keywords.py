"""JSON Schema as the vendor's validator understands it; needs ``mpfluent[plan]``.

The library ``jsonschema`` walks through schemas and data. These are the keywords that report in
another way there, each with the sentence of the vendor's validator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from jsonschema import Draft7Validator, ValidationError
from jsonschema.validators import extend

from .definitions import has_rules
from .formats import FORMATS
from .javascript import same, text_of_number
from .patterns import Unreadable, compiled

Errors = Iterable[ValidationError]
Keyword = Callable[[Any, Any, Any, Any], Errors]

SCALARS = (str, int, float, bool)


def find_nothing(validator: Any, argument: Any, instance: Any, schema: Any) -> Errors:
    """Find nothing: for a keyword that says nothing by itself."""
    return ()


def _within(validator: Any, value: Any, schema: Any, place: str | int, step: Any = None) -> Errors:
    """Return the errors of a value within another one.

    Args:
        validator: of the value around.
        place: the name or the number of the value; step: of the schema, if it has one.
    """
    if schema is False:
        error = ValidationError("boolean schema is false", validator="false schema")
        error.path.append(place)
        return (error,)
    if type(value) in SCALARS and schema is not True and not _leads_on(schema):
        return _of_scalar(validator, value, schema, place)
    return validator.descend(value, schema, place, step)  # type: ignore[no-any-return]


def _leads_on(schema: Any) -> bool:
    """Return whether the library has to know where a schema stands."""
    return "$ref" in schema or "$id" in schema


def _of_scalar(validator: Any, value: Any, schema: Any, place: str | int) -> list[ValidationError]:
    """Return the errors of a scalar, without what the library prepares for each schema.

    That takes most of the time of a batch, and only schemas with names of their own need it.
    """
    found = []
    checks = validator.VALIDATORS
    for keyword, argument in schema.items():
        check = checks.get(keyword)
        if check is None:
            continue
        for error in check(validator, argument, value, schema) or ():
            if error.validator is not None and not isinstance(error.validator, str):  # unset
                error.validator, error.validator_value = keyword, argument
                error.instance, error.schema = value, schema
            error.path.appendleft(place)
            found.append(error)
    return found


def _required(validator: Any, names: list[str], instance: Any, schema: Any) -> Errors:
    """Report what ``properties`` does not: names that it has not, or without a rule."""
    if isinstance(instance, dict):
        properties = schema.get("properties", {})
        for name in names:
            if name not in instance and not has_rules(properties.get(name, True)):
                yield _missing(name)


def _missing(name: str) -> ValidationError:
    return ValidationError(name, validator="required")


def _properties(validator: Any, properties: Any, instance: Any, schema: Any) -> Errors:
    if isinstance(instance, dict):
        required = schema.get("required", ())
        for name, subschema in properties.items():
            if name in instance:
                yield from _within(validator, instance[name], subschema, name, name)
            elif name in required and has_rules(subschema):
                yield _missing(name)


def _additional_properties(validator: Any, allowed: Any, instance: Any, schema: Any) -> Errors:
    if not isinstance(instance, dict) or allowed is True:
        return
    planned = schema.get("properties", {})
    patterns = schema.get("patternProperties", {})
    for name, value in instance.items():
        if name in planned or any(_finds(pattern, name) for pattern in patterns):
            continue
        if allowed is False:
            yield ValidationError(name)
        else:
            yield from _within(validator, value, allowed, name)


def _pattern_properties(validator: Any, patterns: Any, instance: Any, schema: Any) -> Errors:
    if isinstance(instance, dict):
        for pattern, subschema in patterns.items():
            for name, value in instance.items():
                if _finds(pattern, name):
                    yield from _within(validator, value, subschema, name, pattern)


def _property_names(validator: Any, subschema: Any, instance: Any, schema: Any) -> Errors:
    if isinstance(instance, dict):
        for name in instance:
            errors = list(validator.descend(name, subschema))
            yield from errors
            if errors:
                yield ValidationError(f"property name '{name}' is invalid")


def _dependencies(validator: Any, dependencies: Any, instance: Any, schema: Any) -> Errors:
    if not isinstance(instance, dict):
        return
    met = {name: then for name, then in dependencies.items() if name in instance}
    for name, then in met.items():
        if isinstance(then, list):
            words = "property" if len(then) == 1 else "properties"
            for other in then:
                if other not in instance:
                    names = ", ".join(then)
                    yield ValidationError(
                        f"should have {words} {names} when property {name} is present"
                    )
    for name, then in met.items():
        if not isinstance(then, list):
            yield from validator.descend(instance, then, None, name)


def _items(validator: Any, items: Any, instance: Any, schema: Any) -> Errors:
    if not isinstance(instance, list):
        return
    if not isinstance(items, list):
        for place, item in enumerate(instance):
            yield from _within(validator, item, items, place)
        return
    additional = schema.get("additionalItems", True)
    if additional is False and len(instance) > len(items):
        sentence = f"should NOT have more than {len(items)} items"
        yield ValidationError(sentence, validator="additionalItems")
    for place, (item, subschema) in enumerate(zip(instance, items)):
        yield from _within(validator, item, subschema, place, place)
    if additional is not False:
        for place, item in enumerate(instance[len(items) :], len(items)):
            yield from _within(validator, item, additional, place)


def _contains(validator: Any, subschema: Any, instance: Any, schema: Any) -> Errors:
    if isinstance(instance, list):
        found: list[ValidationError] = []
        for place, item in enumerate(instance):
            errors = list(_within(validator, item, subschema, place))
            if not errors:
                return
            found += errors
        yield from found
        yield ValidationError("should contain a valid item")


def _unique_items(validator: Any, unique: bool, instance: Any, schema: Any) -> Errors:
    if unique and isinstance(instance, list):
        items = schema.get("items")
        kinds = items.get("type", []) if isinstance(items, dict) else []
        kinds = [kinds] if isinstance(kinds, str) else kinds
        scalars = bool(kinds) and "object" not in kinds and "array" not in kinds
        pair = _last_twins(validator, instance, kinds if scalars else None)
        if pair is not None:
            which = f"items ## {pair[0]} and {pair[1]} are identical"
            yield ValidationError(f"should NOT have duplicate items ({which})")


def _last_twins(validator: Any, items: list[Any], kinds: Any) -> tuple[int, int] | None:
    """Return the two equal items that are found first from the end.

    Args:
        kinds: if all items are scalars of these types, they are looked up in a table, which names
            the later one first.
    """
    if kinds is None:
        for later in reversed(range(len(items))):
            for earlier in reversed(range(later)):
                if same(items[later], items[earlier]):
                    return earlier, later
        return None
    seen: list[int] = []
    for place in reversed(range(len(items))):
        if any(validator.is_type(items[place], kind) for kind in kinds):
            twin = next((other for other in seen if same(items[place], items[other])), None)
            if twin is not None:
                return twin, place
            seen.append(place)
    return None


def check_enum(validator: Any, words: list[Any], instance: Any, schema: Any) -> Errors:
    """Report a value that is none of the words."""
    if instance in words and any(same(word, instance) for word in words):
        return ()
    return (ValidationError("should be equal to one of the allowed values"),)


def check_const(validator: Any, word: Any, instance: Any, schema: Any) -> Errors:
    """Report a value that is not the word."""
    return () if same(word, instance) else (ValidationError("should be equal to constant"),)


def check_multiple_of(validator: Any, divisor: float, instance: Any, schema: Any) -> Errors:
    """Report a number that is no multiple, as JavaScript divides."""
    if validator.is_type(instance, "number"):
        quotient = float(instance) / float(divisor)
        # as JavaScript reads a whole number from the text of this one
        if abs(quotient) >= 1e21 or not quotient.is_integer():
            return (ValidationError(f"should be multiple of {text_of_number(divisor)}"),)
    return ()


def check_pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Errors:
    """Report a text in which a pattern of JavaScript finds nothing."""
    if isinstance(instance, str) and not _finds(pattern, instance):
        return (ValidationError(f'should match pattern "{pattern}"'),)
    return ()


def _finds(pattern: str, text: str) -> bool:
    try:
        return compiled(pattern).finds(text)
    except Unreadable:  # the server's reading: what cannot be checked says nothing
        return True


def check_format(validator: Any, name: str, instance: Any, schema: Any) -> Errors:
    """Report a text that is not of a format."""
    if isinstance(instance, str) and name in FORMATS and not FORMATS[name](instance):
        return (ValidationError(f'should match format "{name}"'),)
    return ()


def _type(validator: Any, kinds: Any, instance: Any, schema: Any) -> Errors:
    if is_of(validator, instance, kinds):
        return ()
    return (ValidationError(f"should be {','.join(listed_types(kinds))}"),)


def listed_types(kinds: Any) -> list[str]:
    """Return a type, or several, as a list."""
    return [kinds] if isinstance(kinds, str) else kinds


def is_of(validator: Any, value: Any, kinds: Any) -> bool:
    """Return whether a value is of a type, or of one of several."""
    if isinstance(kinds, str):
        return validator.is_type(value, kinds)  # type: ignore[no-any-return]
    return any(validator.is_type(value, kind) for kind in kinds)


def _not(validator: Any, subschema: Any, instance: Any, schema: Any) -> Errors:
    if not any(validator.descend(instance, subschema)):
        yield ValidationError("should NOT be valid")


def _any_of(validator: Any, subschemas: list[Any], instance: Any, schema: Any) -> Errors:
    found: list[ValidationError] = []
    for place, subschema in enumerate(subschemas):
        errors = list(validator.descend(instance, subschema, None, place))
        if not errors:
            return
        found += errors
    yield from found
    yield ValidationError("should match some schema in anyOf")


def _one_of(validator: Any, subschemas: list[Any], instance: Any, schema: Any) -> Errors:
    found: list[ValidationError] = []
    met = 0
    for place, subschema in enumerate(subschemas):
        errors = list(validator.descend(instance, subschema, None, place))
        found += errors
        met += not errors
        if met > 1:
            break
    if met != 1:
        yield from found
        yield ValidationError("should match exactly one schema in oneOf")


def _if(validator: Any, subschema: Any, instance: Any, schema: Any) -> Errors:
    branch = "else" if any(validator.descend(instance, subschema)) else "then"
    errors = list(validator.descend(instance, schema.get(branch, True), None, branch))
    yield from errors
    if errors:
        yield ValidationError(f'should match "{branch}" schema')


def _limit(
    sentence: str, kind: type | tuple[type, ...], broken: Callable[[Any, Any], bool]
) -> Keyword:
    """Return a keyword that compares a value with a number."""

    def check(validator: Any, limit: Any, instance: Any, schema: Any) -> Errors:
        if (
            isinstance(instance, kind)
            and not isinstance(instance, bool)
            and broken(instance, limit)
        ):
            return (ValidationError(sentence.format(text_of_number(limit))),)
        return ()

    return check


_NUMBERS = (int, float)
LIMITS: dict[str, Keyword] = {
    "maximum": _limit("should be <= {}", _NUMBERS, lambda value, most: value > most),
    "minimum": _limit("should be >= {}", _NUMBERS, lambda value, least: value < least),
    "exclusiveMaximum": _limit("should be < {}", _NUMBERS, lambda value, most: value >= most),
    "exclusiveMinimum": _limit("should be > {}", _NUMBERS, lambda value, least: value <= least),
    **{
        f"max{what}": _limit(
            f"should NOT {verb} than {{}} {unit}", kind, lambda value, most: len(value) > most
        )
        for what, verb, unit, kind in (
            ("Length", "be longer", "characters", str),
            ("Items", "have more", "items", list),
            ("Properties", "have more", "properties", dict),
        )
    },
    **{
        f"min{what}": _limit(
            f"should NOT {verb} than {{}} {unit}", kind, lambda value, least: len(value) < least
        )
        for what, verb, unit, kind in (
            ("Length", "be shorter", "characters", str),
            ("Items", "have fewer", "items", list),
            ("Properties", "have fewer", "properties", dict),
        )
    },
}

NODE = extend(
    Draft7Validator,
    {
        **LIMITS,
        "additionalItems": find_nothing,  # `items` does it, in the right order
        "additionalProperties": _additional_properties,
        "anyOf": _any_of,
        "const": check_const,
        "contains": _contains,
        "dependencies": _dependencies,
        "enum": check_enum,
        "format": check_format,
        "if": _if,
        "items": _items,
        "multipleOf": check_multiple_of,
        "not": _not,
        "oneOf": _one_of,
        "pattern": check_pattern,
        "patternProperties": _pattern_properties,
        "properties": _properties,
        "propertyNames": _property_names,
        "required": _required,
        "type": _type,
        "uniqueItems": _unique_items,
    },
)
