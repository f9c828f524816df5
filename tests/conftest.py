"""No test reaches a network: only this machine's own addresses can be connected to."""

import gc
import logging
import os
import signal
import socket

import pytest
from hypothesis import settings

# The same examples in each run, so that a change alone can fail one; `make fuzz` looks for others.
settings.register_profile("fixed", derandomize=True, database=None, deadline=None)
settings.register_profile("random", database=None, deadline=None, print_blob=True)
settings.load_profile("fixed")

os.environ["HF_HUB_OFFLINE"] = "1"
# Tests compare with arithmetic in float32; "auto" is bfloat16 on a GPU.
os.environ["CUDA_VISIBLE_DEVICES"] = ""
# Threads of one's own, beside other workers on two cores, wait for each other for a second and more; and two of torch's
# share the rows of a batch out, so that equal rows differ in their last bit.
os.environ |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
# A shell has what it starts in the background ignore interrupts, which tests send to themselves.
signal.signal(signal.SIGINT, signal.default_int_handler)
_connect = socket.socket.connect


def _connect_here(self, address):
    host = address[0] if isinstance(address, tuple) else "localhost"
    if host not in ("localhost", "127.0.0.1", "::1", "0.0.0.0"):
        raise AssertionError(f"a test tried to reach {host}; tests use this machine only")
    return _connect(self, address)


BROWSER = "tests/browser/"
# Begun first, so that no worker is left with a long one at the end.
LONG = (
    BROWSER,
    "tests/test_tutorials.py",
    "tests/factory/",
    "tests/runtime/sweeps/",
    "tests/runtime/circuits/",
    "tests/widgets/test_every_widget.py",
    "tests/widgets/test_kernels.py",
    "tests/widgets/test_memory.py",
)
MOST_RERUNS = 5


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: next((at for at, part in enumerate(LONG) if item.nodeid.startswith(part)), len(LONG)))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tests that pass at the second try are faults of their own: a few are listed, many fail the run."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and len(reporter.stats.get("rerun", ())) > MOST_RERUNS:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """A file is one worker's. Every second worker begins with what drives a browser, with a JupyterLab of its own.

    Pages wait for kernels, and these for pages: meanwhile the others compute. Who has none of his kind left helps out.
    """
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _assign_work_unit(self, node) -> None:
            drives = self.nodes.index(node) % 2 == 0
            wanted = next((file for file in self.workqueue if file.startswith(BROWSER) == drives), None)
            if wanted is not None:
                self.workqueue.move_to_end(wanted, last=False)
            super()._assign_work_unit(node)

    return Scheduling(config, log)


@pytest.fixture(autouse=True, scope="session")
def _no_network():
    socket.socket.connect = _connect_here
    yield
    socket.socket.connect = _connect


class _Refusal(logging.Handler):
    """Raises where transformers logs that something is deprecated, which it says once a process and no more."""

    def emit(self, record: logging.LogRecord) -> None:
        if "deprecated" in record.getMessage():
            raise AssertionError(f"a deprecation that our own call causes: {record.getMessage()}")


@pytest.fixture(autouse=True, scope="session")
def _no_deprecated_calls():
    refusal, logger = _Refusal(logging.WARNING), logging.getLogger("transformers")
    logger.addHandler(refusal)
    yield
    logger.removeHandler(refusal)


@pytest.fixture(scope="module")
def little_garbage():
    """What was there before a file's tests is not looked through each time they collect garbage: 20 ms, not 500."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def no_hang():
    """A test that waits for ever fails after five minutes, where the system has alarms."""

    def fail(*_):
        raise AssertionError("the test took more than five minutes: something waits for ever")

    if not hasattr(signal, "SIGALRM"):
        yield
        return
    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(300)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)
