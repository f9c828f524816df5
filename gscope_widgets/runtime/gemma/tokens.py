"""Text, chat messages or ids to tokens, once and for every use."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate, pairwise

import numpy as np
from transformers import PreTrainedTokenizerBase

from gscope_widgets.errors import BadArtefact, InvalidValue, PromptTooLong, describe_value
from gscope_widgets.records.numbers import check_int
from gscope_widgets.records.tokens import Prompt, Tokens, Turn

# <bos><start_of_turn>user\n: dictionaries of chat models were not trained on these four
# (circuit-tracer zeroes features there, ARENA starts after them).
CHAT_HEADER = 4
_BOS_REASON = "the first position (BOS): its residual is an outlier that dictionaries were not trained on"
_FIRST_REASON = "the first position: its residual is an outlier that dictionaries were not trained on"
_HEADER_REASON = "chat header: dictionaries were not trained on it"
_SPECIAL_REASON = "a special token: dictionaries were not trained on it"


@dataclass(frozen=True)
class Tokenizer:
    """A Hugging Face fast tokenizer, with Gemma's conventions made explicit."""

    inner: PreTrainedTokenizerBase | None  # None for a folder without one: only ids are taken then
    model_name: str
    vocabulary: int
    context: int  # most tokens in one text, BOS included
    chat: bool  # whether chat messages are understood
    # The Rust tokenizer refuses ("Already borrowed") when two threads meet in it.
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False, compare=False)

    @cached_property
    def text_limit(self) -> int:
        """Characters that are certainly too many, whatever they are: checked before tokenising."""
        if self.inner is None:
            return 0
        longest = max((len(piece) for piece in self.inner.get_vocab()), default=1)
        return self.context * longest

    def tokenize(self, prompt: Prompt) -> Tokens:
        """The tokens of a prompt, BOS first, with the positions that dictionaries leave out.

        Args:
            prompt: a string; chat messages `[{"role": "user", "content": ...}]` for a chat
                model; or token ids, [pos] or [1, pos], which are taken as they are. Chat roles are as in
                Gemma 3's template: "system" at most once and first, its text put before the first user's;
                then "user" and "assistant" in turn. A last message of the assistant is continued.

        Raises:
            PromptTooLong: more than `context` tokens.
            InvalidValue: anything else than the three forms, or an id outside the vocabulary.
        """
        if isinstance(prompt, str):
            return self._tokenize_text(prompt)
        items = prompt.tolist() if hasattr(prompt, "tolist") else prompt
        if isinstance(items, Sequence) and not isinstance(items, (str, bytes, bytearray, memoryview)):
            items = list(items)
            if items and all(isinstance(item, dict) for item in items):
                return self._tokenize_chat(items)
            return self._from_ids(_require_one_row(items))
        raise InvalidValue(
            f"a prompt is a string, a list of chat messages or a list of token ids, got {describe_value(prompt)}"
        )

    def encode_all(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of texts of any length, BOS left out; no position is described."""
        inner = self._require_inner("text")
        with self._lock:
            found = inner([replace_surrogates(text) for text in texts], add_special_tokens=False, verbose=False)
        return [self._leave_bos(list(ids)) for ids in found["input_ids"]]

    def encode_document(self, prompt: Prompt) -> list[int]:
        """The ids of chat messages or of a row of ids, of any length, BOS left out.

        Raises:
            InvalidValue: it is neither, or an id outside the vocabulary.
        """
        items: list[object] = list(prompt)
        messages = [item for item in items if isinstance(item, dict)]
        if items and len(messages) == len(items):
            return self.encode_all([self._render_chat(messages, bounded=False)])[0]
        ids = [check_int("a token id", item, low=0, high=self.vocabulary - 1) for item in _require_one_row(items)]
        return self._leave_bos(ids)

    def mask_used(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Which positions of rows count: those that `tokenize` does not leave out.

        Args:
            ids: int, [row, pos].
            lengths: int, [row]; what follows is padding.

        Returns:
            bool, [row, pos].
        """
        pos = np.arange(ids.shape[1])
        used = (pos > 0) & (pos < lengths[:, None])
        used &= ~np.isin(ids, [one for one in self._untrained_ids if one is not None])
        if self.chat and self._turn_id is not None and ids.shape[1]:
            starts = np.array([int(self._begins_with_bos(row[:1].tolist())) for row in ids])
            first = np.take_along_axis(ids, np.minimum(starts, ids.shape[1] - 1)[:, None], 1)[:, 0]
            headed = (first == self._turn_id) & (starts < lengths)
            used &= ~(headed[:, None] & (pos < (CHAT_HEADER - 1 + starts)[:, None]))
        return used

    @property
    def bos_id(self) -> int | None:
        """The id of BOS, which every text begins with; None where there is no tokenizer."""
        return None if self.inner is None else self.inner.bos_token_id

    @property
    def eos_id(self) -> int | None:
        """The id of EOS, which ends a document."""
        return None if self.inner is None else self.inner.eos_token_id

    @property
    def pad_id(self) -> int:
        """The id that rows are filled up with; 0 where the tokenizer has none."""
        return 0 if self.inner is None or self.inner.pad_token_id is None else self.inner.pad_token_id

    def _leave_bos(self, ids: list[int]) -> list[int]:
        return ids[1:] if self._begins_with_bos(ids) else ids

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids, special tokens left out."""
        if self.inner is None:
            return " ".join(map(str, ids))
        with self._lock:
            text = self.inner.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)
        assert isinstance(text, str), "one row of ids gives one text"
        return text

    def describe(self, token_id: int) -> str:
        """A token's own text: " cat", or its bytes "<0xF0>" where it is part of a character."""
        if self.inner is None:
            return f"<{token_id}>"
        with self._lock:
            piece = self.inner.convert_ids_to_tokens(int(token_id))
        assert not isinstance(piece, list), "one id is one token"
        return f"<{token_id}>" if piece is None else piece.replace("▁", " ")

    def _describe_all(self, ids: Sequence[int]) -> tuple[str, ...]:
        """`describe` of each, in one call of transformers: one for each took most of the time here."""
        if self.inner is None:
            return tuple(map(self.describe, ids))
        with self._lock:
            pieces = self.inner.convert_ids_to_tokens(list(ids))
        return tuple(
            f"<{token_id}>" if piece is None else piece.replace("▁", " ")
            for token_id, piece in zip(ids, pieces, strict=True)
        )

    def find_token(self, token: object) -> int:
        """The id of one token, given as its text, " red", or as its id.

        Raises:
            InvalidValue: the text is no single token, or there is no such id.
        """
        if not isinstance(token, str):
            return check_int("a token id", token, low=0, high=self.vocabulary - 1)
        tokens = self.tokenize(token)
        ids = [one for one, span in zip(tokens.ids, tokens.byte_spans, strict=True) if span[1] > span[0]]
        if len(ids) != 1:
            pieces = ", ".join(repr(self.describe(one)) for one in ids) or "none"
            raise InvalidValue(
                f"{describe_value(token)} is {len(ids)} tokens ({pieces}); give one, with the space before it where it "
                "begins a word: ' red'"
            )
        return ids[0]

    def is_special(self, token_id: int) -> bool:
        """True for BOS, EOS, padding and other tokens that are no text."""
        return token_id in self._special_ids

    def is_untrained(self, token_id: int) -> bool:
        """True for BOS, EOS and padding, at which features have no activation, wherever they stand."""
        return token_id in self._untrained_ids

    @cached_property
    def _untrained_ids(self) -> frozenset[int | None]:
        """Read once: transformers looks each up anew, which of a long text takes longer than to tokenize it."""
        inner = self.inner
        return frozenset(() if inner is None else (inner.bos_token_id, inner.eos_token_id, inner.pad_token_id))

    def _tokenize_text(self, text: str) -> Tokens:
        inner = self._require_inner("text")
        text = replace_surrogates(text)
        self._check_characters(text)
        with self._lock:
            # Not verbose: transformers would warn of a long text, which is refused below.
            encoding = inner(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        ids, offsets = list(encoding["input_ids"]), list(encoding["offset_mapping"])
        if not ids or ids[0] != inner.bos_token_id:
            ids, offsets = [inner.bos_token_id, *ids], [(0, 0), *offsets]
        return self._build(text, ids, _byte_spans(text, offsets))

    def _tokenize_chat(self, messages: list[dict[str, str]]) -> Tokens:
        return self._tokenize_text(self._render_chat(messages, bounded=True))

    def _render_chat(self, messages: list[dict[str, str]], *, bounded: bool) -> str:
        self._require_inner("chat messages")
        if not self.chat:
            raise InvalidValue(
                f"{self.model_name} is a base model and takes no chat messages; give it a string, "
                "or load a chat model (its name ends in -it)"
            )
        for message in messages:
            if not isinstance(message.get("role"), str) or not isinstance(message.get("content"), str):
                raise InvalidValue(
                    f'a chat message is {{"role": ..., "content": ...}} with two strings, got {describe_value(message)}'
                )
        messages = [
            {
                "role": "assistant" if message["role"] == "model" else message["role"],
                "content": replace_surrogates(message["content"]),
            }
            for message in messages
        ]
        if bounded:
            self._check_characters("".join(message["content"] for message in messages))
        _check_roles(messages)
        if messages[0]["role"] == "system" and not self._places_system:
            system, first = messages[:2]
            messages = [first | {"content": f"{system['content']}\n\n{first['content'].strip()}"}, *messages[2:]]
        # An answer that has begun stands where the template asks for one, its spaces trimmed as the template does.
        begun = messages.pop()["content"].strip() if messages[-1]["role"] == "assistant" else ""
        return self._lay_out(messages) + begun

    def _lay_out(self, messages: list[dict[str, str]]) -> str:
        try:
            rendered = self._require_inner("chat messages").apply_chat_template(
                messages, tokenize=False, add_generation_prompt=True
            )
        except Exception as error:  # noqa: BLE001 - templates raise errors of their own, as for a role they do not know
            raise InvalidValue(f"{self.model_name} cannot lay out these chat messages: {error}") from None
        assert isinstance(rendered, str), "one conversation, not tokenized, is one text"
        return rendered

    @cached_property
    def _places_system(self) -> bool:
        """Whether the template itself puts a system text before the first user's, as Gemma 3's does, and mini's not."""
        try:
            rendered = self._lay_out([{"role": "system", "content": "S"}, {"role": "user", "content": "U"}])
        except InvalidValue:
            return False
        return "user\nS\n\nU" in rendered

    def _from_ids(self, items: list[object]) -> Tokens:
        if len(items) > self.context:
            raise PromptTooLong(f"{self.model_name} reads at most {self.context} tokens, got {len(items)}")
        ids = [check_int("a token id", item, low=0, high=self.vocabulary - 1) for item in items]
        strings = [self.describe(token_id) for token_id in ids]
        if self.inner is None:
            ends = list(accumulate(len(str(token_id)) + 1 for token_id in ids))
            spans = [(end - len(str(token_id)) - 1, end - 1) for token_id, end in zip(ids, ends, strict=True)]
        else:
            silent = [self.is_special(one) or string == f"<{one}>" for one, string in zip(ids, strings, strict=True)]
            ends = list(accumulate(_decoded_lengths(strings, silent)))
            spans = list(pairwise([0, *ends]))
        text = self.decode(ids)
        for first, last, character in _find_glyphs(tuple(strings)):
            span = (spans[first][0], spans[last][1])
            if text.encode()[slice(*span)] == character.encode():
                spans[first : last + 1] = [span] * (last + 1 - first)
        return self._build(text, ids, spans)

    def _build(self, text: str, ids: list[int], byte_spans: list[tuple[int, int]]) -> Tokens:
        if len(ids) > self.context:
            raise PromptTooLong(
                f"{self.model_name} reads at most {self.context} tokens, this text has {len(ids)}; shorten it"
            )
        if max(ids, default=0) >= self.vocabulary:
            raise BadArtefact(
                f"the tokenizer of {self.model_name} gives token {max(ids)}, the model has {self.vocabulary}: "
                "they do not belong together; download or copy both again"
            )
        strings = self._describe_all(ids)
        turns = self._find_turns(ids, strings)
        return Tokens(
            text=text,
            ids=tuple(ids),
            strings=strings,
            byte_spans=tuple(byte_spans),
            glyphs=_find_glyphs(strings),
            ignored=self._ignored(ids),
            turns=turns,
            hints=self._find_hints(ids, strings, turns),
        )

    def _ignored(self, ids: list[int]) -> dict[int, str]:
        ignored = {pos: _SPECIAL_REASON for pos, token_id in enumerate(ids) if self.is_untrained(token_id)}
        starts = int(self._begins_with_bos(ids))
        if self.chat and ids[starts : starts + 1] == [self._turn_id]:
            ignored |= dict.fromkeys(range(min(CHAT_HEADER - 1 + starts, len(ids))), _HEADER_REASON)
        if ids:
            ignored[0] = _BOS_REASON if starts else _FIRST_REASON
        return ignored

    def _begins_with_bos(self, ids: list[int]) -> bool:
        return self.inner is not None and ids[:1] == [self.inner.bos_token_id]

    def _find_turns(self, ids: list[int], strings: tuple[str, ...]) -> tuple[Turn, ...]:
        if not self.chat:
            return ()
        starts = [pos for pos, token_id in enumerate(ids) if token_id == self._turn_id]
        turns = []
        for start, stop in pairwise([*starts, len(ids)]):
            head = next((pos for pos in range(start + 1, stop) if strings[pos].startswith("\n")), stop - 1)
            role = "".join(strings[start + 1 : head])
            end = next((pos for pos in range(head + 1, stop) if ids[pos] == self._turn_end_id), stop)
            turns.append(Turn("assistant" if role == "model" else role, (start, stop), (head + 1, end)))
        return tuple(turns)

    def _find_hints(self, ids: list[int], strings: tuple[str, ...], turns: tuple[Turn, ...]) -> tuple[str, ...]:
        hints = []
        if ids and self.inner is not None and not self._begins_with_bos(ids):
            bos = self.inner.bos_token_id
            hints.append(
                f"The ids do not begin with BOS ({bos}), which Gemma 3 always met first in training: what it computes "
                f"without it means little. Give [{bos}, *ids], unless this is what you study."
            )
        begins_a_turn = bool(turns) and turns[-1].content == (len(ids), len(ids))
        if len(ids) > 1 and strings[-1].endswith(" "):
            hints.append(
                "The text ends with a space. The next word's token carries its own space, so the model has hardly met "
                "a text that stops after one: leave the space out."
            )
        elif len(ids) > 1 and strings[-1].endswith("\n") and not begins_a_turn:
            hints.append(
                "The text ends with a line break, so the model begins a new line. Leave it out if the line is to go "
                "on: the next word's token carries its own space."
            )
        return tuple(hints)

    @cached_property
    def _special_ids(self) -> frozenset[int]:
        """What `decode` leaves out: more than transformers' `all_special_ids`, which has no turn markers."""
        added = {} if self.inner is None else self.inner.added_tokens_decoder
        return frozenset(token_id for token_id, token in added.items() if token.special)

    @cached_property
    def _turn_id(self) -> int | None:
        return self._find_id("<start_of_turn>")

    @cached_property
    def _turn_end_id(self) -> int | None:
        return self._find_id("<end_of_turn>")

    def _find_id(self, token: str) -> int | None:
        number = None if self.inner is None else self.inner.convert_tokens_to_ids(token)
        assert number is None or isinstance(number, int), "one token has one id"
        return number

    def _check_characters(self, text: str) -> None:
        if len(text) > self.text_limit:
            raise PromptTooLong(
                f"{self.model_name} reads at most {self.context} tokens, this text has {len(text):,} characters, "
                f"which is certainly more (the most that could fit is {self.text_limit:,}); shorten it"
            )

    def _require_inner(self, what: str) -> PreTrainedTokenizerBase:
        if self.inner is None:
            raise InvalidValue(f"{self.model_name} has no tokenizer, so it takes token ids, not {what}")
        return self.inner


def _require_one_row(items: list[object]) -> list[object]:
    """Ids as [pos]: the only row of [1, pos], or the items as they are."""
    if items and all(isinstance(item, str) for item in items):
        raise InvalidValue(
            f"a list of {len(items)} texts was given; give one text, or loop: [scope.read(text) for text in texts]"
        )
    plain: list[object] = [item.tolist() if hasattr(item, "tolist") else item for item in items]
    rows = [list(item) for item in plain if isinstance(item, (list, tuple))]
    if not rows or len(rows) < len(plain):
        return plain
    if len(rows) > 1:
        raise InvalidValue(f"a batch of {len(rows)} rows of ids was given; give one row, or loop over them")
    return rows[0]


def _check_roles(messages: list[dict[str, str]]) -> None:
    """Refuse what Gemma 3's chat template refuses, also where a model's own template would not."""
    roles = [message["role"] for message in messages]
    turns = roles[1:] if roles[0] == "system" else roles
    expected = ["user", "assistant"] * len(turns)
    for turn, (role, wish) in enumerate(zip(turns, expected, strict=False)):
        if role != wish:
            raise InvalidValue(
                f"chat roles alternate, user first: message {turn + len(roles) - len(turns)} should be of "
                f"{wish!r}, got {describe_value(role)}; join turns of one role, and give system text first or not"
            )
    if not turns:
        raise InvalidValue("a chat of system text alone has no turn; add a message of the user")


def replace_surrogates(text: str) -> str:
    """The text with lone surrogates, which no encoding holds, as U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _byte_spans(text: str, offsets: list[tuple[int, int]]) -> list[tuple[int, int]]:
    if text.isascii():
        return offsets
    at = [0]
    for character in text:
        at.append(at[-1] + len(character.encode()))
    return [(at[start], at[end]) for start, end in offsets]


def byte_value(string: str) -> int | None:
    """The byte of a piece such as "<0xF0>", or None for any other piece."""
    if len(string) == 6 and string.startswith("<0x") and string.endswith(">"):
        try:
            return int(string[3:5], 16)
        except ValueError:
            return None
    return None


def _decoded_lengths(strings: list[str], silent: list[bool]) -> list[int]:
    """Bytes that each token adds to the decoded text; a run of byte tokens that is no UTF-8 decodes to U+FFFD each."""
    lengths = [0 if quiet else len(string.encode()) for string, quiet in zip(strings, silent, strict=True)]
    run: list[tuple[int, int]] = []  # positions of byte tokens, and their bytes
    for pos, string in enumerate([*strings, ""]):
        if pos < len(strings) and silent[pos]:
            continue
        if (value := byte_value(string)) is not None:
            run.append((pos, value))
            continue
        broken = "\ufffd" in bytes(byte for _, byte in run).decode("utf-8", "replace")
        for at, _ in run:
            lengths[at] = 3 if broken else 1
        run = []
    return lengths


def _find_glyphs(strings: tuple[str, ...]) -> tuple[tuple[int, int, str], ...]:
    """Characters that several byte tokens make together."""
    glyphs, run = [], bytearray()
    for pos, string in enumerate([*strings, ""]):
        value = byte_value(string)
        if value is not None:
            run.append(value)
            continue
        start = pos - len(run)
        for character in bytes(run).decode("utf-8", "replace"):
            length = 1 if character == "\ufffd" else len(character.encode())
            if length > 1:
                glyphs.append((start, start + length - 1, character))
            start += length
        run.clear()
    return tuple(glyphs)
