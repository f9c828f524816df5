"""The one place where tests reach behind a scope: its model, what it keeps, and what it has open."""

from typing import Any

from gscope_widgets.runtime.cache import ByteCache
from gscope_widgets.runtime.dictionaries.dictionary import Dictionary
from gscope_widgets.runtime.gemma.loading import LoadedModel
from gscope_widgets.runtime.scope import Scope


def loaded(scope: Scope) -> LoadedModel:
    """The model and tokenizer that it runs."""
    return scope._engine.loaded


def forget_activations(scope: Scope, *, keep_none: bool = False) -> None:
    """Empty its caches, so that the next reading runs the model; for good with `keep_none`."""
    for cache in (scope._engine.activations, scope._engine.readings):
        cache.clear()
        if keep_none:
            cache.limit_bytes = 0


def forget_prompts(scope: Scope) -> None:
    """Empty what it keeps of prompts, so that the next run computes all of its prompt."""
    scope._engine.prompts.known.clear()


def open_dictionaries(scope: Scope) -> dict[str, Dictionary]:
    """What it has open, by id; may be changed."""
    return scope._shelf._open


def ask_at(scope: Scope, neuronpedia) -> None:
    """Have it ask this Neuronpedia."""
    scope._neuronpedia = neuronpedia


def caches(scope: Scope) -> tuple[ByteCache[Any], ...]:
    """What it keeps of texts and of prompts."""
    return tuple(scope._engine.caches.values())


def limit_caches(scope: Scope, *, limit_bytes: int) -> None:
    """Let it keep so little that things are dropped all the time."""
    for cache in caches(scope):
        cache.clear()
        cache.limit_bytes = limit_bytes


def weigh(cache: ByteCache[Any]) -> int:
    """The bytes of all that it keeps, counted anew."""
    return sum(map(cache._size, cache._values.values()))


def count_jobs(scope: Scope) -> int:
    """Queued and running on its worker."""
    with scope._worker._changed:  # or one that is on its way from the front to the end is missed
        return len(scope._worker._jobs)


def wait_until_idle(scope: Scope) -> None:
    """Return when no job is left on its worker, also none whose caller was interrupted."""
    while count_jobs(scope):
        scope.submit(lambda _job: None).result(60)
