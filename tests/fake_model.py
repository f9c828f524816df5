"""What `FakeScope` computes: a small vocabulary, random embeddings of a fixed seed, and a threshold on them.

The residual stream at a token is its embedding and half the one before, the same at every layer; the logits of the
next token are products with the last one. Interventions act as the package documents them.
"""

import codecs
import itertools
import zlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from gscope_widgets.errors import InvalidValue, PromptTooLong, describe_value
from gscope_widgets.records.dictionaries import DictionaryInfo
from gscope_widgets.records.directions import Direction
from gscope_widgets.records.features import FeatureLabel, FeatureRef
from gscope_widgets.records.generation import Ending, GeneratedToken, SamplingPlan, TokenChance
from gscope_widgets.records.interventions import Intervention, list_parts
from gscope_widgets.records.lens import LensReading, TokenPath
from gscope_widgets.records.measures import Measure, apply_function, share_of_words
from gscope_widgets.records.numbers import check_feature, check_int
from gscope_widgets.records.readings import FeatureReading
from gscope_widgets.records.tokens import Prompt, Tokens, Turn

PAD, EOS, BOS = range(3)
WORDS = (
    "The the old fisherman walked from harbour to market with his sister sold fish two twelve coins On Monday "
    "children sang and bird cat dog house red coat a is was were happy said King Paris bread cold warm"
).split()
PIECES = (
    *("<pad>", "<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>"),
    *(f"<0x{byte:02X}>" for byte in range(256)),
    *(chr(code) for code in (10, *range(32, 127))),
    *(word for word in WORDS if len(word) > 1),
    *(f" {word}" for word in WORDS),
)
IDS = {piece: token_id for token_id, piece in enumerate(PIECES)}
BYTES = PIECES.index("<0x00>")
CONTEXT, D_MODEL, D_DICT, LAYERS = 256, 16, 1024, 6
MEASURED_ON = "some text <of 1939>"  # densities
MEAN_NORM = 4.0
EMBEDDINGS, UNEMBEDDINGS = np.random.default_rng(0).standard_normal((2, len(PIECES), D_MODEL)).astype(np.float32)
LABELS = {
    3: FeatureLabel("birds", "measured on generated text", 0.99, 0.9, 0.8),
    4: FeatureLabel("fish & <b>boats</b>", "measured on generated text", 0.7, 0.5, 0.4),
    900: FeatureLabel("a bird's house", "somebody's guess", author="some-model", score=0.5, date="2026-01-31"),
}


class FakeDictionary:
    """1024 features at one layer, about 20 of which fire at a token. Feature 7 has no known largest activation."""

    def __init__(self, site: str, layer: int):
        name = f"fake/{site}/layer_{layer}_width_1k_l0_medium"
        self.info = DictionaryInfo(name, "sae", site, (layer,), "1k", D_DICT, "medium", 20.0, False, bytes=131_072)
        self.d_dict = D_DICT
        random = np.random.default_rng(zlib.crc32(name.encode()))
        self.encoder, rows = random.standard_normal((2, D_DICT, D_MODEL)).astype(np.float32)
        self.decoder = rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def feature(self, index: int) -> FeatureRef:
        return FeatureRef(self.info.id, check_feature(index, d_dict=D_DICT))

    def label(self, feature: int) -> FeatureLabel | None:
        return LABELS.get(check_feature(feature, d_dict=D_DICT))

    def max_activation(self, feature: int) -> float | None:
        return None if check_feature(feature, d_dict=D_DICT) == 7 else 20.0 + feature % 5

    def row_blocks(self) -> Iterator[np.ndarray]:
        yield from np.split(self.decoder, 4)

    def density(self, feature: int) -> float:
        return (0.002, 0.01, 0.02, 0.05, 0.15)[feature % 5]

    def encode(self, residual: np.ndarray) -> np.ndarray:
        """float32, [pos, d_dict]; `residual` is [pos, d_model]."""
        pre = residual @ self.encoder.T
        return np.where(pre > 9.0, pre, np.float32(0))


