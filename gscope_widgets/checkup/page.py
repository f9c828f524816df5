"""The page: whether a widget's half in the browser answers, and what only that half can tell."""

from dataclasses import dataclass

from gscope_widgets.checkup.redaction import redact
from gscope_widgets.errors import write_bytes
from gscope_widgets.records.checkup import Finding

_SLOW_S = 2.0
NOT_LOOKED = Finding(
    "front end",
    "not asked",
    "not looked at: gs.doctor() sees no page",
    "show gs.Doctor() in a notebook, which asks the page too",
)


@dataclass(frozen=True)
class PageAnswer:
    """What the half in the page said, in answer to a message of `sent` bytes."""

    version: str  # of that half
    seconds: float  # there and back
    sent: int
    received: int  # bytes of those sent that came
    asked: int
    returned: int  # of the characters asked for that came back
    host: str  # "JupyterLab or Notebook", "Colab", "VS Code", "another page"
    theme: str  # "light", "dark"
    browser: str  # with its version; empty where it does not say
    width_px: int  # of the view
    is_styled: bool  # whether the style sheet is in force
    has_manager: bool  # whether the host has a widget manager, by which a view finds other widgets


@dataclass(frozen=True)
class Contact:
    """How it stands between the kernel and the page."""

    is_shown: bool  # whether a cell has shown the widget
    is_heard: bool  # whether a view of it has said that it stands
    is_late: bool  # whether the time to answer is over
    patience_s: float
    answer: PageAnswer | None


def check_front_end(contact: Contact, version: str) -> Finding:
    """Whether messages go both ways, whole, between halves of one version.

    Args:
        version: of the half in the kernel.
    """
    answer = contact.answer
    if answer is None:
        return _describe_silence(contact)
    took = f"there and back in {max(1, round(1000 * answer.seconds))} ms"
    if answer.version != version:
        seen = f"{took}, but the page runs version {redact(answer.version)}, the kernel {version}"
        return Finding("front end", "broken", seen, "restart the kernel, reload the page, and run the cell again")
    lost = [
        f"of {sent:,} bytes {way} only {came:,} came"
        for sent, came, way in (
            (answer.sent, answer.received, "sent to the page"),
            (answer.asked, answer.returned, "asked of the page"),
        )
        if came != sent
    ]
    if lost:
        advice = "results on long texts may not be drawn here; use shorter texts, or another host or proxy"
        return Finding("front end", "attention", f"{took}, but {' and '.join(lost)}", advice)
    seen = f"{took}; version {version} on both sides; {write_bytes(answer.sent)} went whole"
    if answer.seconds > _SLOW_S:
        advice = "a cell was running, or the connection is slow: check again when no cell runs"
        return Finding("front end", "attention", seen, advice)
    return Finding("front end", "fine", seen)


def _describe_silence(contact: Contact) -> Finding:
    if not (contact.is_shown or contact.is_heard):
        return Finding("front end", "not asked", "no page shows this widget yet", "make it the last line of a cell")
    if not contact.is_late:
        return Finding("front end", "not asked", "asked; no answer yet", f"wait: {contact.patience_s:.0f} s at most")
    seen = f"no answer within {contact.patience_s:.0f} s"
    if contact.is_heard:
        advice = "reload the page and run the cell again; if it stays so, messages of 1 MB do not come through here"
        return Finding("front end", "attention", f"the view stands, but gave {seen}", advice)
    advice = (
        "if a cell still runs, let it end: this line then mends itself. Otherwise install anywidget where the Jupyter "
        "server runs too, restart that server, and reload the page; Colab and VS Code must reach cdn.jsdelivr.net "
        "or unpkg.com. Results stay readable in the copy below the cell, and by .to_frame()"
    )
    return Finding("front end", "broken", seen, advice)


def check_page(contact: Contact) -> Finding:
    """What the page is like, as its half of the widget sees it."""
    answer = contact.answer
    if answer is None:
        return Finding("page", "not asked", "nothing is known of it", "see front end")
    browser = f", {redact(answer.browser)}" if answer.browser else ""
    seen = f"{answer.host}, {answer.theme} theme, view {answer.width_px} px wide{browser}"
    if not answer.is_styled:
        advice = "the page's rules refuse style sheets of widgets: ask whoever runs the host, or open it elsewhere"
        return Finding("page", "broken", f"{seen}; the widgets' style sheet is not in force", advice)
    if not answer.has_manager:
        advice = "the parts of gs.Workbench cannot be shown here; show its widgets in cells of their own"
        return Finding("page", "attention", f"{seen}; it offers no widget manager", advice)
    return Finding("page", "fine", seen)
