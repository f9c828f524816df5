"""The table of memory: sums, rates, words, and markup that stays words."""

import pytest

import gscope_widgets as gs
from gscope_widgets.records.memory import Memory, MemoryUse

MODEL = MemoryUse("gscope-mini", "model", "model", 5_000_000, 0, None, 10, None, None)
ROWS = MemoryUse("gscope-mini", "rows", "cache", 20, 3_000_000_000, 64_000_000, 4, 3, 1)


def test_sums_and_rates_are_of_the_lines():
    memory = Memory((MODEL, ROWS), {})
    assert (memory.host_bytes, memory.device_bytes) == (5_000_020, 3_000_000_000)
    assert (MODEL.hit_rate, ROWS.hit_rate) == (None, 0.75)
    assert MemoryUse("m", "rows", "cache", 0, 0, 1, 0, 0, 0).hit_rate is None


def test_the_table_reads_as_text():
    lines = repr(Memory((MODEL, ROWS), {"cpu": 2_000_000_000})).splitlines()
    assert lines[0].split() == ["scope", "owner", "host", "device", "limit", "entries", "hit", "rate"]
    assert lines[1].split() == ["gscope-mini", "model", "5.0", "MB", "0.0", "MB", "10"]
    assert lines[2].split() == ["gscope-mini", "rows", "0.0", "MB", "3.0", "GB", "64.0", "MB", "4", "75%"]
    assert lines[3].split() == ["together", "5.0", "MB", "3.0", "GB"]
    assert lines[4] == "free on cpu: 2.0 GB"
    assert repr(Memory((), {})) == "nothing is loaded"


def test_the_frame_has_a_row_for_each_owner():
    frame = Memory((MODEL, ROWS), {}).to_frame()
    assert frame["owner"].tolist() == ["model", "rows"]
    assert frame["device_bytes"].tolist() == [0, 3_000_000_000]
    assert frame["hit_rate"].tolist()[1] == 0.75


def test_a_name_from_a_folder_is_no_markup():
    named = MemoryUse("<script>", "<img onerror=1>", "dictionary", 1, 0, 2, 1, 0, 0)
    html = Memory((named,), {})._repr_html_()
    assert "&lt;script&gt;" in html
    assert "<script" not in html
    assert "<img" not in html
    assert "nothing is loaded" in Memory((), {})._repr_html_()


def test_it_is_public_and_frozen():
    assert gs.memory.__module__ == "gscope_widgets.runtime.memory"
    with pytest.raises(AttributeError):
        MODEL.host_bytes = 1
