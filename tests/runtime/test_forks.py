"""A process that is forked while a model is loaded: the child answers, and never what somebody else's steering makes of it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")

# Two threads: those of a parallel region are what a child hangs on.
CHILD = """
import multiprocessing, os, traceback
import torch
torch.set_num_threads(2)
import gscope_widgets as gs

scope = gs.load("mini")
text, pushed = "The old fisherman", [gs.add(scope.dictionary().feature(3), 2.0)]

def ask(text):
    found = scope.next_tokens(text, 3)
    return [one.id for one in found.chances], [round(one.logit, 3) for one in found.chances]

expected, steered = ask(text), scope.next_tokens(text, 3, pushed).chances[0].id
assert steered != expected[0][0]
for number in range(3):  # each at whatever step is under way
    running = scope.generate(text, pushed, max_new_tokens=100_000, temperature=1.0, seed=number)
    next(iter(running))
    child = os.fork()
    if child == 0:
        code = 1
        try:
            assert ask(text) == expected
            assert scope.next_tokens(text, 3, pushed).chances[0].id == steered
            assert [token.id for token in running] == [token.id for token in running.tokens()]
            assert running.ended == "cancelled"
            assert gs.load("mini") is scope
            if number == 0:
                assert gs.load("mini-it").next_tokens(text, 3).chances
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    assert running.ended == ""
    running.cancel()
    assert os.waitpid(child, 0)[1] == 0
with multiprocessing.get_context("fork").Pool(2) as pool:
    assert pool.map(ask, [text] * 4) == [expected] * 4
assert ask(text) == expected
print("all right")
"""


def test_a_forked_process_answers_while_another_one_steers():
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CHILD],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "TQDM_DISABLE": "1"},
    )
    assert (run.stdout, run.returncode) == ("all right\n", 0), run.stderr[-3000:]
