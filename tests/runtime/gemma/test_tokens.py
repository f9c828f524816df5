"""Tokens: any text comes back whole, and every position knows what it is."""

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from transformers.utils import logging as transformers_logging

import gscope_widgets as gs
from gscope_widgets.runtime.gemma.generation import _RowDecoder
from gscope_widgets.runtime.gemma.tokens import Tokenizer, replace_surrogates
from tests.runtime.inside import loaded

BOS, EOS, TURN, NEWLINE, USER = 2, 1, 105, 107, 2364
HOSTILE = [
    "",
    " ",
    "   \n\t ",
    "<bos>",
    "<bos><bos>hello",
    "hello <eos> there <end_of_turn>",
    "a😀b",
    "👨‍👩‍👧‍👦 fam",
    "e\u0301\u0301\u0301",
    "\u202eabc\u202c \u200b \ufeff",
    "\x00\x01\x1b",
    "\u2028\u2029",
    "שלום עולם 你好",
    "<0xF0>",
    "<script>alert(1)</script>",
    "x" * 100,
]
# U+2581 stands for a space inside the tokenizer, as in every SentencePiece vocabulary, Gemma's included.
ANY_TEXT = st.text(max_size=60).filter(lambda text: "\u2581" not in text)


@pytest.fixture(scope="module")
def tokenizer(scope) -> Tokenizer:
    return loaded(scope).tokenizer


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_hostile_text_comes_back_whole(tokenizer, text):
    check_whole(tokenizer, text)


@given(ANY_TEXT)
@example("<bos>x")
@example("\ud800")
@settings(max_examples=200)
def test_any_text_comes_back_whole(text):
    check_whole(loaded(gs.load("mini")).tokenizer, text)


def check_whole(tokenizer, text):
    tokens = tokenizer.tokenize(text)
    whole = replace_surrogates(text)
    assert tokens.text == whole
    assert tokens.ids[0] == BOS
    assert len(tokens.ids) == len(tokens.strings) == len(tokens.byte_spans)
    data = whole.encode()
    reached = 0
    for start, end in tokens.byte_spans:
        assert 0 <= start <= end <= len(data)
        assert start <= reached  # no gap
        reached = max(reached, end)
    assert reached == len(data)
    assert tokenizer.inner.decode(tokens.ids[1:] if not text.startswith("<bos>") else tokens.ids) == whole
    assert tokenizer.tokenize(whole).ids == tokens.ids
    assert tokenizer.tokenize(list(tokens.ids)).ids == tokens.ids
    assert 0 in tokens.ignored


@given(ANY_TEXT)
@settings(max_examples=100)
def test_a_tokens_string_is_the_text_of_its_span_unless_it_is_bytes(text):
    tokens = gs.load("mini").tokens(text)
    data = tokens.text.encode()
    for string, (start, end) in zip(tokens.strings, tokens.byte_spans, strict=True):
        if start < end and not (len(string) == 6 and string.startswith("<0x")):
            assert data[start:end].decode() == string


@given(st.lists(st.one_of(st.integers(0, 4095), st.integers(3, 290)), min_size=1, max_size=40))
@settings(max_examples=200)
def test_spans_of_any_ids_cover_their_decoded_text(ids):
    tokens = gs.load("mini").tokens(ids)
    assert tokens.ids == tuple(ids)
    whole = {(tokens.byte_spans[first], tokens.byte_spans[last]) for first, last, _ in tokens.glyphs}
    ends = [0, *(end for _, end in tokens.byte_spans)]
    for span, before, reached in zip(tokens.byte_spans, [(0, 0), *tokens.byte_spans], ends, strict=False):
        assert span[0] == reached or (span == before and (span, span) in whole)
    assert ends[-1] == len(tokens.text.encode())


def test_turn_markers_among_ids_have_no_text_and_so_no_span(scope):
    tokens = scope.tokens([BOS, TURN, USER, NEWLINE])
    assert tokens.text == "user\n"
    assert tokens.byte_spans == ((0, 0), (0, 0), (0, 4), (4, 5))


