"""`gs.doctor()`: every check, one after the other, and none that can stop the others."""

import threading
import time
from collections.abc import Callable, Iterator
from functools import cache, partial

from gscope_widgets import __version__
from gscope_widgets.checkup import hub, machine, packages
from gscope_widgets.checkup.hub import HubAnswer
from gscope_widgets.checkup.needs import Needs, find_needs
from gscope_widgets.checkup.page import NOT_LOOKED
from gscope_widgets.checkup.redaction import redact
from gscope_widgets.records.checkup import Checkup, Finding
from gscope_widgets.records.numbers import check_switch

CHECKS = (
    "python", "packages", "torch", "device", "memory", "mini", "cache", "disk", "kept", "hub", "token", "licence"
)  # fmt: skip
Check = Callable[[], Finding]
_REPORT = "report this, with the whole of this page"


def doctor(model: str = "gemma-3-270m", *, ask_hub: bool = True) -> Checkup:
    """Look at this machine: Python, packages, torch, devices, memory, disk, the Hub, token, licence, and mini.

    Takes up to 10 s: most of it is the import of torch and transformers, where they are not yet imported; the Hub
    is asked once meanwhile, for 8 s at most. Nothing is kept but what imports keep. `gs.Doctor()` shows the same in a
    notebook, with the way to the page and back, which this does not look at.

    Args:
        model: whose needs are looked at: "mini", or "gemma-3-270m" to "gemma-3-27b-it".
        ask_hub: False sends nothing over the network; "mini" needs no Hub, and asks none.

    Returns:
        The findings; `print` them for a report that can be pasted into an issue: it holds no token, and no user's name.

    Raises:
        UnknownModel: the model's needs are not known.
        InvalidValue: ask_hub is no bool.
    """
    begun = time.monotonic()
    findings = tuple(finding for _share, finding in examine(model, ask_hub=ask_hub))
    return Checkup((*findings, NOT_LOOKED), model, __version__, time.monotonic() - begun)


def examine(model: str, *, ask_hub: bool = True) -> Iterator[tuple[float, Finding]]:
    """Each finding as it is made, with the share of all checks that is done then, 0 to 1.

    Raises:
        UnknownModel, InvalidValue: as `doctor`.
    """
    check_switch("ask_hub", ask_hub)
    checks = _list_checks(find_needs(model), ask_hub=ask_hub)
    return _run_all(checks)


def _run_all(checks: dict[str, Check]) -> Iterator[tuple[float, Finding]]:
    for done, (name, check) in enumerate(checks.items(), 1):
        yield done / len(checks), _run(name, check)


def _list_checks(needs: Needs, *, ask_hub: bool) -> dict[str, Check]:
    checks: dict[str, Check] = {
        "python": packages.check_python,
        "packages": packages.check_packages,
        "torch": machine.check_torch,
        "device": partial(machine.check_device, needs),
        "memory": partial(machine.check_memory, needs),
        "mini": machine.check_mini,
        "cache": hub.check_cache,
        "disk": partial(hub.check_disk, needs),
        "kept": hub.check_kept,
    }
    about_hub = ("hub", "token", "licence")
    if not ask_hub:
        return checks | {name: partial(Finding, name, "not asked", "the Hub was not to be asked") for name in about_hub}
    if not needs.repository:
        unneeded = f"{needs.model} needs none: it ships inside the package"
        return checks | {name: partial(Finding, name, "fine", unneeded) for name in about_hub}
    answer = _begin_asking(needs.repository)
    return checks | {
        "hub": partial(hub.check_hub, answer),
        "token": partial(hub.check_token, answer),
        "licence": partial(hub.check_licence, needs, answer),
    }


def _begin_asking(repository: str) -> Callable[[], HubAnswer]:
    """Ask in the background, while torch is imported; a name server that never answers holds up nothing."""
    answers: list[HubAnswer] = []
    faults: list[Exception] = []

    def ask() -> None:
        try:
            answers.append(hub.ask_hub(repository))
        except Exception as error:  # noqa: BLE001 - raised again where the answer is wanted
            faults.append(error)

    thread, begun = threading.Thread(target=ask, daemon=True), time.monotonic()
    thread.start()

    @cache
    def wait() -> HubAnswer:
        thread.join(max(0.0, begun + hub.PATIENCE_S - time.monotonic()))
        if faults:
            raise faults[0]
        return answers[0] if answers else HubAnswer("unreachable", f"no answer within {hub.PATIENCE_S:.0f} s")

    return wait


def _run(name: str, check: Check) -> Finding:
    """A check's finding, redacted; one that raises is a finding too."""
    try:
        found = check()
    except ModuleNotFoundError as error:
        found = Finding(name, "not asked", f"needs {error.name}, which is not installed", "see packages")
    except Exception as error:  # noqa: BLE001 - whatever is broken here is what is looked for
        found = Finding(name, "broken", f"the check itself failed: {type(error).__name__}: {error}", _REPORT)
    secret = _find_secret()
    return Finding(found.name, found.state, redact(found.seen, secret=secret), redact(found.advice, secret=secret))


def _find_secret() -> str | None:
    try:
        return hub.find_token()
    except Exception:  # noqa: BLE001 - without huggingface_hub there is none
        return None
