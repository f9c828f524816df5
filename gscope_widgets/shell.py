"""The command `gscope-widgets`."""

import argparse
import gc
import json
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from gscope_widgets import __version__
from gscope_widgets.errors import GscopeError, InvalidValue, write_bytes, write_name

_PATIENCE_S = 1.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand.

    Args:
        arguments: what stands after the command's name; None for those of this process.

    Returns:
        The exit status: 0 where all is well, 1 where something is broken, 2 for arguments that are none.
    """
    parser = argparse.ArgumentParser("gscope-widgets", description="Hands-on interpretability in the notebook.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="command")
    doctor = commands.add_parser("doctor", help="say what this machine can do, and what to mend")
    doctor.add_argument("--model", default="gemma-3-270m", help="whose needs are looked at (default: %(default)s)")
    doctor.add_argument("--no-hub", action="store_true", help="send nothing over the network")
    doctor.set_defaults(run=_run_doctor)
    grade = commands.add_parser("grade", help="check the answers in notebooks")
    grade.add_argument("notebooks", nargs="+", type=Path, metavar="notebook.ipynb")
    grade.add_argument(
        "--with",
        dest="lesson",
        type=Path,
        metavar="lesson.ipynb",
        help="the teacher's notebook, whose checks are used; without it each notebook runs its own",
    )
    grade.add_argument("--json", type=Path, metavar="FILE", help="write every grade here too")
    grade.add_argument("--seconds", type=float, default=900, help="that a run may take (default: %(default)s)")
    grade.set_defaults(run=_run_grade)
    lab = commands.add_parser("lab", help="copy the tutorials into a folder, and open JupyterLab on them")
    lab.add_argument("--folder", type=Path, default=Path("tutorials"), help="where to (default: %(default)s)")
    lab.add_argument("--no-open", action="store_true", help="copy only")
    lab.add_argument("arguments", nargs="*", metavar="ARGUMENT", help="more for JupyterLab, after --")
    lab.set_defaults(run=_run_lab)
    download = commands.add_parser("download", help="fetch a model and dictionaries, for use without a network")
    download.add_argument("model", help="such as gemma-3-270m")
    download.add_argument(
        "dictionaries",
        nargs="*",
        metavar="dictionary",
        help="a site, such as resid_post, or a published folder, such as resid_post/layer_12_width_16k_l0_medium; "
        "without one, that which scope.dictionary() opens",
    )
    download.add_argument("--no-examples", action="store_true", help="leave out the examples, which cards show")
    download.add_argument("--list", action="store_true", help="say what would be fetched, and its size, only")
    download.set_defaults(run=_run_download)
    export = commands.add_parser("export", help="write a class pack: notebooks, pages, graders' files, requirements")
    export.add_argument("target", type=Path, metavar="class.zip")
    export.add_argument("--wheel", type=Path, help="of this package, to put into it")
    export.add_argument("--recordings", action="store_true", help="run every tutorial, and put its recording into it")
    export.set_defaults(run=_run_export)
    links = commands.add_parser("links", help="write links that open the tutorials on Colab, Binder and a hub")
    links.add_argument("--repository", required=True, help="owner/name on GitHub")
    links.add_argument("--branch", required=True, help="branch, tag or commit")
    links.add_argument("--hub", default="", help="address of a JupyterHub with nbgitpuller")
    links.add_argument("--environment", default="", help="owner/name that Binder builds, if it is another")
    links.add_argument("--environment-branch", default="", help="of that")
    links.add_argument("--interface", choices=("lab", "notebook"), default="lab", help="default: %(default)s")
    links.add_argument("--target", default="", help="folder on the hub; by default the repository's name")
    links.add_argument("--path", action="append", help="of a notebook in the repository; by default every tutorial")
    links.add_argument("--into", type=Path, metavar="PAGE", help="put them into this page, between its two marks")
    links.add_argument("--keep", action="store_true", help="put badges and an install cell into the tutorials here")
    links.set_defaults(run=_run_links)
    _add_sweep(commands.add_parser("sweep", help="collect the examples of all features of a dictionary from a corpus"))
    _add_circuit(commands.add_parser("circuit", help="trace which features brought about the next token of a text"))
    given = parser.parse_args(arguments)
    if arguments is None and getattr(given, "quiet", False):
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")  # for whoever loads weights
    with suppress(AttributeError, ValueError):  # a stream of somebody's own, or none
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        status = int(given.run(given))
        if sys.stdout is not None:
            sys.stdout.flush()
        return status
    except GscopeError as error:
        print(f"gscope-widgets: {_write_shown(str(error))}", file=sys.stderr)
        return 2
    except OSError as error:
        if sys.stdout is not None and arguments is None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or it is tried again at the end
        print(f"gscope-widgets: {error.strerror or error}", file=sys.stderr)
        return 2
    finally:
        if arguments is None:
            gc.freeze()  # the process ends: to look through all that torch has made takes seconds


def _write_shown(text: str) -> str:
    """Text as a terminal may have it: nothing in it is obeyed but the ends of lines."""
    return "".join(one if one.isprintable() or one == "\n" else ascii(one)[1:-1] for one in text)


def _add_model(command: argparse.ArgumentParser) -> None:
    command.add_argument("--model", default="mini", help='as for gs.load: "mini", "gemma-3-270m", a folder')
    command.add_argument("--revision", help="of the model: a branch, tag or commit")
    command.add_argument("--device", default="auto", help='"cpu", "cuda", "cuda:1" (default: %(default)s)')
    command.add_argument("--dtype", default="auto", help='"float32" or "bfloat16" (default: %(default)s)')


def _add_sweep(sweep: argparse.ArgumentParser) -> None:
    _add_model(sweep)
    sweep.add_argument(
        "--dictionary",
        help="a site, such as resid_post, a published folder, such as resid_post/layer_12_width_16k_l0_medium, a "
        "folder of this machine or hf://owner/name/site/folder; without one, that which scope.dictionary() opens",
    )
    sweep.add_argument(
        "--corpus",
        required=True,
        nargs="+",
        help="a text file, in which blank lines part documents, or a JSONL file, or several, one after the other; "
        "- for standard input; mini for the text that ships with that model",
    )
    sweep.add_argument("--out", required=True, help="folder; one with an unfinished sweep goes on")
    sweep.add_argument("--field", default="text", help="of a line of JSONL that has the text (default: %(default)s)")
    sweep.add_argument(
        "--parted-by",
        choices=("blank lines", "lines"),
        default="blank lines",
        help="what parts the documents of a text file (default: %(default)s)",
    )
    sweep.add_argument("--name", help="what the corpus is called on cards; by default its file's name")
    sweep.add_argument("--k", type=int, default=20, help="examples a feature (default: %(default)s)")
    sweep.add_argument("--seq-len", type=int, help="tokens of a row, BOS included")
    sweep.add_argument("--pack", action="store_true", help="documents end to end")
    sweep.add_argument("--max-tokens", type=int, help="no more of the corpus than this")
    sweep.add_argument("--batch-tokens", type=int, help="of one forward pass")
    sweep.add_argument("--engine", choices=("local", "ray"), default="local", help="default: %(default)s")
    sweep.add_argument("--workers", type=int, default=1, help="that share the work (default: %(default)s)")
    sweep.add_argument("--threads", type=int, help="of each, on a CPU (default: as many as the machine has for it)")
    sweep.add_argument("--address", help="of a Ray cluster")
    sweep.add_argument("--checkpoint-seconds", type=float, default=60.0, help="default: %(default)s")
    sweep.add_argument(
        "--patience-seconds",
        type=float,
        default=600.0,
        help="that a worker of several may tell nothing before it is replaced, 1 or more (default: %(default)s)",
    )
    sweep.add_argument("--overwrite", action="store_true", help="delete the sweep in the folder, and begin anew")
    sweep.add_argument("--quiet", action="store_true", help="say nothing of how far it is")
    sweep.set_defaults(run=_run_sweep)


def _run_sweep(given: argparse.Namespace) -> int:
    from gscope_widgets.runtime.gemma.names import require_name
    from gscope_widgets.runtime.sweeps.corpus import EMBEDDED, STDIN, open_corpus
    from gscope_widgets.runtime.sweeps.limits import check_settings

    names = (
        "k",
        "name",
        "seq_len",
        "pack",
        "field",
        "parted_by",
        "max_tokens",
        "batch_tokens",
        "engine",
        "workers",
        "threads",
        "address",
        "overwrite",
    )
    options = {name: getattr(given, name) for name in names} | {
        "checkpoint_s": given.checkpoint_seconds,
        "patience_s": given.patience_seconds,
    }
    corpus = given.corpus[0] if len(given.corpus) == 1 else [Path(one) for one in given.corpus]
    alone = next((one for one in given.corpus if one in (STDIN, *EMBEDDED)), None)
    if len(given.corpus) > 1 and alone is not None:
        raise InvalidValue(f"--corpus takes several files, or {alone} alone; a file of that name is ./{alone}")
    # What can be told at once is not told after torch and a model were loaded, which takes many seconds.
    require_name(given.model)
    check_settings(options | {"out": given.out}, call=_name_option)
    open_corpus(corpus, field=given.field, parted_by=given.parted_by)
    try:
        return _sweep(given, corpus, options)
    except KeyboardInterrupt:
        out = write_name(given.out)
        print(f"gscope-widgets: stopped; the same line goes on from {out}", file=sys.stderr)
        return 130


def _name_option(name: str) -> str:
    """What an argument of `gs.sweep` is called here."""
    return "--" + (f"{name[:-2]}_seconds" if name.endswith("_s") else name).replace("_", "-")


def _sweep(given: argparse.Namespace, corpus: object, options: dict[str, Any]) -> int:
    with _tell_late(f"loading {write_name(given.model)}…", silent=given.quiet):
        from gscope_widgets.runtime.naming import open_named
        from gscope_widgets.runtime.registry import load
        from gscope_widgets.runtime.sweeps.sweep import sweep

        scope = load(given.model, revision=given.revision, device=given.device, dtype=given.dtype)
    with scope:
        found = sweep(scope, open_named(scope, given.dictionary), corpus, given.out, show=not given.quiet, **options)
    print(found)
    return 0


def _add_circuit(circuit: argparse.ArgumentParser) -> None:
    from gscope_widgets.records.circuits import MAX_FEATURES

    _add_model(circuit)
    circuit.add_argument("--prompt", required=True, help="the text whose next token is explained")
    circuit.add_argument(
        "--target",
        help="the token that is explained, as its text, such as ' red', or #12 for its id; without it the likeliest",
    )
    circuit.add_argument(
        "--dictionary",
        nargs="+",
        default=[],
        help="clt, transcoders of different layers as published folders, such as "
        "transcoder_all/layer_12_width_16k_l0_small_affine, or folders of this machine; without it those of all layers",
    )
    circuit.add_argument("--max-features", type=int, default=MAX_FEATURES, help="nodes (default: %(default)s)")
    circuit.add_argument("--prune", action="store_true", help="write only what carries most of the influence")
    circuit.add_argument("--out", required=True, help="file for gs.load_circuit and viewers, such as graph.json")
    circuit.add_argument("--slug", help="the graph's name in viewers; by default one made of the prompt")
    circuit.add_argument("--quiet", action="store_true", help="say nothing of how far it is")
    circuit.set_defaults(run=_run_circuit)


def _run_circuit(given: argparse.Namespace) -> int:
    from gscope_widgets.keeping.circuit_writing import name_graph
    from gscope_widgets.keeping.circuits import check_graph_place
    from gscope_widgets.records.numbers import check_int
    from gscope_widgets.runtime.gemma.names import require_name

    # What can be told at once is not told after torch and a model were loaded, which takes many seconds.
    require_name(given.model)
    check_int("max_features", given.max_features, low=1, high=100_000)
    check_graph_place(given.out)
    name_graph(given.prompt, given.slug)
    try:
        return _trace(given)
    except KeyboardInterrupt:
        print("gscope-widgets: stopped; nothing was written", file=sys.stderr)
        return 130


def _trace(given: argparse.Namespace) -> int:
    from gscope_widgets.circuits import circuit
    from gscope_widgets.keeping.circuits import save_circuit

    with _tell_late(f"loading {write_name(given.model)}…", silent=given.quiet):
        from gscope_widgets.runtime.naming import list_named, read_token, write_need
        from gscope_widgets.runtime.registry import load

        scope = load(given.model, revision=given.revision, device=given.device, dtype=given.dtype)
    with scope:
        homes = list_named(scope, given.dictionary)
        if not given.quiet:
            print(write_need(scope, given.prompt, homes), file=sys.stderr, flush=True)
        graph = circuit(
            scope,
            given.prompt,
            dictionaries=homes,
            target=read_token(given.target),
            max_features=given.max_features,
            show=not given.quiet,
        )
    scores = graph.scores()
    graph = graph.prune() if given.prune else graph
    save_circuit(given.out, graph, slug=given.slug)
    print(_write_shown(repr(graph)))
    print(f"of the whole graph: replacement {scores.replacement:.3f}, completeness {scores.completeness:.3f}")
    print(f"{write_name(given.out)}: {Path(given.out).stat().st_size:,} bytes")
    return 0


@contextmanager
def _tell_late(line: str, *, silent: bool) -> Iterator[None]:
    """Say a line on standard error where what is done takes longer than a second."""
    timer = threading.Timer(_PATIENCE_S, lambda: print(line, file=sys.stderr, flush=True))
    timer.daemon = True
    if not silent:
        timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _run_doctor(given: argparse.Namespace) -> int:
    from gscope_widgets.checkup.examination import doctor

    found = doctor(given.model, ask_hub=not given.no_hub)
    print(found)
    return 0 if found.is_sound else 1


def _run_grade(given: argparse.Namespace) -> int:
    from gscope_widgets.exercises.grading import grade

    report = grade(given.notebooks, lesson=given.lesson, seconds=given.seconds)
    print(report)
    if given.json is not None:
        try:
            given.json.write_text(json.dumps(report.to_dict(), indent=1, ensure_ascii=False), encoding="utf-8")
        except OSError as error:
            raise InvalidValue(f"{given.json} cannot be written: {error.strerror or error}") from None
    return 0 if report.passed else 1


def _run_lab(given: argparse.Namespace) -> int:
    from gscope_widgets.teaching.copies import copy_tutorials, open_lab

    copied = copy_tutorials(given.folder)
    print(*copied, sep="\n")
    return 0 if given.no_open else open_lab(copied[0].path, given.arguments)


def _run_download(given: argparse.Namespace) -> int:
    from gscope_widgets.runtime.offline import fetch_all, list_needed, write_plan

    files = list_needed(given.model, given.dictionaries, examples=not given.no_examples)
    print(write_plan(files), flush=True)
    if not given.list:
        fetch_all(files, lambda line: print(line, flush=True))
        print("all is here")
    return 0


def _run_export(given: argparse.Namespace) -> int:
    from gscope_widgets.teaching.pack import export_pack

    def tell(line: str) -> None:
        print(line, flush=True)

    if given.target.suffix != ".zip":
        raise InvalidValue(f"the pack is a zip, got {given.target}; write {given.target}.zip")
    names = export_pack(given.target, wheel=given.wheel, recordings=given.recordings, tell=tell)
    print(f"{given.target}: {len(names)} files, {write_bytes(given.target.stat().st_size)}")
    if given.wheel is None:
        print("learners/requirements.txt takes gscope-widgets from a package index; if none has it, give its --wheel")
    return 0


def _run_links(given: argparse.Namespace) -> int:
    from gscope_widgets.teaching.links import Place, fill, put_into, write_links
    from gscope_widgets.teaching.tutorials import list_notebooks

    names = ("repository", "branch", "hub", "environment", "environment_branch", "interface", "target")
    place = Place(**{name: getattr(given, name) for name in names})
    written = write_links(place, given.path or [f"tutorials/{path.name}" for path in list_notebooks()])
    print(written)
    if given.into is not None:
        fill(given.into, written)  # refused before anything is changed
    if given.keep:
        from gscope_widgets.teaching.variants import write_all

        print(*(f"written: {path}" for path in write_all(place)), sep="\n")
    if given.into is not None:
        put_into(given.into, written)
    return 0


if __name__ == "__main__":
    sys.exit(main())