@pytest.mark.parametrize("kind", [list, tuple, np.array, torch.tensor, lambda ids: np.array(ids, np.int16)])
def test_ids_of_any_kind_are_taken_as_they_are(scope, kind):
    assert scope.tokens(kind([BOS, 300, 301])).ids == (BOS, 300, 301)
    assert scope.tokens(range(3)).ids == (0, 1, 2)


@pytest.mark.parametrize(
    "prompt",
    [None, 5, 5.0, b"hello", bytearray(b"hello"), {"role": "user"}, {1, 2}, np.array(5), torch.tensor(3), object()],
    ids=lambda prompt: type(prompt).__name__,
)
def test_what_is_no_prompt_is_refused_in_words(scope, prompt):
    with pytest.raises(gs.InvalidValue, match="a prompt is a string, a list of chat messages or a list of token ids"):
        scope.tokens(prompt)


@pytest.mark.parametrize(
    "kind",
    [np.array, torch.tensor, list, tuple, lambda rows: [torch.tensor(rows[0])], lambda rows: [np.array(rows[0])]],
)
def test_one_row_of_a_batch_is_taken_and_more_are_refused(scope, kind):
    assert scope.tokens(kind([[BOS, 300, 301]])).ids == (BOS, 300, 301)
    with pytest.raises(gs.InvalidValue, match="a batch of 2 rows of ids was given; give one row, or loop over them"):
        scope.tokens(np.array([[BOS, 300], [BOS, 301]]))


@pytest.mark.parametrize("kind", [list, tuple, np.array])
def test_a_list_of_texts_is_called_that(scope, kind):
    with pytest.raises(gs.InvalidValue, match="a list of 2 texts was given; give one text, or loop"):
        scope.tokens(kind(["one", "two"]))


@pytest.mark.parametrize("item", [-1, 4096, 2**63, 1.0, True, "5", None, [1], float("nan")], ids=repr)
def test_an_id_outside_the_vocabulary_is_refused_with_its_range(scope, item):
    with pytest.raises(gs.InvalidValue, match="a token id must be a whole number from 0 to 4095"):
        scope.tokens([BOS, item])


def test_a_half_of_a_surrogate_pair_is_replaced_and_a_whole_pair_is_not():
    assert replace_surrogates("a\ud83db") == "a\ufffdb"
    assert replace_surrogates("\udc00\ud800") == "\ufffd\ufffd"
    assert replace_surrogates("\ud83d\ude00") == "😀"
    assert replace_surrogates("😀é") == "😀é"


@pytest.mark.row("6")
def test_byte_tokens_of_one_character_are_grouped_with_their_glyph(scope):
    tokens = scope.tokens("a😀é b")
    assert tokens.strings[2:6] == ("<0xF0>", "<0x9F>", "<0x98>", "<0x80>")
    assert (2, 5, "😀") in tokens.glyphs
    assert all(tokens.byte_spans[pos] == (1, 5) for pos in range(2, 6))
    for first, last, glyph in tokens.glyphs:
        start, end = tokens.byte_spans[first][0], tokens.byte_spans[last][1]
        assert tokens.text.encode()[start:end].decode() == glyph


@pytest.mark.parametrize("text", ["a😀é b", "👨‍👩‍👧 fam", "שלום עולם 你好", "plain"])
def test_spans_are_the_same_from_ids_as_from_text(scope, text):
    tokens = scope.tokens(text)
    assert scope.tokens(list(tokens.ids)).byte_spans == tokens.byte_spans
    assert bool(tokens.glyphs) == (text != "plain")


def test_a_text_that_ends_with_a_space_gets_a_hint_and_goes_on_as_the_hint_says(scope):
    tokens = scope.tokens("The old fisherman sold two ")
    (hint,) = tokens.hints
    assert hint.startswith("The text ends with a space.")
    found = scope.next_tokens("The old fisherman sold two ", 1)
    assert found.tokens.hints == tokens.hints
    assert (found.chances[0].token, round(found.chances[0].probability, 3)) == ("ridges", 0.997)
    # Control: without the space there is no hint, and the next token brings its own.
    found = scope.next_tokens("The old fisherman sold two", 1)
    assert found.tokens.hints == ()
    assert found.chances[0].token.startswith(" ")


