"""What goes wrong between this machine and the Hub, said in words; no message holds a token."""

import errno
import random
import socket
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from huggingface_hub import constants, errors

from gscope_widgets.errors import (
    DiskFull,
    GatedModel,
    GscopeError,
    Offline,
    UnknownModel,
    UnwritableCache,
    describe_value,
)

Result = TypeVar("Result")
TRIES = 3
PATIENCE_S = 8.0  # from the first try of a request, after which no other one begins
PAUSE_S = 1.0  # before the second try; doubled for each further one, times a random factor of 0.5 to 1.5
LICENCE_PAGE = "https://huggingface.co/{}"
# Libraries below huggingface_hub, which let some of their own errors through; which one it is has changed twice.
_TRANSPORTS = frozenset(("httpx", "httpx2", "httpcore", "requests", "urllib3"))


class HubBusy(Offline):
    """An answer that may be another one soon: too many requests, a fault of the server, a broken connection.

    Ends as `Offline` where it lasts, see `persist`.
    """

    def __init__(self, fault: str, advice: str):
        """Args: fault: what happened; advice: what to do."""
        super().__init__(f"{fault}; {advice}")
        self.fault = fault


def persist(action: Callable[[], Result], *, patience_s: float | None = None) -> Result:
    """What an action gives, tried again after a pause, which is said, where the Hub was only busy.

    Args:
        patience_s: from the beginning, until no other try is made; None for `PATIENCE_S`.

    Raises:
        Offline: the Hub stayed busy.
    """
    begun, patience_s = time.monotonic(), PATIENCE_S if patience_s is None else patience_s
    for attempt in range(TRIES):
        try:
            return action()
        except HubBusy as busy:
            pause_s = PAUSE_S * 2**attempt * random.uniform(0.5, 1.5)
            if attempt + 1 == TRIES or time.monotonic() + pause_s - begun > patience_s:
                raise Offline(str(busy)) from None
            if pause_s:
                warnings.warn(f"{busy.fault}; trying again in {pause_s:.1f} s", stacklevel=2)
                time.sleep(pause_s)
    raise AssertionError("unreachable")


@contextmanager
def explain_faults(
    repository: str,
    *,
    what: str,
    revision: str | None = None,
    unknown: type[GscopeError] = UnknownModel,
    instead: str = "use gs.load('mini'), which needs no network",
) -> Iterator[None]:
    """Turn what huggingface_hub raises inside into this package's errors.

    Args:
        what: what was being fetched: "config.json", "its list of files".
        unknown: raised where the repository, the revision or the file does not exist.
        instead: what to do without it.

    Raises:
        GatedModel: the licence is not accepted, or no token was found.
        Offline: there is no way to the Hub, or it does not answer as it should.
        DiskFull, UnwritableCache: what came cannot be kept.
    """
    try:
        yield
    except GscopeError:
        raise
    except errors.GatedRepoError as error:
        if "authorization" in getattr(getattr(error.response, "request", None), "headers", {}):
            raise _explain_refused_token(repository) from None
        raise GatedModel(
            f"{repository} asks for an accepted licence: accept it on {LICENCE_PAGE.format(repository)}, make a read "
            "token in your account's settings, and give it to this machine: in a notebook run "
            "huggingface_hub.login(), on Colab add a secret named HF_TOKEN, in a shell run hf auth login or set "
            f"HF_TOKEN; or {instead}"
        ) from None
    except errors.RepositoryNotFoundError:
        raise unknown(f"the Hub has no {repository}, or it is private and HF_TOKEN is absent or expired") from None
    except errors.RevisionNotFoundError:
        raise unknown(f"{repository} has no revision {describe_value(revision)}") from None
    except errors.OfflineModeIsEnabled:
        raise _explain_offline_mode(repository, what=what, instead=instead) from None
    except errors.LocalEntryNotFoundError as error:
        raise _explain_absence(error, repository, what=what, instead=instead) from None
    except errors.EntryNotFoundError:
        raise unknown(f"{repository} has no {what}") from None
    except errors.HfHubHTTPError as error:
        raise _explain_status(error, repository, what=what, instead=instead) from None
    except Exception as error:
        if _is_transport(error):
            raise _explain_transport(error, repository, what=what, instead=instead) from None
        if isinstance(error, OSError):
            raise _explain_disk(error, repository, what=what) from None
        raise


