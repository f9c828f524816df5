"""What is planted in mini-it and absent from mini: T8a, T8b and T9."""

from factory.claims.evaluation import Evaluation
from factory.claims.planted.hinted_answers import measure_hints
from factory.claims.planted.refusal import measure_refusal, measure_refusal_features
from factory.training import family
from factory.training.artefact import load_members
from gscope_widgets.mini.claim import Claim


def measure_planted(evaluation: Evaluation) -> list[Claim]:
    """T8a, T8b and T9 of mini-it, with mini as a control. About four minutes on two cores."""
    base, chat = evaluation.model("mini"), evaluation.model("mini-it")
    root = evaluation.build.root_folder(family.CHAT)
    folders = {layer: root / family.single("resid_post", layer, "1k", "medium").folder for layer in family.SWEEP}
    dictionaries = [load_members(folder)[0] | {"layer": layer} for layer, folder in folders.items()]
    return [
        measure_refusal(base, chat, evaluation.tokenizer),
        measure_refusal_features(chat, evaluation.tokenizer, dictionaries),
        measure_hints(base, chat, evaluation.tokenizer),
    ]