def test_a_text_that_ends_with_a_line_break_gets_a_hint(scope, chat):
    (hint,) = scope.tokens("The old fisherman\n").hints
    assert hint.startswith("The text ends with a line break")
    assert scope.tokens("\nThe old fisherman").hints == ()
    assert chat.tokens("<start_of_turn>user\nhi<end_of_turn>\n<start_of_turn>model\n").hints == ()
    assert chat.tokens("<start_of_turn>user\nhi\n").hints != ()


def test_a_family_is_a_glyph_for_each_of_its_characters(scope):
    text = "👨‍👩‍👧"
    tokens = scope.tokens(text)
    assert "".join(glyph for _, _, glyph in tokens.glyphs) == text


def test_half_a_character_among_ids_makes_no_glyph(scope):
    tokens = scope.tokens([BOS, *scope.tokens("😀").ids[1:3], 300])
    assert tokens.glyphs == ()


def test_bos_comes_once_also_when_the_text_brings_it(scope):
    plain, own = scope.tokens("hello"), scope.tokens("<bos>hello")
    assert plain.ids == own.ids
    assert plain.ids.count(BOS) == 1
    assert plain.byte_spans[0] == (0, 0)
    assert own.byte_spans[0] == (0, 5)


def test_the_empty_text_is_bos_alone_and_nothing_is_in_use(scope, dictionary):
    tokens = scope.tokens("")
    assert tokens.ids == (BOS,)
    assert tokens.used == ()
    reading = scope.read("", dictionary)
    assert (len(reading.features), reading.total_fvu, reading.l0.tolist()) == (0, None, [0])
    assert scope.read("<bos>", dictionary).total_fvu is None
    assert len(scope.next_tokens("", 3).chances) == 3


def test_spaces_alone_are_text(scope):
    tokens = scope.tokens("     ")
    assert len(tokens.used) >= 1
    assert loaded(scope).tokenizer.decode(tokens.ids) == "     "


def test_no_ids_at_all_are_refused(scope, dictionary):
    for call in (lambda: scope.read([], dictionary), lambda: scope.next_tokens([]), lambda: scope.generate([])):
        with pytest.raises(gs.InvalidValue, match="no token ids given"):
            call()


def test_end_and_padding_tokens_are_ignored_wherever_they_stand(scope):
    tokens = scope.tokens([BOS, 300, EOS, 0, 301, BOS])
    assert sorted(tokens.ignored) == [0, 2, 3, 5]
    assert "special token" in tokens.ignored[2]
    assert "BOS" in tokens.ignored[0]


def test_position_0_is_ignored_even_when_it_is_not_bos_and_not_called_that(scope):
    ids = scope.tokens([300, 301])
    assert 0 in ids.ignored
    assert "BOS" not in ids.ignored[0]
    assert ids.hints[0].startswith("The ids do not begin with BOS (2)")
    assert "Give [2, *ids]" in ids.hints[0]
    assert scope.tokens([BOS, 300, 301]).hints == ()


# ---- too long


def test_a_hundred_thousand_words_are_refused_with_both_numbers_and_without_tokenising(scope, monkeypatch):
    tokenizer = loaded(scope).tokenizer
    _ = tokenizer.text_limit
    called = []
    monkeypatch.setattr(type(tokenizer.inner), "__call__", lambda *_, **__: called.append(1))
    text = "word " * 100_000
    with pytest.raises(gs.PromptTooLong) as caught:
        scope.tokens(text)
    assert called == []
    assert "256 tokens" in str(caught.value)
    assert "500,000 characters" in str(caught.value)


@pytest.mark.parametrize("extra", [1, 200])
def test_a_text_a_little_too_long_is_refused_with_both_numbers(scope, extra):
    text = "a " * (255 + extra)
    count = len(loaded(scope).tokenizer.inner(text, add_special_tokens=False)["input_ids"]) + 1
    with pytest.raises(gs.PromptTooLong, match=f"at most 256 tokens, this text has {count}"):
        scope.tokens(text)


