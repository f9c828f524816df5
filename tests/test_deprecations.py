"""A deprecated call fails a test, whether it is warned of or only logged (pyproject.toml, tests/conftest.py)."""

import logging
import warnings

import pytest


@pytest.mark.parametrize("category", [DeprecationWarning, FutureWarning, PendingDeprecationWarning])
def test_a_warning_at_a_call_of_ours_is_an_error(category):
    with pytest.raises(category):
        warnings.warn_explicit("old", category, "scope.py", 1, module="gscope_widgets.runtime.scope")


def test_a_notice_that_transformers_logs_is_an_error():
    with pytest.raises(AssertionError, match="our own call"):
        logging.getLogger("transformers.utils").warning("`past_key_values` is deprecated, use `cache`")


def test_other_notices_are_none():
    logging.getLogger("transformers.utils").warning("a progress bar")
