"""A model and its dictionaries, fetched beforehand for use without a network."""

from collections.abc import Callable, Sequence
from difflib import get_close_matches

from gscope_widgets.errors import InvalidValue, UnknownDictionary, UnknownModel, describe_value, write_bytes
from gscope_widgets.mini import MODELS
from gscope_widgets.runtime.dictionaries.catalogue import describe_listed
from gscope_widgets.runtime.dictionaries.choice import choose_dictionary
from gscope_widgets.runtime.dictionaries.shelf import find_dictionaries, split_folders
from gscope_widgets.runtime.gemma.loading import list_model
from gscope_widgets.runtime.gemma.names import find_repository, is_folder
from gscope_widgets.runtime.hub.repository import RemoteFile, Repository
from gscope_widgets.runtime.hub.transfer import fetch_file, require_room


def list_needed(
    model: str, dictionaries: Sequence[str] = (), *, examples: bool = True, token: str | None = None
) -> list[RemoteFile]:
    """The files that a model and dictionaries of it need, those that are here too; the Hub is asked for its lists.

    Args:
        model: as `gs.load` takes it, of the Hub.
        dictionaries: sites ("resid_post"), of which the one that `scope.dictionary(site)` opens is meant, or published
            folders ("resid_post/layer_12_width_16k_l0_medium"); none for the one that `scope.dictionary()` opens.
        examples: with the published examples, which cards show and which are larger than the weights.
        token: for gated models; by default the one huggingface_hub finds.

    Raises:
        InvalidValue: the model is on this machine already.
        UnknownModel, UnknownDictionary, Offline, GatedModel: as `gs.load` and `scope.dictionary` raise them.
    """
    if model in MODELS or is_folder(model):
        raise InvalidValue(f"{describe_value(model)} is on this machine already: nothing is to be fetched")
    name = find_dictionaries(model)
    if dictionaries and name is None:
        raise UnknownDictionary(f"no dictionaries for {model} are known: Gemma Scope 2 has them for Gemma 3, pt and it")
    files = list_model(find_repository(model), revision=None, token=token)[1]
    if name is not None:
        repository = Repository(name, token=token)
        for one in dict.fromkeys(dictionaries or ("resid_post",)):
            files += _list_dictionary(repository, one, examples=examples)
    return files


def _list_dictionary(repository: Repository, wish: str, *, examples: bool) -> list[RemoteFile]:
    listed = repository.files()
    by_id = split_folders(listed, repository)
    by_path = {f"{one.site}/{one.name}": one for one in by_id.values()}
    if "/" not in wish:
        infos = [info for one in by_id.values() if (info := describe_listed(one)) is not None]
        folder = by_id[choose_dictionary(infos, site=wish).id]
    elif wish in by_path:
        folder = by_path[wish]
    else:
        near = get_close_matches(wish, by_path, n=3)
        advice = f"; the nearest are {', '.join(near)}" if near else ""
        raise UnknownDictionary(f"{repository.name} has no folder {describe_value(wish, limit=100)}{advice}")
    names = [name for name in folder.names() if examples or not name.startswith("examples")]
    return [listed[f"{folder.site}/{folder.name}/{name}"] for name in names]


def fetch_all(files: Sequence[RemoteFile], tell: Callable[[str], None], *, token: str | None = None) -> None:
    """Fetch files that are not here, one after the other, and compare all with the Hub's sums.

    Args:
        files: small ones first where something may stand in the way, as `list_needed` gives them.
        tell: takes a line before each file.

    Raises:
        DiskFull: before anything is fetched.
        Offline, GatedModel, BadArtefact: as the Hub answered; what has come stays.
    """
    require_room(files)
    missing = [file for file in files if not file.is_here]
    total, done = sum(file.size for file in missing), 0
    for file in files:
        if file in missing:
            at = f"{missing.index(file) + 1} of {len(missing)}, {write_bytes(done)} of {write_bytes(total)} done"
            tell(f"{at}: {file.repository}/{file.name}, {write_bytes(file.size)}")
            done += file.size
        fetch_file(file, token=token, unknown=UnknownModel)


def write_plan(files: Sequence[RemoteFile]) -> str:
    """What is to be fetched and its size, by folder, as lines."""
    folders: dict[str, list[RemoteFile]] = {}
    for file in files:
        folders.setdefault(f"{file.repository}/{file.name}".rpartition("/")[0], []).append(file)
    lines = []
    for folder, inside in folders.items():
        lacking = sum(file.size for file in inside if not file.is_here)
        size = write_bytes(sum(file.size for file in inside))
        here = "here already" if not lacking else "" if all(not file.is_here for file in inside) else "partly here"
        lines.append(f"{size:>10}  {len(inside):3d} files  {folder}  {here}".rstrip())
    total = sum(file.size for file in files if not file.is_here)
    return "\n".join([*lines, f"{write_bytes(total):>10}  to fetch"])