def test_transformers_does_not_warn_beside_a_refusal(load, make_model, caplog, monkeypatch):
    tokenizer = loaded(load(str(make_model()))).tokenizer
    monkeypatch.setattr(transformers_logging.get_logger("transformers"), "propagate", True)
    tokenizer.inner.model_max_length = 100
    with pytest.raises(gs.PromptTooLong):
        tokenizer.tokenize("a " * 150)
    assert "indexing errors" not in caplog.text
    # Control: by itself it does.
    tokenizer.inner("a " * 150)
    assert "indexing errors" in caplog.text


def test_the_longest_text_that_fits_is_taken(scope, dictionary):
    ids = [BOS, *[300] * 255]
    assert len(scope.tokens(ids)) == 256
    assert len(scope.read(ids, dictionary).l0) == 256
    with pytest.raises(gs.PromptTooLong, match="at most 256 tokens, got 257"):
        scope.tokens([*ids, 300])


@given(st.text(min_size=1, max_size=80))
@settings(max_examples=100)
def test_no_text_within_the_context_is_longer_than_the_limit(text):
    """The limit refuses only what is certainly too long."""
    scope = gs.load("mini")
    tokens = scope.tokens(text)
    longest = scope.text_limit // scope.info.context
    assert len(replace_surrogates(text)) <= len(tokens) * longest


# ---- chat

MESSAGES = [{"role": "user", "content": "Where is Mirel?"}]


@pytest.fixture
def chat(load, make_model):
    return load(str(make_model("tiny-it", tokenizer="chat")))


def test_a_base_model_refuses_chat_messages_and_says_what_to_do(tiny):
    with pytest.raises(gs.InvalidValue, match=r"is a base model and takes no chat messages; give it a string, or load"):
        tiny.tokens(MESSAGES)


def test_chat_messages_are_laid_out_as_the_template_says_with_one_bos(chat):
    tokens = chat.tokens(MESSAGES)
    assert tokens.text == "<bos><start_of_turn>user\nWhere is Mirel?<end_of_turn>\n<start_of_turn>model\n"
    assert tokens.ids[:4] == (BOS, TURN, USER, NEWLINE)
    assert tokens.ids.count(BOS) == 1


def test_the_chat_header_is_ignored_and_the_rest_is_not(chat):
    tokens = chat.tokens(MESSAGES)
    assert sorted(tokens.ignored) == [0, 1, 2, 3]
    assert "chat header" in tokens.ignored[1]
    assert "BOS" in tokens.ignored[0]


def test_a_header_given_as_text_or_ids_is_ignored_too_and_plain_text_is_not(chat):
    for prompt in ("<start_of_turn>user\nhi", "<bos><start_of_turn>user\nhi", [BOS, TURN, USER, NEWLINE, 300]):
        assert sorted(chat.tokens(prompt).ignored) == [0, 1, 2, 3]
    assert sorted(chat.tokens("user\nhi").ignored) == [0]


def test_a_base_model_ignores_bos_alone_whatever_the_text(tiny):
    assert sorted(tiny.tokens("<start_of_turn>user\nhi").ignored) == [0]


@pytest.mark.parametrize(
    "message",
    [{}, {"role": "user"}, {"content": "x"}, {"role": 1, "content": "x"}, {"role": "user", "content": ["x"]}],
    ids=repr,
)
def test_a_message_of_another_form_is_refused(chat, message):
    with pytest.raises(gs.InvalidValue, match=r'a chat message is \{"role": \.\.\., "content": \.\.\.\}'):
        chat.tokens([message])


def test_further_keys_of_a_message_are_left_out(chat):
    extended = [MESSAGES[0] | {"time": 5, "name": None}]
    assert chat.tokens(extended).ids == chat.tokens(MESSAGES).ids


