"""A Hub of our own: folders served with as much of the Hub's protocol as huggingface_hub 0.34 to 2.4 uses."""

from collections.abc import Collection
from pathlib import Path
from urllib.parse import parse_qs, quote, urlencode

from tests.hub.faults import GATED
from tests.hub.loopback import LoopbackServer, Request, refuse, split_path
from tests.hub.reply import FileBytes, Refused, Reply, reply_json
from tests.hub.repository import Entry, Repository, read_repository

_EXPANDED_PAGE = 50  # the Hub's page where `expand` is asked for


class HubServer(LoopbackServer):
    """Serves `folder/owner/name` as the model repository owner/name, as it is at each request.

    A folder `folder/owner/name@revision` beside it is that branch or tag. A file `.listing.json` in a repository,
    {path: size in bytes}, lists files that exist in name only. Files in LFS (safetensors, tokenizer.json) are
    answered by a redirect to /lfs/ under another name of this machine, as the Hub sends to its CDN: no token goes
    there. Every token is good for public repositories until it is revoked.
    """

    def __init__(self, folder: Path, *, home: Path | None = None, page_size: int = 1000):
        super().__init__()
        self.folder = folder
        self.home = home or folder.with_name(f"{folder.name}-home")  # where a client keeps its cache and tokens
        self.page_size = page_size  # entries of one page of a listing
        self._gated: dict[str, set[str]] = {}
        self._private: dict[str, set[str]] = {}
        self._revoked: set[str] = set()

    def gate(self, name: str, *, tokens: Collection[str] = ()) -> None:
        """Lets only `tokens` fetch files of a repository; anyone may list it, as on the Hub."""
        self._gated[name] = set(tokens)

    def hide(self, name: str, *, tokens: Collection[str] = ()) -> None:
        """Makes a repository private: without one of `tokens` it is not found."""
        self._private[name] = set(tokens)

    def revoke(self, token: str) -> None:
        """Makes a token invalid everywhere."""
        self._revoked.add(token)

    def environment(self) -> dict[str, str]:
        """Variables for a child process that shall know this Hub alone, to be put over os.environ."""
        return {
            "HF_ENDPOINT": self.endpoint,
            "HF_HOME": str(self.home),
            "HF_HUB_CACHE": str(self.home / "hub"),
            "HF_TOKEN_PATH": str(self.home / "token"),
            "HF_TOKEN": "",
            "HUGGING_FACE_HUB_TOKEN": "",
            "HF_HUB_OFFLINE": "0",
            "TRANSFORMERS_OFFLINE": "0",
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "NO_PROXY": "127.0.0.1,localhost",
        }

    def answer(self, request: Request, *, path: str, token: str | None) -> Reply:
        token = token.removeprefix("Bearer ") if token else None
        parts = split_path(path)
        if token in self._revoked and parts[0] != "lfs":
            message = "Invalid credentials in Authorization header"
            raise refuse(401, message, X_Error_Message=message)
        match parts:
            case ["api", "whoami-v2"]:
                return self._name_user(token)
            case ["api", "models", owner, name, *rest]:
                self._check_name(f"{owner}/{name}", token=token)
                return self._answer_api(request, f"{owner}/{name}", rest, path=path, token=token)
            case ["lfs", owner, name, commit, *rest]:
                return self._send_lfs(f"{owner}/{name}", commit, "/".join(rest))
            case [owner, name, "resolve", revision, *rest]:
                return self._resolve(f"{owner}/{name}", revision, "/".join(rest), token=token)
        raise refuse(404, "Sorry, we can't find the page you are looking for.")

    def _answer_api(self, request: Request, name: str, rest: list[str], *, path: str, token: str | None) -> Reply:
        query = {key: values[0] for key, values in parse_qs(request.query).items()}
        match rest or ["revision", "main"]:
            case ["revision", revision]:
                found = self._find(name, revision)
                access = {"gated": name in self._gated, "private": name in self._private}
                return reply_json(found.describe(**access, blobs="blobs" in query))
            case ["tree", revision, *folder]:
                return self._list_tree(self._find(name, revision), path, "/".join(folder), query)
            case ["paths-info", revision]:
                paths = parse_qs(request.body.decode()).get("paths", [])
                return reply_json(self._find(name, revision).describe_paths(paths))
            case ["refs"]:
                return reply_json(self._list_revisions(name))
            case ["auth-check"]:
                self._check_gate(name, token=token)
                return reply_json({})
        raise refuse(404, "Not Found")

    def _find(self, name: str, revision: str) -> Repository:
        for branch, folder in self._find_branches(name).items():
            repository = read_repository(folder, name)
            if revision in (branch, repository.commit):
                return repository
        message = f"Invalid rev id: {revision}"
        raise refuse(404, message, X_Error_Code="RevisionNotFound", X_Error_Message=message)

    def _find_branches(self, name: str) -> dict[str, Path]:
        folder = self.folder / name
        beside = {each.name.split("@", 1)[1]: each for each in folder.parent.glob(f"{folder.name}@*")}
        return {"main": folder} | beside

    def _check_name(self, name: str, *, token: str | None) -> None:
        if (self.folder / name).is_dir() and (name not in self._private or token in self._private[name]):
            return
        message = "Repository not found"
        raise refuse(404 if token else 401, message, X_Error_Code="RepoNotFound", X_Error_Message=message)

    def _check_gate(self, name: str, *, token: str | None) -> None:
        if name not in self._gated or token in self._gated[name]:
            return
        message = GATED.message if token else f"Access to model {name} is restricted. Please log in."
        raise refuse(403 if token else 401, message, X_Error_Code="GatedRepo", X_Error_Message=message)

    def _resolve(self, name: str, revision: str, path: str, *, token: str | None) -> Reply:
        self._check_name(name, token=token)
        self._check_gate(name, token=token)
        repository = self._find(name, revision)
        entry = repository.entries.get(path)
        if entry is None or entry.file is None:
            headers = {"X_Error_Code": "EntryNotFound", "X_Error_Message": "Entry not found"}
            raise refuse(404, "Entry not found", X_Repo_Commit=repository.commit, **headers)
        headers = {"X-Repo-Commit": repository.commit, "Accept-Ranges": "bytes"}
        if entry.sha256 is None:
            return _send_file(entry, headers)
        headers |= {"X-Linked-Size": str(entry.size), "X-Linked-ETag": f'"{entry.sha256}"'}
        headers["Location"] = f"http://localhost:{self.port}/lfs/{name}/{repository.commit}/{quote(path)}"
        return Reply(302, headers, b"Found")

    def _send_lfs(self, name: str, commit: str, path: str) -> Reply:
        for folder in filter(Path.is_dir, self._find_branches(name).values()):
            repository = read_repository(folder, name)
            if repository.commit == commit and path in repository.entries:
                return _send_file(repository.entries[path], {"Accept-Ranges": "bytes"})
        raise Refused(Reply(403, {"Content-Type": "application/xml"}, b"<Error><Code>AccessDenied</Code></Error>"))

    def _list_tree(self, repository: Repository, path: str, folder: str, query: dict) -> Reply:
        recursive, expand = (query.get(name, "").lower() in ("true", "1") for name in ("recursive", "expand"))
        tree = repository.list_tree(folder, recursive=recursive, expand=expand)
        if tree is None:
            message = f"{folder} does not exist"
            raise refuse(404, message, X_Error_Code="EntryNotFound", X_Error_Message=message)
        largest = min(self.page_size, _EXPANDED_PAGE) if expand else self.page_size
        limit = min(int(query.get("limit", largest)), largest)
        start = int(query.get("cursor", 0))
        reply = reply_json(tree[start : start + limit])
        if start + limit >= len(tree):
            return reply
        following = urlencode(query | {"limit": limit, "cursor": start + limit})
        return reply.with_headers(Link=f'<{self.endpoint}{path}?{following}>; rel="next"')

    def _list_revisions(self, name: str) -> dict:
        branches = [
            {"name": branch, "ref": f"refs/heads/{branch}", "targetCommit": read_repository(folder, name).commit}
            for branch, folder in self._find_branches(name).items()
        ]
        return {"branches": branches, "converts": [], "tags": [], "pullRequests": []}

    def _name_user(self, token: str | None) -> Reply:
        if token is None:
            raise refuse(401, "Invalid username or password.")
        access = {"type": "access_token", "accessToken": {"displayName": "test", "role": "read"}}
        return reply_json(
            {"type": "user", "id": "0", "name": "reader", "fullname": "Reader", "orgs": [], "auth": access}
        )


def _send_file(entry: Entry, headers: dict[str, str]) -> Reply:
    assert entry.file is not None, "what is only listed is refused before"
    text = entry.path.endswith((".json", ".md", ".txt"))
    headers = headers | {
        "Content-Type": "text/plain; charset=utf-8" if text else "application/octet-stream",
        "ETag": f'"{entry.etag}"',
    }
    return Reply(200, headers, FileBytes(entry.file, 0, entry.size))
