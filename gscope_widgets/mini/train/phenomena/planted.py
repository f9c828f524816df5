"""What is planted in mini-it and absent from mini: T8a, T8b and T9."""

from collections.abc import Sequence

from tokenizers import Tokenizer

from gscope_widgets.mini.train.phenomena.hinted_answers import measure_hints
from gscope_widgets.mini.train.phenomena.record import Phenomenon
from gscope_widgets.mini.train.phenomena.refusal import measure_refusal, measure_refusal_features


def measure_planted(base, chat, tokenizer: Tokenizer, dictionaries: Sequence[dict]) -> list[Phenomenon]:
    """T8a, T8b and T9 of mini-it, with mini as a control. About four minutes on two cores.

    Args:
        base: mini, a Gemma3ForCausalLM in float32.
        chat: mini-it, the same.
        dictionaries: tensors of mini-it's `resid_post` SAEs (`w_enc` [d_model, d_dict], `b_enc`, `threshold`,
            `w_dec` [d_dict, d_model], `b_dec`), each with its `layer`, an int.
    """
    return [
        measure_refusal(base, chat, tokenizer),
        measure_refusal_features(chat, tokenizer, dictionaries),
        measure_hints(base, chat, tokenizer),
    ]
