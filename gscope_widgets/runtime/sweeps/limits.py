"""What the settings of a sweep may be, told before anything is loaded."""

from collections.abc import Callable, Mapping
from typing import Any

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.records.numbers import check_float, check_int

_WHOLE = {
    "k": (1, 1000),
    "seq_len": (2, 1 << 20),  # or the model's context, which is less
    "max_tokens": (1, 2**31 - 1),
    "batch_tokens": (1, 1 << 24),
    "workers": (1, 1024),
    "threads": (1, 1024),
}
_SECONDS = {
    "checkpoint_s": (0.0, 86_400.0),
    "patience_s": (1.0, 1e9),  # with 0 whoever is looked at is silent; the most is as good as for ever
}
_MAY_BE_NONE = ("seq_len", "max_tokens", "batch_tokens", "threads")


def check_settings(settings: Mapping[str, object], *, call: Callable[[str], str] = str) -> dict[str, Any]:
    """Refuse what no sweep takes, of whatever model.

    Args:
        settings: arguments of `gs.sweep`, by name, some or all of those that are numbers, `engine`, `address`, `out`.
        call: what an argument is called where it was given.

    Returns:
        The same, with numbers as Python's own.

    Raises:
        InvalidValue: with the argument, and the value got.
    """
    checked = dict(settings)
    for name, value in settings.items():
        if value is None and name in _MAY_BE_NONE:
            continue
        if name in _WHOLE:
            low, high = _WHOLE[name]
            checked[name] = check_int(call(name), value, low=low, high=high)
        elif name in _SECONDS:
            least, most = _SECONDS[name]
            checked[name] = check_float(call(name), value, low=least, high=most)
    engine, out = settings.get("engine", "local"), settings.get("out")
    if engine not in ("local", "ray"):
        raise InvalidValue(f'{call("engine")} must be "local" or "ray", got {describe_value(engine)}')
    address = settings.get("address")
    if address is not None:
        if not isinstance(address, str) or not address.strip():
            raise InvalidValue(
                f'{call("address")} must be a string such as "auto" or "head:6379", got {describe_value(address)}'
            )
        if engine != "ray":
            raise InvalidValue(f'{call("address")} is of a Ray cluster; give {call("engine")} "ray" with it')
        if address.startswith("ray://"):
            raise InvalidValue(
                f"{call('address')} {describe_value(address)} is of Ray's client, by which no sweep runs; run this on "
                f'a machine of the cluster, with {call("address")} "auto"'
            )
    if isinstance(out, str) and not out.strip():
        raise InvalidValue(
            f'{call("out")} must be a folder, got {describe_value(out)}; give its name, or "." for this one'
        )
    return checked
