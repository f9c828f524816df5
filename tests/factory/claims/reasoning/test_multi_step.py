"""The controls of the multi-step claims, recomputed without the model."""

import re

import numpy as np
import torch

from factory.claims.ngrams import NgramModel
from factory.claims.reasoning import chaining, copying, matching
from factory.corpus.chains import chain_items
from factory.corpus.copies import copy_items
from factory.corpus.regions import two_hop_items


class Letters:
    """One token a character."""

    def encode(self, text, add_special_tokens=False):
        return type("Encoding", (), {"ids": [ord(letter) % 120 + 4 for letter in text]})()

    def get_vocab(self):
        return {f"▁{chr(97 + at // 26)}{chr(97 + at % 26)}": at + 4 for at in range(300)} | {"<bos>": 2, "1": 3}


def test_the_blind_prompt_of_a_chain_loses_only_the_fact_on_the_person():
    for item in chain_items(3, 60, hops=2):
        blind = chaining._without_first_fact(item)
        *facts, question = re.split(r"(?<=\.) ", blind)
        assert len(facts) == 5 and item.prompt.endswith(question)
        assert not any(re.search(rf"\b{item.person}\b", fact) for fact in facts)
        assert item.answer.split()[-1] in blind


def test_a_guess_from_one_entity_is_no_better_than_chance_for_held_out_pairs(monkeypatch):
    monkeypatch.setattr(chaining, "TRAINING_DOCUMENTS", 1500)
    assert max(chaining._guess_from_one_entity(list(two_hop_items("held_out"))).values()) < 0.2
    assert chaining._guess_from_one_entity(list(two_hop_items("train")))["from_the_town"] > 0.3


def test_the_distance_of_a_copy_leads_back_to_the_answer():
    for kind in ("near", "far", "run"):
        for item in copy_items(4, 40, kind=kind):
            back = copying._token_distance(Letters(), item)
            ids = [2, *Letters().encode(item.prompt).ids]
            at = len(ids) - 1 - back
            answer = Letters().encode(item.answer).ids
            if item.place:
                assert ids[at : at + len(answer)] == answer


def test_random_rows_repeat_or_do_not():
    again, other = copying._random_rows(Letters(), again=True), copying._random_rows(Letters(), again=False)
    half = copying.REPEATED
    assert torch.equal(again[:, 1 : half + 1], again[:, half + 1 :])
    assert torch.equal(again[:, : half + 1], other[:, : half + 1])
    assert not (other[:, 1 : half + 1, None] == other[:, None, half + 1 :]).any()
    assert (again[:, 0] == 2).all() and (again[:, 1:] > 3).all()


def test_an_ngram_model_prefers_what_it_counted_and_shares_ties():
    tokenizer = Letters()
    rows = np.array([tokenizer.encode(text).ids for text in ("the cats are", "the cat is  ")] * 20)
    ngrams = NgramModel(rows, order=3, vocabulary=130)
    right = matching._ngram_prefers(ngrams, tokenizer, ["the cats", "the cat"], [" a", " i"], [(" i",), (" a",)])
    assert right.tolist() == [1, 1]
    tied = matching._ngram_prefers(ngrams, tokenizer, ["the cats"], ["Q"], [("R", "S")])
    assert abs(tied[0] - 1 / 3) < 1e-9