# As Gemma 3's own: the system text goes before the first user's, and roles alternate.
GEMMA_TEMPLATE = (
    "{{ bos_token }}{% set lead = '' %}{% set turns = messages %}"
    "{% if messages[0]['role'] == 'system' %}"
    "{% set lead = messages[0]['content'] + '\n\n' %}{% set turns = messages[1:] %}{% endif %}"
    "{% for turn in turns %}"
    "{% if (turn['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles alternate') }}{% endif %}"
    "{{ '<start_of_turn>' + ('model' if turn['role'] == 'assistant' else turn['role']) + '\n' }}"
    "{{ lead if loop.first else '' }}{{ turn['content'] | trim }}{{ '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)
SYSTEM = {"role": "system", "content": "  Answer in one word. "}
ANSWER = {"role": "assistant", "content": " By the sea "}
MORE = {"role": "user", "content": "And now?"}


@pytest.fixture
def gemma_chat(chat):
    """A chat model whose tokenizer has a template of Gemma 3's kind; mini's takes any roles as they come."""
    loaded(chat).tokenizer.inner.chat_template = GEMMA_TEMPLATE
    return chat


@pytest.mark.parametrize("ends", ["user", "assistant"])
@pytest.mark.parametrize("before", [[], [SYSTEM]], ids=["", "system"])
@pytest.mark.parametrize("turns", [1, 3])
def test_messages_are_laid_out_as_transformers_lays_them_out(gemma_chat, ends, before, turns):
    messages = [*before, *[*MESSAGES, ANSWER, MORE, ANSWER][: turns + (ends == "assistant")]]
    last = {"add_generation_prompt": True} if ends == "user" else {"continue_final_message": True}
    inner = loaded(gemma_chat).tokenizer.inner
    expected = inner.apply_chat_template(messages, tokenize=False, **last)
    tokens = gemma_chat.tokens(messages)
    assert tokens.text == expected
    assert list(tokens.ids) == inner(expected, add_special_tokens=False)["input_ids"]
    assert sorted(tokens.ignored) == [0, 1, 2, 3]
    # Control: the answer is not closed, as it was once.
    assert tokens.text != inner.apply_chat_template(messages, tokenize=False, add_generation_prompt=ends != "user")


def test_a_template_without_a_place_for_system_text_gets_it_before_the_first_user_s(chat, gemma_chat):
    messages = [SYSTEM, *MESSAGES, ANSWER]
    expected = gemma_chat.tokens(messages)
    with gs.load("mini-it") as mini:
        assert "<start_of_turn>system" in loaded(mini).tokenizer.inner.apply_chat_template(messages, tokenize=False)
        # mini's template trims the joined text, Gemma's the user's part alone.
        assert mini.tokens(messages).text == expected.text.replace("user\n  Answer", "user\nAnswer")
        plain = loaded(mini).tokenizer.inner.apply_chat_template(
            messages[1:], tokenize=False, continue_final_message=True
        )
        assert mini.tokens(messages[1:]).text == plain


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        (MESSAGES * 2, "message 1 should be of 'assistant', got 'user'; join turns of one role"),
        ([ANSWER], "message 0 should be of 'user', got 'assistant'"),
        ([*MESSAGES, ANSWER, ANSWER], "message 2 should be of 'user', got 'assistant'"),
        ([SYSTEM, SYSTEM, *MESSAGES], "message 1 should be of 'user', got 'system'"),
        ([*MESSAGES, SYSTEM], "message 1 should be of 'assistant', got 'system'"),
        ([{"role": "tool", "content": "x"}], "message 0 should be of 'user', got 'tool'"),
        ([SYSTEM], "a chat of system text alone has no turn; add a message of the user"),
    ],
)
@pytest.mark.parametrize("template", ["mini's", "Gemma's"])
def test_roles_that_gemma_s_template_refuses_are_refused_by_either(chat, messages, words, template):
    if template == "Gemma's":
        loaded(chat).tokenizer.inner.chat_template = GEMMA_TEMPLATE
    with pytest.raises(gs.InvalidValue, match=words):
        chat.tokens(messages)


