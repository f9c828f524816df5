"""G2: whether a sample is of the register that its opening asks for."""

from itertools import islice

import numpy as np
import torch
from tokenizers import Tokenizer

from factory.claims.evaluation import Evaluation
from factory.claims.intervals import wilson_interval
from factory.corpus import REGISTERS, Document, generate_documents
from factory.training.corpus_tokens import BOS, EOS, HELD_OUT_SEED, PAD, VALIDATION_SEED
from gscope_widgets.mini.claim import Claim

PROMPT_TOKENS, NEW_TOKENS = 16, 96
SAMPLES = 24  # of each register
CLASSIFIER_DOCUMENTS = 1500
SHARE, BY_CHANCE = 0.9, 0.2  # of samples named rightly, and of those named for another register's prompt
_SMOOTHING = 0.1  # counts added to every token of every register


def measure_samples(evaluation: Evaluation, *, samples: int = SAMPLES, documents: int = CLASSIFIER_DOCUMENTS) -> Claim:
    """G2: whether a classifier names the register of a sample from the register's opening, the prompt hidden."""
    tokenizer = evaluation.tokenizer
    others = list(islice(generate_documents(VALIDATION_SEED), documents))
    texts = [ids[PROMPT_TOKENS:][:NEW_TOKENS] for ids in _encode(tokenizer, others)]
    table = fit_classifier(texts, [one.register for one in others], vocabulary=tokenizer.get_vocab_size())
    prompts, continuations, registers = _sample_openings(tokenizer, samples)
    written = sample_texts(evaluation.model(), prompts, new_tokens=NEW_TOKENS)
    named = {
        "samples": classify(table, written),
        "true_continuations": classify(table, continuations),
        "prompts_alone": classify(table, prompts),
    }
    return judge_samples(named, registers)


def judge_samples(named: dict[str, np.ndarray], registers: np.ndarray) -> Claim:
    """G2 from the registers named for each sample, int [sample], and those of the prompts."""
    right = named["samples"] == registers
    elsewhere = float((named["samples"] == (registers + 1) % len(REGISTERS)).mean())
    share = float(right.mean())
    return Claim(
        id="G2",
        claim="a sample is of the register that its opening asks for",
        metric=f"share of samples ({NEW_TOKENS} tokens at temperature 1) whose register "
        f"a classifier of other generated text names, the prompt of {PROMPT_TOKENS} tokens hidden",
        value=share,
        interval=wilson_interval(int(right.sum()), len(right)),
        n=len(right),
        seeds=(VALIDATION_SEED, HELD_OUT_SEED),
        control={"named_for_the_prompt_of_another_register": elsewhere},
        threshold=">= 0.9, and <= 0.2 with prompts shuffled between registers",
        passed=share >= SHARE and elsewhere <= BY_CHANCE,
        details={
            "true_continuations": float((named["true_continuations"] == registers).mean()),
            "prompts_alone": float((named["prompts_alone"] == registers).mean()),
            "by_register": {
                name: float(right[registers == at].mean())
                for at, name in enumerate(REGISTERS)
                if (registers == at).any()
            },
        },
    )


def fit_classifier(texts: list[list[int]], registers: list[str], *, vocabulary: int) -> np.ndarray:
    """Naive Bayes over tokens, all registers alike in advance: log probabilities, float64 [register, token]."""
    counts = np.full((len(REGISTERS), vocabulary), _SMOOTHING)
    for text, register in zip(texts, registers, strict=True):
        np.add.at(counts[REGISTERS.index(register)], text, 1)
    return np.log(counts / counts.sum(1, keepdims=True))


def classify(table: np.ndarray, texts: list[list[int]]) -> np.ndarray:
    """The likeliest register of each text, int64 [text]: place in REGISTERS."""
    return np.array([table[:, text].sum(1).argmax() for text in texts])


@torch.inference_mode()
def sample_texts(model, prompts: list[list[int]], *, new_tokens: int, seed: int = 0) -> list[list[int]]:
    """What a model writes after prompts of one length, at temperature 1, up to EOS."""
    torch.manual_seed(seed)
    ids = torch.tensor([[BOS, *prompt] for prompt in prompts])
    out = model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=new_tokens,
        do_sample=True,
        temperature=1.0,
        top_k=0,
        top_p=1.0,
        eos_token_id=EOS,
        pad_token_id=PAD,
    )
    rows = out[:, ids.shape[1] :].tolist()
    return [row[: next((at for at, one in enumerate(row) if one in (EOS, PAD)), len(row))] for row in rows]


def _sample_openings(tokenizer: Tokenizer, samples: int) -> tuple[list[list[int]], list[list[int]], np.ndarray]:
    """Openings of held-out documents, the same number of each register, how they go on, and their registers."""
    left = dict.fromkeys(REGISTERS, samples)
    chosen = []
    for document in generate_documents(HELD_OUT_SEED):
        if left[document.register]:
            left[document.register] -= 1
            chosen.append(document)
        if not any(left.values()):
            break
    texts = _encode(tokenizer, chosen)
    return (
        [text[:PROMPT_TOKENS] for text in texts],
        [text[PROMPT_TOKENS:][:NEW_TOKENS] for text in texts],
        np.array([REGISTERS.index(one.register) for one in chosen]),
    )


def _encode(tokenizer: Tokenizer, documents: list[Document]) -> list[list[int]]:
    return [one.ids for one in tokenizer.encode_batch([document.text for document in documents])]