def advise_return() -> str:
    """What to do so that the Hub can be asked again."""
    return "unset HF_HUB_OFFLINE" if constants.HF_HUB_OFFLINE else "go online and try again"


def status_of(error: BaseException) -> int | None:
    """The HTTP status that an error carries, or None."""
    return getattr(getattr(error, "response", None), "status_code", None)


def _explain_absence(error: BaseException, repository: str, *, what: str, instead: str) -> GscopeError:
    """`LocalEntryNotFoundError` stands for every reason why a file could not be had; the cause tells which."""
    cause = error.__cause__
    if isinstance(cause, errors.OfflineModeIsEnabled) or constants.HF_HUB_OFFLINE:
        return _explain_offline_mode(repository, what=what, instead=instead)
    if cause is not None and status_of(cause) is not None:
        return _explain_status(cause, repository, what=what, instead=instead)
    if cause is not None and _is_transport(cause):
        return _explain_transport(cause, repository, what=what, instead=instead)
    return Offline(
        f"{what} of {repository} is not on this machine and the Hub cannot be reached; go online and try again, "
        f"or {instead}"
    )


def _explain_offline_mode(repository: str, *, what: str, instead: str) -> Offline:
    return Offline(f"{what} of {repository} is not on this machine, and HF_HUB_OFFLINE is set; unset it, or {instead}")


def _explain_refused_token(repository: str) -> GatedModel:
    return GatedModel(
        f"the token that was found may not read {repository}: a fine-grained token needs the permission to read "
        f"public gated repositories, and the licence on {LICENCE_PAGE.format(repository)} has to be accepted by the "
        "account that the token is of"
    )


def _explain_status(error: BaseException, repository: str, *, what: str, instead: str) -> GscopeError:
    status = status_of(error)
    if status == 401:
        return UnknownModel(f"the Hub does not accept the token it was given for {repository}; make a new read token")
    if status == 403:
        return _explain_refused_token(repository)
    wait = (
        "it has had too many requests from here, so wait some minutes"
        if status == 429
        else "try again in a few minutes"
    )
    fault = f"the Hub {'gave no sound answer' if status is None else f'answered {status}'} for {what} of {repository}"
    if status is None or status == 429 or status >= 500:
        return HubBusy(fault, f"{wait}, or {instead}")
    return Offline(f"{fault}; {wait}, or {instead}")


def _explain_transport(error: BaseException, repository: str, *, what: str, instead: str) -> Offline:
    reason = _find_no_way(error)
    if reason is not None:
        return Offline(
            f"the Hub at {constants.ENDPOINT} cannot be reached ({reason}), and {what} of {repository} is not on this "
            f"machine; go online and try again, or {instead}"
        )
    slow = "timeout" in type(error).__name__.lower() or isinstance(error, TimeoutError)
    verb = "took too long over" if slow else "broke off while sending"
    return HubBusy(f"the Hub {verb} {what} of {repository}", f"try again, or {instead}")


def _find_no_way(error: BaseException) -> str | None:
    """Why no connection was made, where trying again at once would not help: nobody listens, or nobody has the name."""
    seen: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and one not in seen:
        if isinstance(one, ConnectionRefusedError):
            return "the connection was refused"
        if isinstance(one, socket.gaierror):
            return "its name was not found"
        seen.append(one)
        one = one.__cause__ or one.__context__
    return None


def _explain_disk(error: OSError, repository: str, *, what: str) -> GscopeError:
    if error.errno == errno.ENOSPC:
        return DiskFull(
            f"the disk that {constants.HF_HUB_CACHE} is on is full, so {what} of {repository} could not be kept; "
            "free some room, or set HF_HOME to a larger disk"
        )
    if "onsistency check failed" in str(error):  # as huggingface_hub says that the length is another than announced
        return HubBusy(f"{what} of {repository} came with another length than the Hub announced", "try again")
    return UnwritableCache(
        f"{what} of {repository} could not be kept in {constants.HF_HUB_CACHE} ({error.strerror or error}); "
        "make that folder writable, or set HF_HOME to one that is"
    )


def _is_transport(error: BaseException) -> bool:
    roots = {kind.__module__.partition(".")[0] for kind in type(error).__mro__}
    return bool(roots & _TRANSPORTS) or isinstance(error, (ConnectionError, TimeoutError))
