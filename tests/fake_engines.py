"""What answers widgets in tests, by the kind that a row of the catalogue names."""

from tests.fake_examiner import FakeExaminer
from tests.fake_scope import FakeScope

ENGINES = {"scope": FakeScope, "examiner": FakeExaminer}


def make_engine(row):
    """A new one of the row's kind; whoever makes it closes it."""
    return ENGINES[row.engine]()