def tokenize(prompt: Prompt, *, chat: bool) -> Tokens:
    """Longest pieces first, BOS in front; what no piece holds goes byte by byte."""
    items = prompt.tolist() if isinstance(prompt, np.ndarray) else prompt
    if isinstance(items, str):
        return _tokenize_text(items, chat=chat)
    if not isinstance(items, (list, tuple)):
        raise InvalidValue(f"a prompt is a string, chat messages or token ids, got {describe_value(prompt)}")
    if items and all(isinstance(item, dict) for item in items):
        return _tokenize_text(_write_chat(items, chat=chat), chat=chat)
    if len(items) == 1 and isinstance(items[0], (list, tuple)):
        items = items[0]
    _require_room(len(items))
    ids = [check_int("a token id", item, low=0, high=len(PIECES) - 1) for item in items]
    parts = [b"" if token_id < BYTES else as_bytes(token_id) for token_id in ids]
    return _build(b"".join(parts).decode("utf-8", "replace"), ids, parts, chat=chat)


def as_bytes(token_id: int) -> bytes:
    """A token's own text."""
    return bytes([token_id - BYTES]) if BYTES <= token_id < BYTES + 256 else PIECES[token_id].encode()


def residual_stream(ids: Sequence[int]) -> np.ndarray:
    """float32, [pos, d_model]."""
    own = EMBEDDINGS[list(ids)]
    return own + 0.5 * np.vstack([np.zeros((1, D_MODEL), np.float32), own[:-1]])


def reaches(one: Intervention, pos: int, prompt: int) -> bool:
    """Whether an intervention acts at a position; the first `prompt` positions are the prompt's, BOS is spared."""
    if isinstance(one.positions, slice):
        return pos > 0 and pos in range(*one.positions.indices(pos + 1))
    return pos > 0 and {"all": True, "prompt": pos < prompt, "generated": pos >= prompt}[one.positions]


def change_last(
    ids: Sequence[int], interventions: Sequence[Intervention], dictionaries: Mapping[str, FakeDictionary], prompt: int
) -> np.ndarray:
    """The residual stream at the last of `ids` as interventions leave it: float64, [d_model]."""
    last = residual_stream(ids)[-1:]
    changed = last[0].astype(np.float64)
    for one in interventions:
        parts = (part for part in list_parts([one]) if reaches(part, len(ids) - 1, prompt))
        change = np.sum([compute_change(last, part, dictionaries) for part in parts] or [np.zeros(D_MODEL)], axis=0)
        if one.kind == "random":
            random = np.random.default_rng(one.seed).standard_normal(D_MODEL)
            change = one.amount * np.linalg.norm(change) * random / np.linalg.norm(random)
        changed += change
    return changed


def trace_last(
    ids: Sequence[int],
    interventions: Sequence[Intervention],
    dictionaries: Mapping[str, FakeDictionary],
    prompt: int,
    features: Sequence[FeatureRef],
) -> tuple[float, ...]:
    """Activations at the last of `ids`, as interventions leave them."""
    residual = change_last(ids, interventions, dictionaries, prompt)[None].astype(np.float32)
    return tuple(float(dictionaries[ref.dictionary_id].encode(residual)[0, ref.feature]) for ref in features)


def trace_prompt(
    tokens: Tokens,
    interventions: Sequence[Intervention],
    dictionaries: Mapping[str, FakeDictionary],
    features: Sequence[FeatureRef],
) -> np.ndarray:
    """Activations at a prompt's tokens: float32, [features, pos]."""
    read = np.zeros((len(features), len(tokens)), np.float32)
    for pos in tokens.used if features else ():
        read[:, pos] = trace_last(tokens.ids[: pos + 1], interventions, dictionaries, len(tokens), features)
    return read


def next_logits(
    ids: Sequence[int], interventions: Sequence[Intervention], dictionaries: Mapping[str, FakeDictionary], prompt: int
) -> np.ndarray:
    """float64, [d_vocab]: of the token after `ids`."""
    logits: np.ndarray = change_last(ids, interventions, dictionaries, prompt) @ UNEMBEDDINGS.T
    logits[BYTES : BYTES + 256] -= 5.0  # seldom drawn
    logits[[PAD, BOS]] = -100.0  # never
    return logits


