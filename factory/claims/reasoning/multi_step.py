"""T6: behaviour in several steps with a known hidden one.

Items are pairs, sequences or triples that training never showed.
"""

from factory.claims.evaluation import Evaluation
from factory.claims.reasoning.chaining import measure_chains, measure_lessons, measure_two_hop_facts
from factory.claims.reasoning.copying import measure_far_copies, measure_induction
from factory.claims.reasoning.matching import measure_agreement, measure_brackets
from gscope_widgets.mini.claim import Claim


def measure_multi_step(evaluation: Evaluation) -> list[Claim]:
    """Every multi-step claim, measured. Takes about two minutes on two cores."""
    model, tokenizer, ngrams = evaluation.model("mini"), evaluation.tokenizer, evaluation.ngrams
    return [
        measure_two_hop_facts(model, tokenizer),
        measure_induction(model, tokenizer),
        measure_far_copies(model, tokenizer),
        measure_brackets(model, tokenizer, ngrams=ngrams),
        measure_agreement(model, tokenizer, ngrams=ngrams),
        measure_chains(model, tokenizer),
        measure_lessons(model, tokenizer),
    ]
