"""Everything raised on purpose: what was wrong, the value got, and what to do next."""


class GscopeError(Exception):
    """Base of every error that gscope_widgets raises on purpose."""


class InvalidValue(GscopeError, ValueError):
    """A setting is of the wrong type or outside its range."""


class UnknownFeature(GscopeError, LookupError):
    """A feature number that the dictionary does not have."""


class UnknownLabel(GscopeError, LookupError):
    """No label holds the words asked for; the message names the nearest."""


class UnknownModel(GscopeError, LookupError):
    """No model of that name, or a folder that holds none."""


class UnknownDictionary(GscopeError, LookupError):
    """No such dictionary for this model; the message lists what exists."""


class NotRecorded(GscopeError, LookupError):
    """A recording was asked for what it does not hold; the message says what it holds."""


class GatedModel(GscopeError, PermissionError):
    """The Hub asks for an accepted licence and a token; the message says where both go."""


class Offline(GscopeError, ConnectionError):
    """Something is needed that is neither on this machine nor to be fetched now."""


class DiskFull(GscopeError, OSError):
    """Not enough room on the disk; the message has both numbers."""


class UnwritableCache(GscopeError, OSError):
    """What was fetched cannot be kept, for another reason than a full disk; the message names the folder."""


class BadArtefact(GscopeError, ValueError):
    """A weight or configuration file is damaged or not what its folder says."""


class PromptTooLong(GscopeError, ValueError):
    """More text than the model reads; the message has both numbers."""


class OutOfMemory(GscopeError, MemoryError):
    """Not enough memory; the message has the numbers and a smaller choice."""


class DeviceLost(GscopeError, RuntimeError):
    """The GPU stopped with an error of its own, after which nothing can be computed on it: restart the kernel."""


class Cancelled(GscopeError):
    """The work was stopped, or a newer request took its place."""


class Closed(GscopeError, RuntimeError):
    """The scope was closed; load it again."""


class NotFinished(GscopeError, RuntimeError):
    """A result was asked for by the very work that makes it, which would wait for itself for ever."""


class NotRight(GscopeError, AssertionError):
    """An answer to an exercise is not right, or its cell is not to be used; the message is for the learner."""


class SanityWarning(UserWarning):
    """A dictionary does not do on this model what its files say; results with it mean little."""


class SteeringWarning(UserWarning):
    """A strength lies beyond where generated text is known to break up."""


class KeptWarning(UserWarning):
    """A view, or a graph's file, is not as it was kept: in a revision, a version or its numbers, or edited by hand."""


def describe_value(value: object, *, limit: int = 60) -> str:
    """A value as it goes into a message: its repr, cut to `limit` characters."""
    try:
        text = ascii(value) if isinstance(value, str) else repr(value)
    except Exception:  # noqa: BLE001 - a value from outside may not even have a repr
        text = f"a value of type {type(value).__name__}"
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def write_name(name: object) -> str:
    """A name of a file, folder or corpus as it goes into a sentence: itself, or as `describe_value` where a terminal
    would obey what is in it."""
    text = str(name)
    return text if text.isprintable() else describe_value(text, limit=max(200, len(text)))


def write_bytes(count: float) -> str:
    """A number of bytes as it goes into a message or a table: "2.4 GB"."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
