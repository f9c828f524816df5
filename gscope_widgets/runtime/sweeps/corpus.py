"""Documents out of whatever holds them, one at a time."""

import itertools
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Literal, get_args

from gscope_widgets.errors import GscopeError, InvalidValue, describe_value, write_name
from gscope_widgets.mini import texts
from gscope_widgets.records.numbers import check_int
from gscope_widgets.records.sweeps import shorten_name
from gscope_widgets.records.tokens import Prompt

MOST_BYTES = 200_000_000  # of one line, and of one document of a text file
STDIN = "-"
EMBEDDED = ("mini", "mini-it")
_FILE_KINDS = ("arrow", "csv", "json", "parquet", "text")  # names that Hugging Face gives datasets of plain files
_LONGEST_PATH = 4096
_JSON_LINES = (".jsonl", ".ndjson", ".json")
_TABLES = (".csv", ".tsv", ".parquet", ".arrow", ".feather", ".xlsx")
_PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip")
_ONE_A_LINE = "write each document on a line of its own"
_LARGEST = 2**63 - 1
Parts = Literal["blank lines", "lines"]


@dataclass(frozen=True)
class Corpus:
    """Where documents come from: `read` begins at the first one each time, where that can be done."""

    name: str  # for readers: "stories.jsonl", "the 12 texts given"
    read: Callable[[], Iterator[Prompt]]
    by_blank_lines: bool = False  # it is text of which blank lines alone part documents
    is_named: bool = False  # by whoever sweeps it
    is_read_once: bool = False  # it is an iterator, of which nothing is left when it was read


def open_corpus(corpus: object, *, field: str = "text", parted_by: Parts = "blank lines") -> Corpus:
    """What a sweep is given, as documents.

    Args:
        corpus: any iterable of documents (a list, a generator, a Hugging Face dataset, streaming or not), or a file:
            its path, "-" for standard input, "mini" or "mini-it" for the text that ships with those models; several
            files, one after the other, as a list of `pathlib.Path`. A document is a string, a list of chat messages,
            token ids, something with a `text`, as of `gs.mini.texts()`, or a mapping that has one of these under
            `field`, or None, which counts as an empty text. In a file whose name ends in .jsonl, .ndjson or .json each
            line is a document, as JSON; in any other, blank lines part documents.
        field: where a document that is a mapping has its text.
        parted_by: "lines" where each line of a text file is a document.

    Raises:
        InvalidValue: it is none of these; there is no such file, or it is a table or packed; it is a list of strings
            that are all names of files, which would be swept as texts. While it is read: a document is none; a line is
            not JSON or not UTF-8, or too long: with the number of the line; nothing is left of an iterator.
        GscopeError: while it is read: a document cannot be had, such as one from the network; with its number and the
            cause.
    """
    opened = _open(corpus, field, parted_by)
    return replace(opened, read=lambda: _tell_faults(opened.read()))


def _tell_faults(documents: Iterator[Prompt]) -> Iterator[Prompt]:
    """The same documents; what befalls whoever gives them is told as that, not as a fault of whoever takes them."""
    for number in itertools.count():
        try:
            document = next(documents)
        except StopIteration:
            return
        except (GscopeError, MemoryError):
            raise
        except Exception as error:
            raise GscopeError(
                f"document {number} of the corpus could not be had ({type(error).__name__}: {error}); mend that, and "
                "run the same line again"
            ) from error
        yield document


def _open(corpus: object, field: str, parted_by: Parts) -> Corpus:
    if not isinstance(parted_by, str) or parted_by not in get_args(Parts):
        raise InvalidValue(f'parted_by must be "blank lines" or "lines", got {describe_value(parted_by)}')
    if isinstance(corpus, (str, os.PathLike)):
        return _open_place(corpus, field, parted_by)
    if isinstance(corpus, Mapping):
        names = [describe_value(one) for one in list(corpus)[:5]]
        raise InvalidValue(
            f"a corpus is a series of documents, got a mapping of {', '.join(names) or 'nothing'}; give one part of "
            f"it, such as corpus[{names[0] if names else '...'}]"
        )
    if type(corpus).__name__ == "DataFrame":  # which gives the names of its columns, or the columns
        raise InvalidValue(f'a corpus is a series of documents, got a DataFrame; give one column of it: df["{field}"]')
    if isinstance(corpus, (set, frozenset)):
        raise InvalidValue("a corpus has an order, and that of a set is another in each process; give sorted(corpus)")
    if isinstance(corpus, (bytes, bytearray)) or not _is_series(corpus):
        raise InvalidValue(
            "a corpus is a list of texts, another series of documents, or the path of a text or JSONL file, "
            f"got {describe_value(corpus)}"
        )
    if isinstance(corpus, (list, tuple)) and corpus:
        if all(isinstance(one, os.PathLike) for one in corpus):
            return _open_files([_open_place(one, field, parted_by) for one in corpus])
        if any(isinstance(one, os.PathLike) for one in corpus):
            raise InvalidValue("a list holds paths or documents, got both; give each as a list of its own")
        _refuse_names(corpus)
    given: Any = corpus
    return Corpus(_name_series(given), lambda: _take_out(given, field), is_read_once=isinstance(given, Iterator))


