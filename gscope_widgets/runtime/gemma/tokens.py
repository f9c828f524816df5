"""Text, chat messages or ids to tokens, once and for every use."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate, pairwise

from transformers import PreTrainedTokenizerBase

from gscope_widgets.errors import BadArtefact, InvalidValue, PromptTooLong, describe_value
from gscope_widgets.records.numbers import check_int
from gscope_widgets.records.tokens import Prompt, Tokens

# <bos><start_of_turn>user\n: dictionaries of chat models were not trained on these four
# (circuit-tracer zeroes features there, ARENA starts after them).
CHAT_HEADER = 4
_BOS_REASON = "the first position (BOS): its residual is an outlier that dictionaries were not trained on"
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
                model; or token ids, which are taken as they are.

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
            return self._from_ids(items)
        raise InvalidValue(
            f"a prompt is a string, a list of chat messages or a list of token ids, got {describe_value(prompt)}"
        )

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

    def is_special(self, token_id: int) -> bool:
        """True for BOS, EOS, padding and other tokens that are no text."""
        return token_id in self._special_ids

    def _tokenize_text(self, text: str) -> Tokens:
        inner = self._require_inner("text")
        text = replace_surrogates(text)
        self._check_characters(text)
        with self._lock:
            encoding = inner(text, add_special_tokens=False, return_offsets_mapping=True)
        ids, offsets = list(encoding["input_ids"]), list(encoding["offset_mapping"])
        if not ids or ids[0] != inner.bos_token_id:
            ids, offsets = [inner.bos_token_id, *ids], [(0, 0), *offsets]
        return self._build(text, ids, _byte_spans(text, offsets))

    def _tokenize_chat(self, messages: list[dict[str, str]]) -> Tokens:
        inner = self._require_inner("chat messages")
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
        messages = [{key: replace_surrogates(message[key]) for key in ("role", "content")} for message in messages]
        self._check_characters("".join(message["content"] for message in messages))
        try:
            rendered = inner.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        except Exception as error:  # noqa: BLE001 - templates raise errors of their own, as for two users in a row
            raise InvalidValue(f"{self.model_name} cannot lay out these chat messages: {error}") from None
        assert isinstance(rendered, str), "one conversation, not tokenized, is one text"
        return self._tokenize_text(rendered)

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
        return self._build(self.decode(ids), ids, spans)

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
        strings = tuple(self.describe(token_id) for token_id in ids)
        return Tokens(text, tuple(ids), strings, tuple(byte_spans), _find_glyphs(strings), self._ignored(ids))

    def _ignored(self, ids: list[int]) -> dict[int, str]:
        ignored = {pos: _SPECIAL_REASON for pos, token_id in enumerate(ids) if self._is_untrained(token_id)}
        if self.chat and len(ids) > 1 and ids[1] == self._turn_id:
            ignored |= dict.fromkeys(range(min(CHAT_HEADER, len(ids))), _HEADER_REASON)
        if ids:
            ignored[0] = _BOS_REASON
        return ignored

    def _is_untrained(self, token_id: int) -> bool:
        inner = self.inner
        return inner is not None and token_id in (inner.bos_token_id, inner.eos_token_id, inner.pad_token_id)

    @cached_property
    def _special_ids(self) -> frozenset[int]:
        """What `decode` leaves out: more than transformers' `all_special_ids`, which has no turn markers."""
        added = {} if self.inner is None else self.inner.added_tokens_decoder
        return frozenset(token_id for token_id, token in added.items() if token.special)

    @cached_property
    def _turn_id(self) -> int | None:
        number = None if self.inner is None else self.inner.convert_tokens_to_ids("<start_of_turn>")
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


def replace_surrogates(text: str) -> str:
    """The text with lone surrogates, which no encoding holds, as U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _byte_spans(text: str, offsets: list[tuple[int, int]]) -> list[tuple[int, int]]:
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
