"""Links that open a tutorial on Colab, on Binder and on a hub, for a repository that one is told."""

import json
import re
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlencode, urlsplit

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.recordings.container import write_whole

KEPT = "repository.json"  # beside the tutorials, where a fork's owner keeps their place
BEGIN, END = "<!-- links: begin -->", "<!-- links: end -->"
_COLAB_IMAGE = "https://colab.research.google.com/assets/colab-badge.svg"
_BINDER_IMAGE = "https://mybinder.org/badge_logo.svg"
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
_REF = re.compile(r"(?!.*\.\.)[\w./+-]+")


@dataclass(frozen=True)
class Place:
    """Where the tutorials are published, and how they are to be opened."""

    repository: str  # "owner/name" on GitHub
    branch: str
    hub: str = ""  # address of a JupyterHub with nbgitpuller; empty for no such links
    environment: str = ""  # "owner/name" of the repository that Binder builds; empty for the repository itself
    environment_branch: str = ""  # of that; empty for `branch`
    interface: Literal["lab", "notebook"] = "lab"
    target: str = ""  # folder on the hub that the repository goes to; empty for its name

    def __post_init__(self) -> None:
        """Refuse what makes no link.

        Raises:
            InvalidValue: a field is of another form.
        """
        for name in ("repository", "environment"):
            value = getattr(self, name)
            if (value or name == "repository") and not _is(value, _REPOSITORY):
                raise InvalidValue(f"{name} is owner/name on GitHub, got {describe_value(value)}")
        for name in ("branch", "environment_branch"):
            value = getattr(self, name)
            if (value or name == "branch") and not _is(value, _REF):
                raise InvalidValue(f"{name} is a branch, tag or commit, got {describe_value(value)}")
        if self.environment_branch and not self.environment:
            raise InvalidValue("environment_branch is of an environment: name that too")
        if self.interface not in ("lab", "notebook"):
            raise InvalidValue(f"interface is 'lab' or 'notebook', got {describe_value(self.interface)}")
        parts = urlsplit(self.hub)
        if self.hub and (parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment):
            raise InvalidValue(f"hub is an address such as https://hub.example.org, got {describe_value(self.hub)}")

    def link_colab(self, path: str) -> str:
        """A notebook on Colab."""
        where = f"{self.repository}/blob/{quote(self.branch)}/{quote(path)}"
        return f"https://colab.research.google.com/github/{where}"

    def link_binder(self, path: str) -> str:
        """A notebook on mybinder.org; pulled into the environment where that is another repository."""
        open_at = self._open(path) if not self.environment else f"git-pull?{self._pull(path, folder='')}"
        environment = self.environment or self.repository
        ref = (self.environment_branch or self.branch) if self.environment else self.branch
        return f"https://mybinder.org/v2/gh/{environment}/{quote(ref, safe='')}?urlpath={quote(open_at, safe='')}"

    def link_hub(self, path: str) -> str:
        """A notebook on the hub, pulled there by nbgitpuller, which keeps what a learner changed."""
        if not self.hub:
            raise InvalidValue("a hub's link needs its address: hub='https://...'")
        return f"{self.hub.rstrip('/')}/hub/user-redirect/git-pull?{self._pull(path, folder=self.target)}"

    def _pull(self, path: str, *, folder: str) -> str:
        """nbgitpuller's query; it takes `master` where no branch is given."""
        name = folder or self.repository.partition("/")[2]
        query = {"repo": f"https://github.com/{self.repository}", "branch": self.branch}
        query |= {"urlpath": self._open(f"{name}/{path}")} | ({"targetPath": folder} if folder else {})
        return urlencode(query, quote_via=quote, safe="")

    def _open(self, path: str) -> str:
        """The server's path that opens a notebook; a sign in a name is encoded here, and as a query once more."""
        return f"{'lab/tree' if self.interface == 'lab' else 'notebooks'}/{quote(path)}"

    def write_badges(self, path: str) -> str:
        """Badges of one notebook, in Markdown."""
        badges = [f"[![Open in Colab]({_COLAB_IMAGE})]({self.link_colab(path)})"]
        badges += [f"[![Open on Binder]({_BINDER_IMAGE})]({self.link_binder(path)})"]
        return " ".join([*badges, *([f"[Open on the hub]({self.link_hub(path)})"] if self.hub else [])])

    def write_install(self) -> str:
        """A cell that installs the package where it is not: on Colab, where it changes no version that is there."""
        source = f"gscope-widgets @ git+https://github.com/{self.repository}@{self.branch}"
        return (
            "# Where the package is not installed, as on Colab, this installs it; it changes no other there.\n"
            "import importlib.util\n\n"
            'if importlib.util.find_spec("gscope_widgets") is None:\n'
            f'    %pip install -q "{source}"'
        )


def write_links(place: Place, paths: Sequence[str]) -> str:
    """A Markdown list of notebooks with their badges."""
    return "\n".join(f"* `{path}` {place.write_badges(path)}" for path in paths)


def fill(page: Path, links: str) -> str:
    """A page's text with links between its two marks, in place of those there; the page stays as it is.

    Raises:
        InvalidValue: the page has not both marks, or cannot be read or written.
    """
    try:
        with page.open("r+", encoding="utf-8") as file:  # so that what cannot be written is refused here
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidValue(f"{page} cannot be changed: {error}") from None
    begin, end = text.find(BEGIN), text.find(END)
    if not 0 <= begin < end:
        raise InvalidValue(f"{page} has no lines {BEGIN} and {END}: put them where the links are to stand")
    return f"{text[: begin + len(BEGIN)]}\n{links}\n{text[end:]}"


def put_into(page: Path, links: str) -> None:
    """Put links between the two marks of a page, in place of those there.

    Raises:
        InvalidValue: the page has not both marks, or cannot be read or written.
    """
    text = fill(page, links)
    try:
        page.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidValue(f"{page} cannot be changed: {error}") from None


def check_folder(folder: Path) -> None:
    """Refuse a folder of tutorials that nothing can be kept in.

    Raises:
        InvalidValue: no file can be made there, as in an installed package that is read-only.
    """
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise InvalidValue(
            f"the tutorials in {folder} cannot be changed ({error.strerror or error}); clone the repository, and run "
            "gscope-widgets links --keep on the package installed from there: pip install -e ."
        ) from None


def keep_place(place: Place, folder: Path) -> None:
    """Keep a place beside the tutorials, so that notebooks built there have its badges and install cell.

    Raises:
        InvalidValue, DiskFull: it cannot be written there.
    """
    text = f"{json.dumps(asdict(place), indent=1)}\n".encode()
    write_whole(folder / KEPT, lambda unfinished: unfinished.write_bytes(text), size=len(text))


def find_place(folder: Path) -> Place | None:
    """The place that is kept beside the tutorials; None where there is none.

    Raises:
        InvalidValue: what is there is no place.
    """
    try:
        content = (folder / KEPT).read_text(encoding="utf-8")
        return Place(**json.loads(content))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise InvalidValue(f"{folder / KEPT} names no place: {error}; run gscope-widgets links --keep again") from None


def _is(value: object, form: re.Pattern[str]) -> bool:
    return isinstance(value, str) and form.fullmatch(value) is not None
