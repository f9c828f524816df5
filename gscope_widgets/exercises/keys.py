"""Keys of exercises: plain, sealed against a glance, or computed on the model when an answer is checked."""

import base64
import json
import zlib
from typing import Any

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.exercises.literals import Plain, read_plain
from gscope_widgets.records.protocols import Scope

_MARK = "gs1:"


def seal(value: object) -> str:
    """A key, a solution, a hint or the words for wrong answers, as a string that does not give it away at a glance.

    It is compressed and written in base64: whoever wants to read it can. For marks that count, the key is computed on
    the model or stands in the grader's own file (`gscope-widgets grade --with`).

    Raises:
        InvalidValue: it is no plain value.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError):
        raise InvalidValue(f"what is sealed is plain, such as a text or a list, got {describe_value(value)}") from None
    return _MARK + base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def unseal(value: object) -> Any:
    """What was sealed; anything else as it is.

    Raises:
        InvalidValue: the string begins as a sealed one does, and is none.
    """
    if type(value) is not str or not value.startswith(_MARK):
        return value
    try:
        return json.loads(zlib.decompress(base64.b64decode(value[len(_MARK) :], validate=True)))
    except (ValueError, zlib.error):
        raise InvalidValue(
            f"a sealed value comes whole from gs.seal(...), got {describe_value(value)}; copy it again"
        ) from None


def compute_key(key: object, scope: Scope) -> Plain:
    """The right answer: as it was given, unsealed, or what the key's function makes of the scope.

    Raises:
        GscopeError: the scope cannot answer, or the function returned what is no plain value.
    """
    if not callable(key):
        return read_plain(unseal(key))
    try:
        return read_plain(_strip_numpy(key(scope)))
    except InvalidValue as error:
        raise InvalidValue(f"the key {describe_value(key)} could not be computed: {error}") from None


def _strip_numpy(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value
