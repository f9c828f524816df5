"""The token that a Colab notebook keeps as a secret."""

import importlib
import sys

import huggingface_hub

SECRET = "HF_TOKEN"


def find_colab_token() -> str | None:
    """The secret of that name, asked for each time; None elsewhere, and where huggingface_hub has one.

    huggingface_hub asks Colab once a session, and so refuses a secret that was added after a first refusal. Colab asks
    the reader whether this notebook may read it.
    """
    if "google.colab" not in sys.modules or huggingface_hub.get_token() is not None:
        return None
    try:
        secret = importlib.import_module("google.colab.userdata").get(SECRET)
    except Exception:  # noqa: BLE001 - not there, not allowed, or no answer: Colab has an error for each
        return None
    return secret if isinstance(secret, str) and secret.strip() else None
