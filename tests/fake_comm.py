"""A comm with nobody at the other end, under the ipywidgets that is installed: 8, or 7 as on Colab."""

import json
from types import SimpleNamespace

import ipywidgets
from traitlets import Any

IS_OLD = ipywidgets.__version__.startswith("7.")
if not IS_OLD:
    from comm import get_comm_manager
    from comm.base_comm import BaseComm

    CREATOR = "ipywidgets.comm.create_comm"  # what ipywidgets makes a comm with
    WIDGETS = ipywidgets.widgets.widget._instances  # by model id, all that are not closed
else:
    from ipykernel.comm import Comm

    CREATOR = "ipywidgets.widgets.widget.Comm"
    WIDGETS = ipywidgets.Widget.widgets
    MANAGER = SimpleNamespace(register_comm=lambda _comm: None, unregister_comm=lambda _comm: None)

    class BaseComm(Comm):
        """ipykernel's own, which sends nothing without a kernel, on a kernel that is none."""

        kernel = Any(SimpleNamespace(shell=None, comm_manager=MANAGER))

        def _publish_msg(self, msg_type, **fields):
            self.publish_msg(msg_type, **fields)


class FakeComm(BaseComm):
    """Keeps what the kernel sends, and refuses what Jupyter refuses."""

    def __init__(self, *arguments, **options):
        self.sent: list[tuple[dict, list[bytes]]] = []
        super().__init__(*arguments, **options)

    def publish_msg(self, msg_type, data=None, metadata=None, buffers=None, **_keys):
        json.dumps(data, allow_nan=False).encode()
        json.dumps(metadata, allow_nan=False)
        if msg_type == "comm_msg":
            self.sent.append((data, [bytes(buffer) for buffer in buffers or ()]))


def forget(widget: ipywidgets.Widget) -> None:
    """Takes away what ipywidgets and its comms keep of a widget that is not closed."""
    del WIDGETS[widget.model_id]
    if not IS_OLD:
        get_comm_manager().comms[widget.comm.comm_id] = None  # which its own end takes out