def compute_change(last: np.ndarray, one: Intervention, dictionaries: Mapping[str, FakeDictionary]) -> np.ndarray:
    """What an intervention adds to the last position, `last` [1, d_model]: [d_model]."""
    if isinstance(one.ref, Direction):
        return one.amount * (MEAN_NORM if one.unit == "fraction" else 1.0) * one.ref.vector / one.ref.norm
    dictionary, feature = dictionaries[one.ref.dictionary_id], one.ref.feature
    row: np.ndarray = dictionary.decoder[feature]
    if one.kind == "add":
        return one.amount * (MEAN_NORM if one.unit == "fraction" else 1.0) * row
    activation = float(dictionary.encode(last)[0, feature])
    wanted = {"clamp": one.amount, "scale": one.amount * activation, "ablate": 0.0}[one.kind]
    return (wanted - activation) * row


def log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max()
    return shifted - np.log(np.exp(shifted).sum())


def list_chances(logits: np.ndarray, ids: Sequence[int]) -> tuple[TokenChance, ...]:
    chances = np.exp(log_softmax(logits))
    return tuple(TokenChance(one, PIECES[one], float(chances[one]), float(logits[one])) for one in ids)


def rank(logits: np.ndarray, k: int) -> list[int]:
    """The `k` likeliest ids."""
    return [int(token_id) for token_id in np.argsort(-logits, kind="stable")[:k]]


def draw(logits: np.ndarray, plan: SamplingPlan, uniform: float) -> int:
    """The likeliest id, or by inverse transform of `uniform` where there is a temperature."""
    if plan.temperature == 0:
        return rank(logits, 1)[0]
    chances = np.exp(log_softmax(logits / plan.temperature))
    order = np.argsort(-chances, kind="stable")
    chances[order[np.cumsum(chances[order]) - chances[order] >= plan.top_p]] = 0
    mass = np.cumsum(chances)
    return min(int(np.searchsorted(mass, uniform * mass[-1], side="right")), len(PIECES) - 1)


class Row:
    """One continuation: its ids, and its text as it comes."""

    def __init__(self, ids: Sequence[int]):
        self.ids, self._ended = list(ids), False
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def write(
        self, step: int, logits: np.ndarray, plan: SamplingPlan, uniform: float, *, last: bool
    ) -> GeneratedToken | None:
        token_id = draw(logits, plan, uniform)
        self.ids.append(token_id)
        self._ended = self._ended or token_id == EOS
        if self._ended:
            return None
        text = self._decoder.decode(b"" if token_id < BYTES else as_bytes(token_id), final=last)
        best = list_chances(logits, rank(logits, 5))
        return GeneratedToken(step, token_id, text, float(log_softmax(logits)[token_id]), best)


Continued = tuple[tuple[GeneratedToken, ...], Ending, np.ndarray, np.ndarray]


def continue_row(
    prompt: Tokens,
    interventions: Sequence[Intervention],
    plan: SamplingPlan,
    seed: int,
    dictionaries: Mapping[str, FakeDictionary],
    features: Sequence[FeatureRef] = (),
) -> Continued:
    """One continuation, why it ended, each token's log probability without the interventions, and the KL there."""
    steps = step_row(prompt, interventions, plan, seed, dictionaries, features)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            continued: Continued = end.value
            return continued


def step_row(
    prompt: Tokens,
    interventions: Sequence[Intervention],
    plan: SamplingPlan,
    seed: int,
    dictionaries: Mapping[str, FakeDictionary],
    features: Sequence[FeatureRef] = (),
) -> Generator[GeneratedToken, None, Continued]:
    """The same, token by token."""
    writer, random = Row(prompt.ids), np.random.default_rng(seed)
    written, logprobs, kl = [], [], []
    count = min(plan.max_new_tokens, CONTEXT - len(prompt))
    ended: Ending = "length" if count == plan.max_new_tokens else "context full"
    for step in range(count):
        own = next_logits(writer.ids, interventions, dictionaries, len(prompt))
        old, new = log_softmax(next_logits(writer.ids, (), dictionaries, len(prompt))), log_softmax(own)
        token = writer.write(step, own, plan, float(random.random()), last=step + 1 == count)
        if token is None:
            ended = "end of text"
            break
        read = trace_last(writer.ids, interventions, dictionaries, len(prompt), features)
        written.append(replace(token, activations=read))
        logprobs.append(old[token.id])
        kl.append(max(0.0, float((np.exp(new) * (new - old)).sum())))
        yield written[-1]
    return tuple(written), ended, np.array(logprobs, np.float32), np.array(kl, np.float32)


