"""The main program of a worker's process: messages in by standard input, out by standard output."""

import os
import sys
from contextlib import suppress

from gscope_widgets.runtime.sweeps.crew import Arrays, answer, read_frame, tell_faults, write_frame
from gscope_widgets.runtime.sweeps.hand import Order


def main() -> int:
    """Answer until standard input ends."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what anybody prints is no message
    asked = sys.stdin.buffer

    def send(head: dict[str, object], arrays: Arrays | None = None) -> None:
        write_frame(replies, head, arrays or {})

    opening = read_frame(asked)
    if opening is None:
        return 0
    order = dict(opening[0]["order"])
    device = order.pop("device")
    fault = tell_faults(lambda: answer(Order(**order), device, lambda: read_frame(asked), send), device=device)
    if fault:
        with suppress(BrokenPipeError):  # nobody is there who could be told
            send(fault)
    return 1 if fault else 0


if __name__ == "__main__":
    sys.exit(main())