def test_turns_say_who_speaks_and_where_the_text_of_each_stands(chat):
    tokens = chat.tokens([SYSTEM, *MESSAGES, ANSWER, MORE, {"role": "model", "content": "Near"}])
    data = tokens.text.encode()

    def text_of(positions: tuple[int, int]) -> str:
        spans = tokens.byte_spans[slice(*positions)]
        return data[spans[0][0] : spans[-1][1]].decode() if spans else ""

    assert [(turn.role, text_of(turn.content), turn.is_open) for turn in tokens.turns] == [
        ("user", "Answer in one word. \n\nWhere is Mirel?", False),
        ("assistant", "By the sea", False),
        ("user", "And now?", False),
        ("assistant", "Near", True),
    ]
    assert [text_of(turn.span) for turn in tokens.turns][1:3] == [
        "<start_of_turn>model\nBy the sea<end_of_turn>\n",
        "<start_of_turn>user\nAnd now?<end_of_turn>\n",
    ]
    # Every position but BOS is in one turn, in order.
    assert [pos for turn in tokens.turns for pos in range(*turn.span)] == list(range(1, len(tokens)))


def test_an_open_turn_without_text_and_a_text_without_turns(chat, tiny):
    for messages in (MESSAGES, [*MESSAGES, {"role": "assistant", "content": " "}]):
        tokens = chat.tokens(messages)
        assert tokens.turns[-1].role == "assistant"
        assert tokens.turns[-1].is_open
        assert tokens.turns[-1].content == (len(tokens), len(tokens))
        assert chat.tokens(list(tokens.ids)).turns == tokens.turns
    assert chat.tokens("hello").turns == ()
    assert tiny.tokens("<start_of_turn>user\nhi").turns == ()


def test_a_header_without_bos_is_ignored_too(chat):
    tokens = chat.tokens([TURN, USER, NEWLINE, 300])
    assert sorted(tokens.ignored) == [0, 1, 2]


def test_an_answer_that_has_begun_is_continued():
    """mini-it goes on as plain transformers does, and otherwise than after a closed answer."""
    messages = [{"role": "user", "content": "Where is the fisherman?"}, {"role": "assistant", "content": "The old"}]
    with gs.load("mini-it") as mini:
        inner, model = loaded(mini).tokenizer.inner, loaded(mini).model
        found = mini.next_tokens(messages, 1).chances[0].id
        best = {}
        for name, options in {
            "continued": {"continue_final_message": True},
            "closed": {"add_generation_prompt": True},
        }.items():
            text = inner.apply_chat_template(messages, tokenize=False, **options)
            ids = torch.tensor([inner(text, add_special_tokens=False)["input_ids"]])
            with torch.no_grad():
                best[name] = int(model(input_ids=ids).logits[0, -1].argmax())
    assert found == best["continued"] != best["closed"]


def test_what_the_template_refuses_is_refused_in_words(chat, monkeypatch):
    loaded(chat).tokenizer.inner.chat_template = "{{ raise_exception('no such words') }}"
    with pytest.raises(gs.InvalidValue, match="cannot lay out these chat messages: no such words"):
        chat.tokens(MESSAGES)


def test_a_chat_of_a_hundred_thousand_words_is_refused_before_it_is_laid_out(chat):
    with pytest.raises(gs.PromptTooLong, match="120 tokens, this text has 500,000 characters"):
        chat.tokens([{"role": "user", "content": "word " * 100_000}])


def test_lone_surrogates_in_a_message_are_replaced(chat):
    assert "\ufffd" in chat.tokens([{"role": "user", "content": "a\ud800"}]).text


def test_words_and_ids_mixed_are_refused(chat):
    with pytest.raises(gs.InvalidValue, match="a token id must be"):
        chat.tokens([*MESSAGES, 5])


# ---- a folder without a tokenizer


