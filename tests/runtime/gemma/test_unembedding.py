"""The head runs at the positions whose logits are read, and at no other."""

import pytest

from gscope_widgets.runtime.gemma import forced
from tests.runtime.inside import forget_activations, forget_prompts, loaded

PROMPT = [2, *range(300, 320)]


@pytest.fixture
def counted(tiny):
    """Positions that each run of the head is given, by run."""
    forget_activations(tiny)
    forget_prompts(tiny)
    sizes = []
    handle = (
        loaded(tiny)
        .model.get_output_embeddings()
        .register_forward_pre_hook(lambda _module, inputs: sizes.append(inputs[0].shape[:-1].numel()))
    )
    yield sizes
    handle.remove()


def test_a_reading_makes_no_logits(tiny, tiny_dictionary, counted):
    tiny.read(PROMPT, tiny_dictionary)
    assert counted == []


def test_a_prompt_of_any_length_gives_the_logits_of_one_position(tiny, counted):
    tiny.next_tokens(PROMPT)
    assert counted == [1]


def test_a_text_gives_those_of_one_position_a_token(tiny, counted):
    tiny.generate(PROMPT, max_new_tokens=4).wait()
    assert counted == [1] * 4


def test_a_loss_gives_them_in_blocks_which_do_not_matter(tiny, tiny_dictionary, counted, monkeypatch):
    whole = tiny.delta_loss(PROMPT, tiny_dictionary)
    assert counted == [20] * 3  # the control: the hook does see whole texts
    counted.clear()
    monkeypatch.setattr(forced, "_BLOCK", 8 * tiny.info.vocabulary)
    blocks = tiny.delta_loss(PROMPT, tiny_dictionary)
    assert counted == [8, 8, 4] * 3
    for name in ("loss", "replaced", "ablated"):
        assert getattr(blocks, name) == pytest.approx(getattr(whole, name), rel=1e-5)
