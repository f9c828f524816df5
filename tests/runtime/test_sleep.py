"""A machine that sleeps in mid-stream and wakes again: the text is the one it would have been."""

import itertools
import json
import os
import signal
import time
import traceback
from pathlib import Path

import pytest

from tests.runtime.inside import loaded

TEXT = "The old fisherman"
PLAN = {"max_new_tokens": 30, "temperature": 1.0, "seed": 3}
STOPPED_IN = (0, 4, 17)  # passes of the model, inside which the process is stopped


def stream(scope, write) -> None:
    """In a process of its own: what is made, written token by token, with stops in the middle of passes."""
    passes, stops = itertools.count(), []

    def stop(_module, _inputs):
        if (number := next(passes)) in STOPPED_IN:
            os.kill(os.getpid(), signal.SIGSTOP)
            stops.append(number)

    with loaded(scope).text_model.layers[3].register_forward_pre_hook(stop):
        made = scope.generate(TEXT, **PLAN)
        ids = [token.id for token in made]
    chances = scope.next_tokens("The bird", 3).chances
    os.write(write, json.dumps([ids, made.ended, len(chances), stops]).encode())


def read_state(process: int) -> str:
    """ "T" where it is stopped, "Z" where it has ended."""
    return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads the state of a process from /proc")
def test_a_process_that_stood_still_in_mid_stream_goes_on_with_the_same_text(scope):
    expected = scope.generate(TEXT, **PLAN).wait()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            stream(scope, write)
        except BaseException:  # noqa: BLE001 - the parent misses what was to be written
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(write)
    seen = set()
    try:
        while (state := read_state(child)) != "Z":
            seen.add(state)
            if state == "T":
                os.kill(child, signal.SIGCONT)
            time.sleep(0.001)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    with os.fdopen(read) as told:
        ids, ended, chances, stops = json.loads(told.read())
    assert stops == list(STOPPED_IN) and "T" in seen
    assert ids == [token.id for token in expected.tokens()]
    assert (ended, chances) == (expected.ended, 3)
