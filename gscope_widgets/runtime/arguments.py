"""What the methods of a scope are given, checked before anything is done with it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from gscope_widgets.errors import InvalidValue, UnknownDictionary, describe_value
from gscope_widgets.records import protocols
from gscope_widgets.records.circuits import CircuitTarget
from gscope_widgets.records.directions import SITES, Direction
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.generation import MAX_TRACED
from gscope_widgets.records.interventions import Intervention, list_parts, require_set_once
from gscope_widgets.records.lists import read_list
from gscope_widgets.records.models import ModelInfo
from gscope_widgets.records.numbers import check_feature, check_int, check_layer
from gscope_widgets.records.tokens import Prompt, Tokens
from gscope_widgets.runtime.circuits.building import Wanted
from gscope_widgets.runtime.dictionaries.dictionary import Dictionary
from gscope_widgets.runtime.dictionaries.jumprelu import JumpReLU
from gscope_widgets.runtime.dictionaries.shelf import Shelf
from gscope_widgets.runtime.gemma.tokens import Tokenizer

Item = TypeVar("Item")
MAX_TEXTS = 1000  # of a set
_GIVE = (
    "give dictionaries=scope.dictionary('clt'), or [scope.dictionary('transcoder_all', layer=...), ...] of some "
    "layers; scope.catalogue() lists them"
)


class Arguments:
    """Checks against one scope's tokenizer and dictionaries. Each method returns what the engine takes."""

    def __init__(self, model: ModelInfo, tokenizer: Tokenizer, shelf: Shelf):
        """Made by the scope."""
        self._model, self._tokenizer, self._shelf = model, tokenizer, shelf

    def tokens(self, prompt: Prompt) -> Tokens:
        """A prompt's tokens, at least one."""
        tokens = self._tokenizer.tokenize(prompt)
        if not len(tokens):
            raise InvalidValue("no token ids given; a prompt has at least one")
        return tokens

    def dictionary(self, dictionary: protocols.Dictionary | str | None) -> Dictionary:
        """An open dictionary of this scope, given itself or by its id; its default one for None."""
        return self._shelf.choose() if dictionary is None else self._shelf.check(dictionary)

    def features(self, features: Sequence[int] | None, dictionary: Dictionary) -> tuple[int, ...] | None:
        """Features of a dictionary, or None for all."""
        if features is None:
            return None
        return tuple(check_feature(feature, d_dict=dictionary.d_dict) for feature in check_list("features", features))

    def traced(self, features: Sequence[FeatureRef] | FeatureRef) -> tuple[FeatureRef, ...]:
        """Different features of open dictionaries, whichever kind and site; one alone is taken for a list of it."""
        if isinstance(features, FeatureRef):
            return self.traced((features,))
        refs = check_list("features", features)
        for ref in refs:
            self._shelf.find(ref)
        if len(set(refs)) < len(refs):
            raise InvalidValue(f"features are different ones, got {', '.join(map(str, refs))}")
        if len(refs) > MAX_TRACED:
            raise InvalidValue(f"features are at most {MAX_TRACED}, got {len(refs)}")
        return refs

    def interventions(self, interventions: Sequence[Intervention] | Intervention) -> tuple[Intervention, ...]:
        """Interventions on features of open dictionaries that write at one layer, or along directions of this model.

        One alone is taken for a list of it.
        """
        if isinstance(interventions, Intervention):
            return self.interventions((interventions,))
        made = []
        for one in check_list("interventions", interventions):
            if not isinstance(one, Intervention):
                raise InvalidValue(
                    f"interventions come from gs.add, gs.clamp, gs.scale or gs.ablate, got {describe_value(one)}"
                )
            made.append(one)
        for part in list_parts(made):
            if isinstance(part.ref, FeatureRef):
                require_single(self._shelf.find(part.ref))
            else:
                self.direction(part.ref)
        return tuple(made)

    def direction(self, direction: Direction) -> Direction:
        """A direction that this model has a place for."""
        self.place(direction.site, direction.layer)
        size = self._model.d_attention if direction.site == "attn_out" else self._model.d_model
        if len(direction.vector) != size:
            raise InvalidValue(
                f"{direction.site} of {self._model.id} has {size} numbers, the vector has {len(direction.vector)}: "
                "it belongs to another site or model"
            )
        return direction

    def texts(self, name: str, texts: Sequence[Prompt]) -> tuple[Tokens, ...]:
        """The tokens of each of a set of texts, at least one of which counts."""
        items = check_list(name, texts)
        if not 1 <= len(items) <= MAX_TEXTS:
            raise InvalidValue(f"{name} must be 1 to {MAX_TEXTS} texts, got {len(items)}")
        found = tuple(self.tokens(text) for text in items)
        for text, tokens in zip(items, found, strict=True):
            if not tokens.used:
                raise InvalidValue(f"{name} holds a text without a token that counts: {describe_value(text)}")
        return found

    def transcoders(
        self, dictionaries: Sequence[protocols.Dictionary | str] | protocols.Dictionary | str | None
    ) -> tuple[Dictionary, ...]:
        """What stands in for MLPs: one CLT, or transcoders of different layers, rising; by default all layers'."""
        if dictionaries is None:
            return self._default_transcoders()
        alone = isinstance(dictionaries, (str, Mapping)) or hasattr(dictionaries, "info")
        given = (dictionaries,) if alone else check_list("dictionaries", dictionaries)  # type: ignore[arg-type]
        for one in given:
            if isinstance(one, Mapping) or (isinstance(one, str) and "/" not in one):
                raise InvalidValue(f"dictionaries are open, or ids of open ones, got {describe_value(one)}; {_GIVE}")
        found = [self._shelf.check(one) for one in given]
        if not found:
            raise InvalidValue("dictionaries is empty; give transcoders, or leave it out for those of all layers")
        for one in found:
            if one.info.base_site not in ("transcoder", "clt"):
                raise InvalidValue(
                    f"{one.info.id} is a {one.info.kind} of {one.info.site}, which does not stand in for an MLP; "
                    "circuits take transcoders or one CLT: scope.dictionary('transcoder_all', layer=...) or "
                    "scope.dictionary('clt')"
                )
        if any(one.info.base_site == "clt" for one in found) and len(found) > 1:
            raise InvalidValue(f"a CLT stands in for all MLPs by itself, got {len(found)} dictionaries")
        found.sort(key=lambda one: one.info.layer)
        layers = [one.info.layer for one in found]
        if len(set(layers)) < len(layers):
            raise InvalidValue(f"each transcoder has a layer of its own, got layers {', '.join(map(str, layers))}")
        return tuple(found)

    def _default_transcoders(self) -> tuple[Dictionary, ...]:
        """Of every layer, affine where there are such, of the default width and l0."""
        try:
            return tuple(
                self._shelf.choose(site="transcoder_all", layer=layer, affine=True)
                for layer in range(self._model.layers)
            )
        except UnknownDictionary:
            pass
        try:
            return tuple(self._shelf.choose(site="transcoder_all", layer=layer) for layer in range(self._model.layers))
        except UnknownDictionary as error:
            raise UnknownDictionary(
                f"{self._model.id} lacks transcoders for all its layers: {error}; {_GIVE}"
            ) from None

    def circuit_target(self, target: CircuitTarget, tokens: Tokens) -> Wanted:
        """What a circuit is to explain."""
        if target is None:
            return Wanted()
        if isinstance(target, (list, tuple)) and len(target) == 2 and isinstance(target[0], FeatureRef):
            ref, pos = target
            self._shelf.find(ref)
            pos = check_int("the target's position", pos, low=0, high=len(tokens) - 1)
            return Wanted(feature=(ref.dictionary_id, ref.feature, pos))
        if isinstance(target, (list, tuple)) and len(target) == 2:
            ids = tuple(self._tokenizer.find_token(one) for one in target)
            if ids[0] == ids[1]:
                raise InvalidValue(f"a difference is of two tokens, got {describe_value(target[0])} twice")
            return Wanted(ids, is_difference=True)
        if isinstance(target, FeatureRef):
            raise InvalidValue("a feature is a target at a position: target=(ref, pos)")
        if isinstance(target, (list, tuple)):
            raise InvalidValue(f"a target is a token, two tokens, or (ref, pos), got {describe_value(target)}")
        return Wanted((self._tokenizer.find_token(target),))

    def place(self, site: object, layer: object) -> tuple[str, int]:
        """Where a direction of one's own may belong: a site and a layer of this model."""
        if not isinstance(site, str) or site not in SITES:
            raise InvalidValue(f"site must be one of {', '.join(SITES)}, got {describe_value(site)}")
        return site, check_layer(layer, layers=self._model.layers)

    def interventions_on(
        self, tokens: Tokens, interventions: Sequence[Intervention] | Intervention
    ) -> tuple[Intervention, ...]:
        """`interventions`, of which no two set one feature at one position of this text or of what continues it."""
        made = self.interventions(interventions)
        require_set_once(made, prompt_length=len(tokens))
        return made


