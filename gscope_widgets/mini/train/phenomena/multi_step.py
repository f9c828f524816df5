"""Behaviour in several steps with a known hidden one, every claim of it measured.

Items are held-out pairs, sequences or triples. Thresholds are those of the syllabus, section 4.
"""

from tokenizers import Tokenizer

from gscope_widgets.mini.train.ngrams import NgramModel
from gscope_widgets.mini.train.phenomena.chaining import measure_chains, measure_lessons, measure_two_hop_facts
from gscope_widgets.mini.train.phenomena.copying import measure_far_copies, measure_induction
from gscope_widgets.mini.train.phenomena.matching import measure_agreement, measure_brackets
from gscope_widgets.mini.train.phenomena.record import Phenomenon


def measure_multi_step(model, tokenizer: Tokenizer, *, ngrams: NgramModel) -> list[Phenomenon]:
    """Every multi-step claim, measured. Takes about two minutes on two cores.

    Args:
        model: Gemma3ForCausalLM in float32 with eager attention.
        ngrams: a 5-gram model of the training tokens.
    """
    return [
        measure_two_hop_facts(model, tokenizer),
        measure_induction(model, tokenizer),
        measure_far_copies(model, tokenizer),
        measure_brackets(model, tokenizer, ngrams=ngrams),
        measure_agreement(model, tokenizer, ngrams=ngrams),
        measure_chains(model, tokenizer),
        measure_lessons(model, tokenizer),
    ]
