"""The identities of a batch, under the names of the Events API, and a plan's names for them.

A plan has the names of mParticle's identity API, and the ids of devices are among them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import InvalidValue, brief
from .javascript import cleaned

_NAMES = {"customerid": "customer_id", **{f"other{n}": f"other_id_{n}" for n in range(2, 11)}}
# Ids of devices: the name in a plan, and in device_info.
_OF_DEVICES = {
    "ios_idfa": "ios_advertising_id",
    "ios_idfv": "ios_idfv",
    "android_aaid": "android_advertising_id",
    "android_uuid": "android_uuid",
    "amp_id": "amp_id",
}
_ALL = {**_NAMES, **_OF_DEVICES, "device_application_stamp": "mp_deviceid"}


def renamed(definition: Any) -> Any:
    """Return the definition of identities with the names of the Events API.

    >>> renamed({"properties": {"customerid": {}, "email": {}}, "required": ["customerid"]})
    {'properties': {'customer_id': {}, 'email': {}}, 'required': ['customer_id']}
    """
    if not isinstance(definition, dict):
        return definition
    changed: dict[str, Any] = {}
    if isinstance(definition.get("properties"), dict):
        pairs = definition["properties"].items()
        changed["properties"] = {_api_name(name): schema for name, schema in pairs}
    if isinstance(definition.get("required"), list):
        changed["required"] = [_api_name(name) for name in definition["required"]]
    return {**definition, **changed}


def _api_name(name: Any) -> Any:
    return _ALL.get(name, name) if isinstance(name, str) else name


def wire_place(name: str) -> tuple[str, str]:
    """Return where an identity of a plan stands in a batch: the section, if any, and its name.

    >>> wire_place("customerid"), wire_place("device_application_stamp")
    (('user_identities', 'customer_id'), ('', 'mp_deviceid'))
    """
    wire = _ALL.get(name, name)
    if wire == "mp_deviceid":
        return "", wire
    return ("device_info" if wire in _OF_DEVICES.values() else "user_identities"), wire


def identities_of(data: Mapping[str, Any], definition: Any) -> dict[str, Any]:
    """Return the identities of a batch; those of a device only if the plan speaks of them.

    Args:
        data: the batch, as plain data; identities may be a list, as mParticle sends them out.
        definition: of the plan's identities; it is not broken.

    Raises:
        InvalidValue: they are neither an object nor a list, or ``device_info`` is no object.
    """
    identities = data.get("user_identities")
    if isinstance(identities, list):
        identities = _of_list(identities)
    found = {
        _NAMES.get(name, name): value
        for name, value in _object("user_identities", identities, "customer_id").items()
    }
    device = _object("device_info", data.get("device_info"), "android_uuid")
    ids = {name: device.get(name) for name in _OF_DEVICES.values()}
    ids["mp_deviceid"] = data.get("mp_deviceid")
    spoken_of = _spoken_of(definition)
    found.update({name: value for name, value in ids.items() if name in spoken_of})
    return cleaned(found, "user_identities")  # type: ignore[no-any-return]


def _of_list(identities: list[Any]) -> dict[str, Any]:
    found = {}
    for place, one in enumerate(identities):
        if isinstance(one, Mapping):
            name = one.get("identity_type")
            if not isinstance(name, str):
                raise InvalidValue(
                    f"validate(): user_identities[{place}].identity_type is {brief(name)}: "
                    "want text; write 'customer_id'"
                )
            found[name] = one.get("identity")
    return found


def _object(name: str, value: Any, example: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidValue(
            f'validate(): {name} is {brief(value)}: want an object; write {{"{example}": …}}'
        )
    return value


def _spoken_of(definition: Any) -> set[Any]:
    schema = renamed(definition)
    if not isinstance(schema, dict):
        return set()
    return {*schema.get("properties", ()), *schema.get("required", ())}
