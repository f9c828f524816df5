"""Records with arrays are the same only as themselves: to compare them asks for no truth value of an array."""

import dataclasses
import importlib
import pkgutil

import numpy as np
import pytest

import gscope_widgets.records as records


def list_records() -> list[type]:
    """Dataclasses of `records/` that hold an array themselves."""
    found = []
    for module in pkgutil.iter_modules(records.__path__):
        for value in vars(importlib.import_module(f"{records.__name__}.{module.name}")).values():
            if isinstance(value, type) and dataclasses.is_dataclass(value) and value.__module__.endswith(module.name):
                hints = [str(field.type) for field in dataclasses.fields(value)]
                compares = not value.__dataclass_params__.eq and "__eq__" in vars(value)  # in a way of its own
                if not compares and any("np.ndarray" in hint or "numpy.ndarray" in hint for hint in hints):
                    found.append(value)
    return found


@pytest.mark.parametrize("record", list_records(), ids=lambda one: one.__name__)
def test_a_record_with_arrays_is_compared_and_hashed_as_itself(record):
    made = object.__new__(record)
    other = object.__new__(record)
    for field in dataclasses.fields(record):
        for one in (made, other):
            object.__setattr__(one, field.name, np.zeros(2))
    assert made == made
    assert made != other
    assert len({made, other, made}) == 2


def test_there_are_such_records():
    assert len(list_records()) > 5
