"""What graders took is written to the page's own row, and nowhere else."""

import pytest

from gscope_widgets.teaching.tutorials import list_sources
from gscope_widgets.teaching.variants import read_answers
from tests.graders.took import PAGE, find_title, write_row

TOOK = {"nbgrader": [10.0, 20.6], "otter": [30.0, 31.0]}


def test_a_row_has_the_sum_the_slowest_cell_and_the_mean_of_each_grader():
    page = PAGE.read_text("utf-8")
    written = write_row(page, "Across layers", 7, [1.0, 9.6, 2.0], TOOK)
    changed = set(written.splitlines()) - set(page.splitlines())
    assert changed == {"| Across layers | 7 | 13 | 10 | 15 | 30 |"}
    assert len(written.splitlines()) == len(page.splitlines())
    assert write_row(written, "Across layers", 7, [1.0, 9.6, 2.0], TOOK) == written


def test_a_tutorial_without_a_row_is_told():
    with pytest.raises(ValueError, match="0 rows of 'Beyond layers'"):
        write_row(PAGE.read_text("utf-8"), "Beyond layers", 7, [1.0], TOOK)


def test_every_tutorial_has_a_row():
    page = PAGE.read_text("utf-8")
    for source in list_sources():
        exercises = read_answers(source, "student")
        assert not exercises or write_row(page, find_title(source), len(exercises), [1.0], TOOK) != page