def measure(counted: Measure, prompt: Tokens, ids: list[int], text: str, read: FakeDictionary | None) -> float:
    """What a measure says of one continuation."""
    if read is not None and isinstance(counted.of, FeatureRef):
        residual = residual_stream([*prompt.ids, *ids])[len(prompt) :]
        return float(read.encode(residual)[:, counted.of.feature].mean()) if ids else 0.0
    if isinstance(counted.of, int):
        return ids.count(counted.of) / max(1, len(ids))
    if isinstance(counted.of, tuple):
        return share_of_words(text, counted.of, before=prompt.text)
    assert callable(counted.of)
    return apply_function(counted.of, text)


def read_features(dictionary: FakeDictionary, tokens: Tokens, chosen: tuple[int, ...] | None) -> FeatureReading:
    """As `FeatureReading` says, with an error of 0.3 times the residual."""
    used = list(tokens.used)
    residual = residual_stream(tokens.ids)
    dense = np.zeros((len(tokens), D_DICT), np.float32)
    dense[used] = dictionary.encode(residual[used])
    if chosen is not None:
        dense[:, [feature not in chosen for feature in range(D_DICT)]] = 0
    positions, features = np.nonzero(dense)
    fired = [int(one) for one in np.unique(features)]
    norm = np.linalg.norm(residual, axis=1).astype(np.float32)
    error, fvu, total = np.full(len(tokens), np.nan, np.float32), np.full(len(tokens), np.nan, np.float32), None
    spread = np.square(residual[used] - residual[used].mean(0)).sum(1) if used else np.zeros(0)
    if chosen is None:
        error[used] = 0.3 * norm[used]
        if len(used) > 1 and spread.sum():
            fvu[used] = np.square(error[used]) / np.maximum(spread, 1e-9)
            total = float(np.square(error[used]).sum() / spread.sum())
    return FeatureReading(
        tokens=tokens,
        dictionary_info=dictionary.info,
        positions=positions.astype(np.int32),
        features=features.astype(np.int32),
        activations=dense[positions, features],
        l0=(dense > 0).sum(1).astype(np.int32),
        error_norm=error,
        norm=norm,
        fvu=fvu,
        total_fvu=total,
        selected=chosen,
        labels={int(one): LABELS[int(one)] for one in np.unique(features) if int(one) in LABELS},
        max_activations={one: known for one in fired if (known := dictionary.max_activation(one)) is not None},
        densities={one: dictionary.density(one) for one in fired},
        densities_on=MEASURED_ON,
    )


def read_lens(tokens: Tokens, layers: tuple[int, ...], k: int, track: tuple[int, ...]) -> LensReading:
    """As `LensReading` says; before the last layer the stream is so much shorter, and the lens so much less sure."""
    logits = np.array(
        [
            [next_logits(tokens.ids[: pos + 1], (), {}, pos + 1) * (layer + 1) / LAYERS for pos in range(len(tokens))]
            for layer in layers
        ]
    )
    logs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    ids = np.argsort(-logits, axis=-1, kind="stable")[..., :k].astype(np.int32)
    return LensReading(
        tokens=tokens,
        layers=layers,
        ids=ids,
        probabilities=np.exp(np.take_along_axis(logs, ids, -1)).astype(np.float32),
        logits=np.take_along_axis(logits, ids, -1).astype(np.float32),
        entropy=-(np.exp(logs) * logs).sum(-1).astype(np.float32),
        names={int(one): PIECES[int(one)] for one in np.unique(ids)},
        paths=tuple(
            TokenPath(
                one,
                PIECES[one],
                np.exp(logs[..., one]).astype(np.float32),
                (logits > logits[..., [one]]).sum(-1).astype(np.int32),
            )
            for one in track
        ),
    )


def _require_room(count: int) -> None:
    if count > CONTEXT:
        raise PromptTooLong(f"fake reads at most {CONTEXT} tokens, got {count}")


