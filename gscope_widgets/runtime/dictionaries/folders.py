"""One dictionary's folder in the published layout, on this machine or on the Hub."""

from pathlib import Path

from gscope_widgets.errors import BadArtefact, GscopeError
from gscope_widgets.runtime.files.integrity import find_digest, verify_embedded
from gscope_widgets.runtime.files.weights import HubWeightFile, WeightFile
from gscope_widgets.runtime.hub.repository import RemoteFile, Repository
from gscope_widgets.runtime.hub.transfer import fetch_file


class Folder:
    """`{repository}/{site}/{name}`: its files by name, opened without reading more than asked for."""

    weights_name = "params.safetensors"  # of a dictionary of one layer

    def __init__(self, path: Path):
        """Args: path: where the files are, or will be once they are fetched."""
        self.path, self.written = path, str(path)
        self.name, self.site, self.repository = path.name, path.parent.name, path.parent.parent.name

    def __str__(self) -> str:
        return str(self.path)

    @property
    def id(self) -> str:
        """The id of the dictionary in it, as in `DictionaryInfo.id`."""
        return f"{self.repository}/{self.site}/{self.name}"

    def names(self) -> list[str]:
        """The files that it holds."""
        raise NotImplementedError

    def size(self, name: str) -> int:
        """Bytes of a file."""
        raise NotImplementedError

    def is_here(self, name: str) -> bool:
        """Whether a file is on this machine."""
        raise NotImplementedError

    def fetch(self, name: str) -> Path:
        """A file on this machine, fetched first where it is not."""
        raise NotImplementedError

    def open_weights(self, name: str) -> WeightFile:
        """A safetensors file, of which only the header is read now."""
        raise NotImplementedError

    @property
    def commit(self) -> str:
        """The commit on the Hub that the files are of; empty for a folder of this machine."""
        return ""

    @property
    def version(self) -> str:
        """Which weights these are: the commit on the Hub; else a digest, where sums of the files lie beside them."""
        if self.commit:
            return self.commit
        own = self.weights_name
        weights = [n for n in self.names() if n == own or (n.startswith("params") and n.endswith(".safetensors"))]
        return find_digest([self.path / name for name in weights])

    def is_same(self, other: "Folder") -> bool:
        """Whether another folder holds the same weights."""
        return self.path.resolve() == other.path.resolve()

    def read_text(self, name: str, *, limit: int) -> str | None:
        """A small text file, or None where there is none.

        Args:
            limit: bytes; a longer file is refused unread.

        Raises:
            BadArtefact: it cannot be read.
        """
        if name not in self.names():
            return None
        path = self.path / name
        try:
            if self.size(name) > limit:
                raise ValueError("too long")
            return self.fetch(name).read_text(encoding="utf-8")
        except GscopeError:
            raise
        except (OSError, ValueError) as error:
            raise BadArtefact(f"{path} cannot be read ({error}); download or copy it again") from None


class LocalFolder(Folder):
    """A folder on this machine; what ships with the package is compared with the sums that ship beside it."""

    def __init__(self, path: Path, *, written: str | None = None):
        """Args: path: absolute; written: as code writes it, where that is otherwise ("~/dictionaries/...")."""
        super().__init__(path)
        self.written = written or str(path)

    def names(self) -> list[str]:
        """See `Folder`."""
        return sorted(path.name for path in self.path.iterdir() if path.is_file())

    def size(self, name: str) -> int:
        """See `Folder`."""
        return (self.path / name).stat().st_size

    def is_here(self, name: str) -> bool:
        """See `Folder`."""
        return (self.path / name).is_file()

    def fetch(self, name: str) -> Path:
        """See `Folder`."""
        verify_embedded(self.path / name)
        return self.path / name

    def open_weights(self, name: str) -> WeightFile:
        """See `Folder`."""
        return WeightFile(self.path / name)


class HubFolder(Folder):
    """A folder of a repository, whose files are fetched one by one when they are needed."""

    def __init__(self, files: dict[str, RemoteFile], *, repository: Repository):
        """Args: files: by their names in the folder; repository: that they are in."""
        super().__init__(next(iter(files.values())).path.parent)
        self.source, self.revision = repository, repository.revision
        self.repository = repository.name.partition("/")[2]
        if self.revision:
            self.repository += f"@{self.revision}"
        self._files, self._token = files, repository.token
        self._opened: dict[str, HubWeightFile] = {}  # a header costs a request

    @property
    def address(self) -> str:
        """As `scope.dictionary(path=...)` takes it: "hf://owner/name@revision/resid_post/..."."""
        revision = f"@{self.revision}" if self.revision else ""
        return f"hf://{self.source.name}{revision}/{self.site}/{self.name}"

    @property
    def commit(self) -> str:
        """See `Folder`."""
        return next(iter(self._files.values())).commit

    def is_same(self, other: Folder) -> bool:
        """See `Folder`; a new commit that leaves the weights alone makes no difference."""
        return isinstance(other, HubFolder) and self._sums() == other._sums()

    def _sums(self) -> dict[str, tuple[int, str | None]]:
        return {name: (one.size, one.sha256) for name, one in self._files.items() if name.startswith("params")}

    def names(self) -> list[str]:
        """See `Folder`."""
        return sorted(self._files)

    def size(self, name: str) -> int:
        """See `Folder`."""
        return self._files[name].size

    def is_here(self, name: str) -> bool:
        """See `Folder`."""
        return self._files[name].is_here

    def fetch(self, name: str) -> Path:
        """See `Folder`, and `fetch_file` for what can go wrong."""
        return fetch_file(self._files[name], token=self._token)

    def open_weights(self, name: str) -> WeightFile:
        """See `Folder`."""
        if name not in self._opened:
            # Examples are many times the size of weights: of them only parts are ever read.
            whole = name.startswith("params")
            self._opened[name] = HubWeightFile(self._files[name], token=self._token, whole=whole)
        return self._opened[name]
