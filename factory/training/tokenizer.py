"""A byte-pair tokenizer of Gemma 3's kind, fitted to the generated corpus."""

import json
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

VOCABULARY = 4096
# Ids as in Gemma 3's own tokenizer, so that code written for one reads the other.
SPECIAL_IDS = {
    "<pad>": 0,
    "<eos>": 1,
    "<bos>": 2,
    "<unk>": 3,
    "<start_of_turn>": 105,
    "<end_of_turn>": 106,
}
FIXED_IDS = SPECIAL_IDS | {"\n": 107, "user": 2364}
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<start_of_turn>' + ('model' if message['role'] == 'assistant' else message['role']) + '\n' }}"
    "{{ message['content'] | trim }}{{ '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)
_WORDS = Regex(r"▁?\p{L}+|▁?\p{N}|\n|▁+(?=▁)|▁?[^\s▁\p{L}\p{N}]+|▁|\s")


def fit_tokenizer(texts: Iterable[str], *, size: int = VOCABULARY) -> Tokenizer:
    """A tokenizer with `size` pieces: special tokens, 256 bytes, then learnt pieces by rank.

    As in Gemma, a space is part of the word after it, digits stand alone, and what no piece
    covers falls back to bytes, so any text has tokens and comes back whole.
    """
    draft = _new_tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    byte_pieces = [f"<0x{value:02X}>" for value in range(256)]
    trainer = trainers.BpeTrainer(
        vocab_size=size - len(FIXED_IDS) - len(byte_pieces) + 1,  # "\n" is both fixed and learnt
        min_frequency=2,
        show_progress=False,
        initial_alphabet=[
            "▁",
            *"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;!?'\"()[]{}|-=+*/_#%$",
        ],
    )
    draft.train_from_iterator(texts, trainer)
    learnt = json.loads(draft.to_str())["model"]
    pieces = sorted(learnt["vocab"], key=learnt["vocab"].get)
    ids = _assign_ids([*byte_pieces, *(piece for piece in pieces if piece not in FIXED_IDS)])
    merges = [tuple(merge) if isinstance(merge, list) else tuple(merge.split(" ")) for merge in learnt["merges"]]
    merges.append(_last_merge("user", draft))
    tokenizer = _new_tokenizer(
        models.BPE(vocab=ids, merges=merges, byte_fallback=True, unk_token="<unk>", fuse_unk=True)
    )
    tokenizer.add_special_tokens(list(SPECIAL_IDS))
    return tokenizer


def save_tokenizer(tokenizer: Tokenizer, folder: Path, *, context: int, chat: bool) -> None:
    """Write `tokenizer.json` and the configuration that transformers' AutoTokenizer reads.

    With `chat`, the configuration holds Gemma 3's form of turns.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    configuration = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<bos>",
        "eos_token": "<eos>",
        "pad_token": "<pad>",
        "unk_token": "<unk>",
        "model_max_length": context,
        "clean_up_tokenization_spaces": False,
    }
    if chat:
        configuration["chat_template"] = CHAT_TEMPLATE
    (folder / "tokenizer_config.json").write_text(json.dumps(configuration, indent=2) + "\n")


def _new_tokenizer(model: models.BPE) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(_WORDS, behavior="isolated")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    return tokenizer


def _assign_ids(pieces: list[str]) -> dict[str, int]:
    taken = set(FIXED_IDS.values())
    free = (index for index in range(len(pieces) + len(taken)) if index not in taken)
    return FIXED_IDS | dict(zip(pieces, free, strict=False))


def _last_merge(word: str, draft: Tokenizer) -> tuple[str, str]:
    """The merge that makes one piece of a fixed word, which the draft splits in two."""
    pieces = draft.encode(word).tokens
    assert len(pieces) == 2, f"{word} is {pieces} in the draft; write its merges by hand"
    return pieces[0], pieces[1]