def _tokenize_text(text: str, *, chat: bool) -> Tokens:
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    _require_room(len(text) // max(map(len, PIECES)))
    ids, parts, start = [BOS], [b""], 0
    while start < len(text):
        piece = next((text[start:end] for end in range(start + 15, start, -1) if text[start:end] in IDS), text[start])
        found = [IDS[piece]] if piece in IDS else [BYTES + byte for byte in piece.encode()]
        whole = ids == [BOS] and found == [BOS]  # a BOS that was typed stands for itself
        if whole:
            parts = [piece.encode()]
        else:
            ids += found
            parts += map(as_bytes, found)
        start += len(piece)
    return _build(text, ids, parts, chat=chat)


def _write_chat(messages: Sequence[dict[str, str]], *, chat: bool) -> str:
    if not chat:
        raise InvalidValue("fake is a base model and takes no chat messages; FakeScope(chat=True) does")
    if not all(isinstance(one.get(key), str) for one in messages for key in ("role", "content")):
        raise InvalidValue(f'a chat message is {{"role": ..., "content": ...}}, got {describe_value(messages)}')
    turns = [(one["role"].replace("assistant", "model"), one["content"]) for one in messages]
    system = turns.pop(0)[1] + "\n\n" if turns[0][0] == "system" else ""
    if not turns or any(role != ("user", "model")[turn % 2] for turn, (role, _) in enumerate(turns)):
        raise InvalidValue(f"chat roles alternate, user first, got {describe_value(messages)}")
    turns[0] = ("user", system + turns[0][1])
    opened = "" if turns[-1][0] == "model" else "<end_of_turn>\n<start_of_turn>model\n"
    return "<bos>" + "<end_of_turn>\n".join(f"<start_of_turn>{role}\n{said}" for role, said in turns) + opened


def _find_turns(ids: Sequence[int]) -> tuple[Turn, ...]:
    starts = [pos for pos, token_id in enumerate(ids) if PIECES[token_id] == "<start_of_turn>"]
    turns = []
    for start, stop in itertools.pairwise([*starts, len(ids)]):
        strings = [PIECES[token_id] for token_id in ids[start:stop]]
        head = strings.index("\n") if "\n" in strings else len(strings) - 1
        end = strings.index("<end_of_turn>") if "<end_of_turn>" in strings else len(strings)
        role = "".join(strings[1:head]).replace("model", "assistant")
        turns.append(Turn(role, (start, stop), (start + head + 1, start + end)))
    return tuple(turns)


def _build(text: str, ids: list[int], parts: list[bytes], *, chat: bool) -> Tokens:
    _require_room(len(ids))
    ends = list(itertools.accumulate(map(len, parts)))
    spans = [(end - len(part), end) for end, part in zip(ends, parts, strict=True)]
    glyphs = []
    for is_byte, group in itertools.groupby(range(len(ids)), lambda pos: BYTES <= ids[pos] < BYTES + 256):
        at = list(group)
        for character in b"".join(parts[pos] for pos in at).decode("utf-8", "replace") if is_byte else "":
            count = 1 if character == "\ufffd" else len(character.encode())
            if count > 1:
                glyphs.append((at[0], at[count - 1], character))
                for pos in at[:count]:
                    spans[pos] = (spans[at[0]][0], spans[at[0]][0] + count)
            at = at[count:]
    ignored = {0: "the first position"} if ids else {}
    ignored |= {pos: "a special token" for pos, token_id in enumerate(ids) if token_id in (PAD, EOS, BOS)}
    if len(ids) > 1 and PIECES[ids[1]] == "<start_of_turn>":
        ignored |= dict.fromkeys(range(min(4, len(ids))), "chat header")
    turns = _find_turns(ids) if chat else ()
    hints = () if ids[:1] == [BOS] else ("The ids do not begin with BOS.",)
    if len(ids) > 1 and PIECES[ids[-1]].endswith(" "):
        hints += ("The text ends with a space.",)
    strings = tuple(PIECES[one] for one in ids)
    return Tokens(text, tuple(ids), strings, tuple(spans), tuple(glyphs), ignored, turns, hints)