def _open_files(files: Sequence[Corpus]) -> Corpus:
    """One file after the other."""
    first, *others = [one.name for one in files]
    more = f"{first} and {len(others)} more files" if len(others) > 1 else " and ".join([first, *others])
    return Corpus(
        more,
        lambda: itertools.chain.from_iterable(one.read() for one in files),
        any(one.by_blank_lines for one in files),
    )


def _refuse_names(corpus: Sequence[Any]) -> None:
    """Refuse a series of texts each of which is the name of a file that there is."""
    if not all(map(_is_name_of_file, corpus)):
        return
    path = f"Path({describe_value(corpus[0], limit=200)})"
    paths, what = (
        (f"[{path}]", "one text, and it is the name of a file")
        if len(corpus) == 1
        else (f"[{path}, ...]", f"{len(corpus):,} texts, and all name files")
    )
    raise InvalidValue(
        f"the corpus would be a list of {what}; for what is in files give paths: {paths}, with from pathlib import Path"
    )


def _is_name_of_file(text: object) -> bool:
    if not isinstance(text, str) or not 0 < len(text) <= _LONGEST_PATH:
        return False
    try:
        return Path(text).expanduser().is_file()
    except (OSError, ValueError, RuntimeError):
        return False


def _open_place(place: str | os.PathLike[str], field: str, parted_by: Parts) -> Corpus:
    if place == STDIN:
        given = getattr(sys.stdin, "buffer", None)
        if given is None or given.closed:
            raise InvalidValue("nothing can be read from standard input here; give the path of a file")
        return Corpus(
            "standard input",
            lambda: _read_file(given, "standard input", field, as_json=None, parted_by=parted_by),
            parted_by == "blank lines",
        )
    if place in EMBEDDED:
        name = str(place)
        return Corpus(f"{name}'s held-out text", lambda: (one.text for one in texts(model=name)))
    try:
        path = Path(place).expanduser()
        is_file, is_folder = path.is_file(), path.is_dir()
    except (OSError, ValueError, RuntimeError):
        is_file = is_folder = False
    if not is_file:
        what = "is a folder" if is_folder else "is no file"
        raise InvalidValue(
            f"{describe_value(str(place), limit=200)} {what}; a corpus is a text or JSONL file, or in Python a list: "
            "[text, ...]"
        )
    ending = path.suffix.lower()
    if ending in _TABLES:
        raise InvalidValue(
            f"{write_name(path)} is a table, and a corpus a text or JSONL file; write its texts into one, or in Python "
            "give them as a list"
        )
    if ending in _PACKED:
        raise InvalidValue(f"{write_name(path)} is packed; unpack it, and give the text or JSONL file")

    is_json = ending in _JSON_LINES
    place_now = path.absolute()  # read later, wherever this process then stands

    def read() -> Iterator[Prompt]:
        try:
            with place_now.open("rb") as file:
                yield from _read_file(file, write_name(path), field, as_json=is_json, parted_by=parted_by)
        except OSError as error:
            raise InvalidValue(f"{write_name(path)} cannot be read ({error.strerror or error})") from None

    return Corpus(write_name(path.name), read, not is_json and parted_by == "blank lines")


def _is_series(corpus: object) -> bool:
    try:
        iter(corpus)  # type: ignore[call-overload]  # which says whether it can be; an array of no axes cannot
    except TypeError:
        return False
    return True