def check_list(name: str, value: Iterable[Item]) -> tuple[Item, ...]:
    """The items of any iterable but a string.

    Raises:
        InvalidValue: it is none.
    """
    items = read_list(value)
    if items is None:
        raise InvalidValue(f"{name} must be a list, got {describe_value(value)}")
    return tuple(items)


def check_row_seeds(seeds: Iterable[int], *, rows: int) -> list[int]:
    """One seed a row.

    Raises:
        InvalidValue: another number of them, or one outside 0 to 2**31 - 1.
    """
    found = [check_int("a seed", seed, low=0, high=2**31 - 1) for seed in check_list("seeds", seeds)]
    if len(found) != rows:
        raise InvalidValue(f"seeds must be one a row, {rows}, got {len(found)}")
    return found


def require_single(dictionary: Dictionary) -> JumpReLU:
    """The dictionary, if its features write at one layer, which is what interventions are made for.

    Raises:
        InvalidValue: it is a crosscoder or CLT.
    """
    if not isinstance(dictionary, JumpReLU):
        raise InvalidValue(
            f"{dictionary.info.id} is a {dictionary.info.kind}, whose features write at several layers; this version "
            "steers with dictionaries of one layer: take scope.dictionary('resid_post') or a transcoder"
        )
    return dictionary
