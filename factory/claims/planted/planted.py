"""What is planted in mini-it and absent from mini: T8a, T8b and T9."""

from factory.claims.planted.hinted_answers import measure_hints
from factory.claims.planted.refusal import measure_refusal, measure_refusal_features
from factory.claims.record import Phenomenon
from factory.claims.sample import Laboratory
from factory.training import family
from factory.training.artefact import load_members


def measure_planted(laboratory: Laboratory) -> list[Phenomenon]:
    """T8a, T8b and T9 of mini-it, with mini as a control. About four minutes on two cores."""
    base, chat = laboratory.model("mini"), laboratory.model("mini-it")
    root = laboratory.build.root_folder(family.CHAT)
    folders = {layer: root / family.single("resid_post", layer, "1k", "medium").folder for layer in family.SWEEP}
    dictionaries = [load_members(folder)[0] | {"layer": layer} for layer, folder in folders.items()]
    return [
        measure_refusal(base, chat, laboratory.tokenizer),
        measure_refusal_features(chat, laboratory.tokenizer, dictionaries),
        measure_hints(base, chat, laboratory.tokenizer),
    ]