def test_a_model_without_a_tokenizer_takes_ids_and_refuses_words(load, make_model, make_dictionary):
    scope = load(str(make_model(tokenizer=None)))
    dictionary = scope.dictionary(path=make_dictionary())
    tokens = scope.tokens([BOS, 7, 8])
    assert tokens.strings == ("<2>", "<7>", "<8>")
    assert [tokens.text[start:end] for start, end in tokens.byte_spans] == ["2", "7", "8"]
    assert scope.text_limit == 0
    for prompt in ("hello", [{"role": "user", "content": "x"}]):
        with pytest.raises(gs.InvalidValue, match="has no tokenizer, so it takes token ids"):
            scope.tokens(prompt)
    assert len(scope.read([BOS, 7, 8], dictionary).l0) == 3
    scope.next_tokens([BOS, 7], 3, [gs.add(dictionary.feature(1), 2.0, unit="raw"), gs.ablate(dictionary.feature(2))])
    for call in (
        lambda: scope.next_tokens([BOS, 7], 3, [gs.add(dictionary.feature(1), 0.5)]),
        lambda: scope.generate([BOS, 7], [gs.add(dictionary.feature(1), 0.5)], max_new_tokens=2).wait(),
        lambda: scope.mean_norm(dictionary),
    ):
        with pytest.raises(gs.InvalidValue, match=r'has no tokenizer, .*; give gs.add\(..., unit="raw"\)'):
            call()
    # Control: as the message says.
    scope.generate([BOS, 7], [gs.add(dictionary.feature(1), 0.5, unit="raw")], max_new_tokens=2).wait()


# ---- threads, and text as it is generated


def test_many_threads_tokenise_at_once(scope):
    """The Rust tokenizer answers "Already borrowed" where this is not guarded."""
    from concurrent.futures import ThreadPoolExecutor

    texts = [f"A text of {number} words and 😀" for number in range(300)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda text: scope.tokens(text).text, texts))
        list(pool.map(lambda number: loaded(scope).tokenizer.decode([number, 300]), range(200)))
    assert found == texts


@given(ANY_TEXT)
@settings(max_examples=100)
def test_streamed_pieces_make_the_whole_text(text):
    tokenizer = loaded(gs.load("mini")).tokenizer
    ids = tokenizer.tokenize(text).ids
    assert "".join(stream(tokenizer, ids)) == tokenizer.decode(ids)


def stream(tokenizer, ids) -> list[str]:
    decoder, logits = _RowDecoder(tokenizer), torch.zeros(4096)
    return [decoder.token(step, one, logits, last=step + 1 == len(ids)).text for step, one in enumerate(ids)]


# A special token has no bytes, and ends the character before it.
PIECES = st.one_of(st.integers(4, 4095), st.integers(4, 290)).filter(lambda one: one not in (105, 106))


@given(st.lists(PIECES, max_size=30))
@settings(max_examples=100)
def test_streamed_pieces_of_any_ids_hold_back_at_most_one_character(ids):
    tokenizer = loaded(gs.load("mini")).tokenizer
    pieces = stream(tokenizer, ids)
    data = b"".join(piece_bytes(tokenizer, one) for one in ids)
    assert "".join(pieces) == data.decode("utf-8", "replace")
    for count in range(len(ids)):
        sent = "".join(pieces[:count]).encode()
        made = b"".join(piece_bytes(tokenizer, one) for one in ids[:count]).decode("utf-8", "replace").encode()
        assert made.startswith(sent)
        assert len(made) - len(sent) <= 9


def piece_bytes(tokenizer, token_id) -> bytes:
    string = tokenizer.describe(token_id)
    if len(string) == 6 and string.startswith("<0x"):
        return bytes([int(string[3:5], 16)])
    return b"" if tokenizer.is_special(token_id) else string.encode()


def test_a_half_made_character_is_held_back_until_it_is_whole(scope):
    tokenizer = loaded(scope).tokenizer
    assert stream(tokenizer, tokenizer.tokenize("😀!").ids[1:]) == ["", "", "", "😀", "!"]


def test_bytes_that_never_make_a_character_are_let_go_one_by_one_and_at_the_end(scope):
    tokenizer = loaded(scope).tokenizer
    lead = tokenizer.tokenize("😀").ids[1]
    assert stream(tokenizer, [lead] * 3) == ["", "\ufffd", "\ufffd\ufffd"]
    assert stream(tokenizer, [lead, *tokenizer.tokenize("a").ids[1:]]) == ["", "\ufffda"]