def _name_series(corpus: Iterable[Any]) -> str:
    info = getattr(corpus, "info", None)  # of a Hugging Face dataset
    name = getattr(info, "dataset_name", None)
    if isinstance(name, str) and name:
        return f"a dataset of {name} files" if name in _FILE_KINDS else shorten_name(name)
    if not isinstance(corpus, Sequence):
        return "the texts given"
    return "the text given" if len(corpus) == 1 else f"the {len(corpus):,} texts given"


def _take_out(corpus: Iterable[Any], field: str) -> Iterator[Prompt]:
    number = -1
    for number, item in enumerate(corpus):
        yield find_document(item, field, where=f"document {number} of the corpus")
    if number < 0 and isinstance(corpus, Iterator):
        raise InvalidValue("nothing is left in the corpus: an iterator gives its documents once; make it anew")


def find_document(item: Any, field: str, *, where: str) -> Prompt:
    """The document that an item of a series, or a line of a JSONL file, holds.

    Raises:
        InvalidValue: it holds none; `where` is named.
    """
    if isinstance(item, Mapping):
        if field not in item:
            names = ", ".join(map(repr, list(item)[:8])) or "nothing"
            raise InvalidValue(f'{where} has no "{field}": it has {names}; name one with field= (in a shell --field)')
        item = item[field]
        if item is None:  # as datasets have where a row has no text
            return ""
    elif isinstance(getattr(item, "text", None), str):
        item = item.text
    if hasattr(item, "tolist"):
        item = item.tolist()
    if isinstance(item, str):
        return item
    if isinstance(item, (list, tuple)):
        if item and all(isinstance(one, Mapping) for one in item):
            return [{key: one[key] for key in ("role", "content") if key in one} for one in item]
        with suppress(InvalidValue):
            return [check_int("a token id", one, low=-_LARGEST, high=_LARGEST) for one in item]
    raise InvalidValue(f"{where} should be a text, chat messages or token ids, got {describe_value(item)}")


def _read_file(file: BinaryIO, name: str, field: str, *, as_json: bool | None, parted_by: Parts) -> Iterator[Prompt]:
    """Documents of an open file; `as_json` None: lines of JSON where the first that is not blank begins like one."""
    kept: list[str] = []
    size = 0
    for number, line in _read_lines(file, name):
        if as_json is None and line.strip():
            as_json = line.lstrip()[:1] in ("{", '"', "[")
        if as_json:
            if line.strip():
                item = _parse(line, name, number)
                if _is_list_of_documents(item, field):
                    raise InvalidValue(f"line {number} of {name} is a list of documents; {_ONE_A_LINE}")
                yield find_document(item, field, where=f"line {number} of {name}")
            continue
        if parted_by == "lines":
            if line.strip():
                yield line.rstrip("\r\n")
        elif line.strip():
            kept.append(line)
            size += len(line)
            if size > MOST_BYTES:
                raise InvalidValue(
                    f"the document that ends at line {number} of {name} has more than {MOST_BYTES:,} characters; "
                    "part documents by blank lines"
                )
        elif kept:
            yield "".join(kept).rstrip("\r\n")
            kept, size = [], 0
    if kept:
        yield "".join(kept).rstrip("\r\n")


def _parse(line: str, name: str, number: int) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        advice = _ONE_A_LINE if line.lstrip().startswith("[") or line.strip() == "{" else "mend or delete that line"
        raise InvalidValue(
            f"line {number} of {name} is not JSON ({error}): {describe_value(line.strip())}; {advice}"
        ) from None


def _is_list_of_documents(item: object, field: str) -> bool:
    """Whether it is what files of JSON hold that are no JSONL: neither token ids nor chat messages."""
    return isinstance(item, list) and any(
        isinstance(one, (str, list)) or (isinstance(one, dict) and field in one and "role" not in one) for one in item
    )


def _read_lines(file: BinaryIO, name: str) -> Iterator[tuple[int, str]]:
    number = 0
    while line := file.readline(MOST_BYTES + 1):
        number += 1
        if len(line) > MOST_BYTES:
            raise InvalidValue(f"line {number} of {name} has more than {MOST_BYTES:,} bytes; cut it into documents")
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        try:
            yield number, line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise InvalidValue(
                f"line {number} of {name} is not UTF-8 (byte {error.start} of it is {line[error.start]:#04x}); "
                "convert the file, for example with iconv -t utf-8"
            ) from None
