"""The exercises as a learner meets them, on the fake scope: by Python, and by what the page sends."""

import json
from dataclasses import replace

import numpy as np
import pytest

import gscope_widgets as gs
from gscope_widgets.widgets.catalogue import CATALOGUE
from gscope_widgets.widgets.contract import load_class, make_example

TEXT = "The old fisherman sold 12 fish."
ROWS = [row for row in CATALOGUE if row.home == "exercises"]
SECRET = "zanzibar"
SNIPPETS = [
    "The old fisherman.",
    "The king was happy.",
    "A cold bird.",
    "12 coins",
    "his coat",
    "On Monday",
    "The cat",
    "bread",
]


@pytest.fixture(params=ROWS, ids=lambda row: row.name)
def row(request):
    return request.param


def predict(scope, key="up", **more):
    given = {"choices": ("up", "down", "same"), "name": "ex3", **more}
    return gs.Predict(scope, "Up or down?", key, **given)


def quiz(scope, **more):
    questions = [
        gs.Question(
            "What is a feature?", "a direction", choices=("a neuron", "a direction"), wrong={"a neuron": "No axis."}
        ),
        gs.Question("How many tokens?", gs.truths.count_tokens(TEXT), tolerance=0),
    ]
    return gs.Quiz(scope, "Two questions.", questions, name="ex8", **more)


# ---- every exercise


@pytest.mark.row("44")
def test_a_check_is_the_same_each_time_and_needs_no_page(row, scope):
    exercise = make_example(row, scope)
    for state in (row.change, *row.others):
        first, second = exercise.check(state["answer"]), exercise.check(state["answer"])
        assert first == second
        assert first.state in ("right", "wrong")
        assert str(first).startswith(("✓", "✗"))
        json.dumps(first.answer, allow_nan=False)
    assert exercise.answer is None  # what was only checked is not committed
    exercise.close()


@pytest.mark.row("44")
def test_nothing_that_a_learner_gives_raises(row, scope, always_equal):
    class Hostile:
        def __repr__(self):
            raise RuntimeError("no words for it")

    exercise = make_example(row, scope)
    wrong = [
        *(5, "sideways", True, [], {}, "", [None], [[]], [[[]]], {"a": 1}, [1.5], [-1], float("nan"), 10**40, b"up"),
        *(
            always_equal("x"),
            [always_equal("x")],
            Hostile(),
            [Hostile()],
            object,
            lambda: 5,
            [["add", 3]],
            [["add", 3, "x"]],
        ),
        *(
            [["sing", 3, 1.0]],
            [["add", 99999, 1.0]],
            [["add", True, 1.0]],
            [["clamp", 3, 1.0]] * 2,
            ["*" * 9],
            ["(a+)+"],
        ),
    ]
    for answer in wrong:
        check = exercise.check(answer)
        assert not check.passed
        assert check.sentence
        assert check.state in ("wrong", "unusable", "not answered")
        if check.state != "wrong":
            assert check.next_step
        again = make_example(row, scope, answer=answer)
        again.wait()
        assert again.check().state == check.state
        again.close()
    exercise.close()


@pytest.mark.row("44")
def test_a_model_that_does_not_answer_is_a_sentence_too(row, scope):
    exercise = make_example(row, scope)
    scope.close()
    check = exercise.check(row.change["answer"])
    assert (check.state, check.passed) == ("not checked", False)
    assert "gs.load()" in check.sentence
    assert check.next_step


@pytest.mark.row("NEW 12")
def test_of_a_solution_nothing_is_in_state_page_or_bundle_before_it_is_asked_for(scope, open_page):
    """Searched for in all that leaves Python; the control is the same search once it was asked for."""
    wrong = {"down": f"not {SECRET}1"}
    made = [
        predict(scope, key="same", wrong=wrong, reveal=f"{SECRET}2", hints=[f"{SECRET}3"] * 3, solution=f"{SECRET}4"),
        gs.Predict(
            scope, "Which word?", f"{SECRET}5", name="ex4", wrong={"boat": f"not {SECRET}1"}, solution=f"{SECRET}4"
        ),
        gs.Quiz(scope, "One.", [gs.Question("Word?", f"{SECRET}5")], name="ex5", solution=f"{SECRET}4"),
        gs.NameFeature(scope, 3, SNIPPETS, name="ex6", solution=f"{SECRET}4"),
        gs.ReachGoal(scope, "The old", ["fish"], name="ex7", solution=f"{SECRET}4"),
    ]
    assert {type(one).__name__ for one in made} == {row.name for row in ROWS}
    for exercise in made:
        page = open_page(exercise)
        page.settle()
        page.send({"type": "ready"})
        sent = json.dumps([data for data, _ in page.comm.sent], default=str)
        told = [sent, json.dumps(exercise.get_state(), default=str), exercise.to_html(), exercise.to_code()]
        told += [exercise._build_copy(), exercise._esm, repr(exercise.check()), str(exercise.provenance)]
        assert not any(SECRET in one for one in told), type(exercise)
        page.set(solution_shown=True)
        page.settle()
        assert f"{SECRET}4" in json.dumps(page.messages("result")[-1][0])
        assert f"{SECRET}4" in exercise.to_html()
        assert SECRET not in json.dumps(exercise.get_state(), default=str)


def test_an_exercise_is_kept_by_its_line_and_by_no_file(row, scope, open_page, tmp_path):
    widget = open_page(make_example(row, scope, answer=row.change["answer"])).widget
    for keep in (lambda: widget.save(tmp_path / "kept.json"), widget.pin):
        with pytest.raises(gs.InvalidValue, match="kept by its answer's line"):
            keep()
    assert list(tmp_path.iterdir()) == []


def test_a_hint_is_no_reason_to_ask_the_model_again(row, scope, open_page):
    page = open_page(make_example(row, scope))
    page.set(**row.change)
    page.settle()
    scope.calls.clear()
    page.set(hints_shown=1, solution_shown=True)
    assert page.settle()["state"] == "idle"
    page.send({"type": "ready"})
    result = page.messages("result")[-1][0]
    assert (len(result["hints"]), result["answer"], scope.calls) == (1, row.change["answer"], [])
    page.set(**row.others[0])  # the control
    page.settle()
    assert scope.calls


def test_hints_come_one_by_one_and_only_on_request(row, scope, open_page):
    page = open_page(make_example(row, scope, hints=["first", "second", "third"]))
    page.settle()
    for count in range(4):
        page.set(hints_shown=count)
        page.settle()
        page.send({"type": "ready"})
        assert page.messages("result")[-1][0]["hints"] == ["first", "second", "third"][:count]
    page.set(hints_shown=4)
    assert "from 0 to 3, got 4" in page.settle()["message"]


def test_hostile_words_are_inert_wherever_an_author_or_learner_puts_them(scope, open_page, check_copy, hostile_words):
    for word in (f"w{one}" for one in hostile_words):
        question = gs.Question(word, "up", choices=("up", f"{word}2"), wrong={f"{word}2": word})
        snippets = [f"{one} {word}" for one in SNIPPETS]
        for exercise in (
            predict(scope, wrong={"down": word}, reveal=word, hints=[word], solution=word, answer="down"),
            gs.Predict(scope, word, "up", name="w", answer=word),
            gs.Quiz(scope, word, [question], name="q", answer=[f"{word}2"]),
            gs.NameFeature(
                scope, 3, snippets, name="n", threshold=12.5, prompt=word, answer=[word[:40].replace("*", "")]
            ),
            gs.ReachGoal(scope, "The", [word], name="g", prompt=word, seeds=(0, 1), max_new_tokens=1),
        ):
            page = open_page(exercise)
            page.set(solution_shown=True, hints_shown=exercise.hint_count)
            assert page.settle()["state"] == "idle"
            check_copy(exercise._build_copy())
            json.dumps(exercise.get_state(["answer", "line", "prompt", "fields"]), allow_nan=False)
            str(exercise.check())


def test_the_line_is_of_what_was_committed_and_of_the_name(scope, open_page):
    page = open_page(predict(scope))
    page.set(answer="down")
    page.settle()
    assert page.widget.line == page.widget.to_code() == "answer_3 = 'down'  # gs-answer: ex3"
    assert open_page(predict(scope, name="french-words")).widget.variable == "answer_french_words"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"name": ""}, "name is a letter"),
        ({"name": 5}, "name is a letter"),
        ({"name": "a b"}, "name is a letter"),
        ({"hints": ["a"] * 4}, "at most 3"),
        ({"hints": "a hint"}, "hints are at most 3"),
        ({"hints": [5]}, "a hint is a text"),
        ({"solution": 5}, "solution is a text"),
    ],
)
def test_what_no_exercise_can_be_made_of_is_refused(row, scope, settings, words):
    with pytest.raises(gs.InvalidValue, match=words):
        load_class(row)(scope, **{**row.example, **settings})


# ---- Predict


@pytest.mark.row("43")
@pytest.mark.row("NEW 2")
def test_a_guess_is_committed_before_it_is_compared_and_stays(scope, open_page):
    page = open_page(gs.Predict(scope, "The next token?", gs.truths.next_token(TEXT), name="ex1", reveal="As it is."))
    truth = scope.next_tokens(TEXT, 1).chances[0].token.strip()
    page.settle()
    scope.calls.clear()
    page.send({"type": "ready"})
    page.set(hints_shown=0, solution_shown=True)
    page.settle()
    assert scope.calls == []  # without a guess the model is not even asked
    page.set(answer="boat")
    page.settle()
    result = page.messages("result")[-1][0]
    assert result["sentence"].startswith(f"You said boat; it is {truth}.")
    assert (result["state"], result["next_step"]) == ("wrong", "As it is.")
    page.set(answer=truth)
    page.settle()
    result = page.messages("result")[-1][0]
    assert (result["state"], result["first"]) == ("right", "boat")
    assert page.widget.answer == truth
    assert truth in page.widget.to_html()


@pytest.mark.parametrize(
    ("settings", "right", "wrong"),
    [
        ({"key": "up", "choices": ["up", "down"]}, "up", "down"),
        ({"key": ["up"], "choices": ["up", "down"]}, None, None),
        ({"key": gs.truths.fires(3, TEXT), "tokens_of": TEXT}, [1, 2], [5]),
        ({"key": gs.truths.count_tokens(TEXT), "tolerance": 1, "unit": "tokens"}, 10, 99),
        ({"key": gs.seal("fish")}, "Fish", "boat"),
    ],
)
def test_each_form_of_a_guess_has_its_check(scope, settings, right, wrong):
    if right is None:
        with pytest.raises(gs.InvalidValue, match="is no answer to it"):
            gs.Predict(scope, "What?", name="ex1", **settings)
        return
    exercise = gs.Predict(scope, "What?", name="ex1", **settings)
    if "tolerance" in settings:
        right = len(scope.tokens(TEXT)) + 1
    assert exercise.check(right).passed
    assert not exercise.check(wrong).passed
    exercise.close()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"choices": ["up"]}, "2 to 20 different texts"),
        ({"choices": ["up", "up"]}, "2 to 20 different texts"),
        ({"choices": 5}, "2 to 20 different texts"),
        ({"choices": np.array(["up", "down"])}, "2 to 20 different texts"),
        ({"choices": (), "several": np.array([])}, "several must be True or False"),
        ({"choices": ["up", "down"], "tolerance": 1}, "one of choices, tokens_of and tolerance"),
        ({"choices": (), "tolerance": -1}, "0 or more"),
        ({"choices": (), "tolerance": float("nan")}, "0 or more"),
        ({"wrong": 5}, "dict of strings"),
        ({"choices": (), "key": 5, "tolerance": 1, "wrong": {"up": "x"}}, "names numbers"),
        ({"key": "sideways"}, "is no answer to it"),
        ({"key": "gs1:nonsense"}, "copy it again"),
        ({"choices": (), "tokens_of": 5}, "a prompt is a string"),
        ({"reveal": 5}, "reveal is a text"),
    ],
)
def test_a_prediction_that_cannot_be_asked_is_refused(scope, settings, words):
    with pytest.raises(gs.GscopeError, match=words):
        predict(scope, **settings)


def test_a_choice_of_several_words_is_told_from_the_sentence_around_it(scope):
    choices = {"choices": ("it falls", "it rises")}
    assert predict(scope, "it rises", **choices).check("it falls").sentence == "You said “it falls”; it is “it rises”."
    assert predict(scope, "up").check("down").sentence == "You said down; it is up."


def test_each_of_several_choices_is_told_from_the_others(scope):
    choices = ("it falls, then rests", "it rises", "up")
    exercise = gs.Predict(scope, "Which?", ["it rises", "up"], name="ex1", choices=choices, several=True)
    given = ["it falls, then rests", "it rises"]
    assert exercise.check(given).sentence == "You said “it falls, then rests”, “it rises”; it is “it rises”, up."
    untouched = exercise.check()
    assert (untouched.state, untouched.next_step) == ("not answered", "Choose all that hold of the choices above.")
    assert "of 'it falls, then rests', 'it rises', 'up'." in exercise.check(["sideways"]).next_step


def test_what_is_said_of_a_wrong_guess_stands_before_what_came_true(scope):
    exercise = gs.Predict(scope, "How many?", 3.2, name="ex1", tolerance=0.01, wrong={"2.5": "That is the skip alone."})
    assert exercise.check(2.5).sentence == "You said 2.5. That is the skip alone. It is 3.2."
    assert exercise.check(2.4).sentence == "You said 2.4; it is 3.2."


def commit_two(page, first, second) -> str:
    """What is said of the first answer when a second one is committed."""
    for answer in (first, second):
        page.set(answer=answer)
        page.settle()
    return page.messages("result")[-1][0]["first"]


def test_the_first_answer_is_told_in_words(scope, open_page):
    several = {"name": "ex1", "choices": ("it falls", "it rises", "up"), "several": True}
    page = open_page(gs.Predict(scope, "Which?", ["it rises", "up"], **several))
    assert commit_two(page, ["it falls", "up"], ["it rises", "up"]) == "“it falls”, up"
    page = open_page(gs.Predict(scope, "How many?", 4, name="ex2", tolerance=0, unit="steps"))
    assert commit_two(page, 5, 4) == "5 steps"
    questions = [gs.Question("Which?", "up", choices=("up", "down")), gs.Question("And?", "fish")]
    page = open_page(gs.Quiz(scope, "What?", questions, name="ex3"))
    assert commit_two(page, ["up", "boat"], ["up", "fish"]) == "1 of 2 right"


@pytest.mark.parametrize("stray", [5, "boat", [-1], {"a": 1}, [None]], ids=repr)
def test_what_is_no_answer_at_all_is_not_the_first(scope, open_page, stray):
    places = gs.Predict(scope, "Where?", [3], name="ex1", tokens_of="The cat sat on the mat")
    assert commit_two(open_page(places), stray, [3]) == ""
    quiz = gs.Quiz(scope, "What?", [gs.Question("And?", "fish"), gs.Question("Or?", "boat")], name="ex2")
    assert commit_two(open_page(quiz), stray, ["fish", "boat"]) == ""
    later = gs.Predict(scope, "Where?", [3], name="ex3", tokens_of="The cat sat on the mat")
    assert commit_two(open_page(later), [2], [3]).startswith("2 (")


@pytest.mark.parametrize(("tolerance", "example"), [(0, "2"), (0.01, "0.5"), (10, "2")])
def test_a_number_is_asked_for_by_an_example_as_precise_as_it_is_checked(scope, tolerance, example):
    asked = gs.Predict(scope, "How many?", 4, name="ex1", tolerance=tolerance)
    assert asked.check("many").next_step == f"Give a number, such as {example}."


def test_an_authors_function_that_fails_is_a_sentence_for_the_learner(scope, open_page):
    page = open_page(predict(scope, key=lambda _scope: 1 / 0))
    check = page.widget.check("up")
    assert (check.state, "ZeroDivisionError" in check.sentence) == ("not checked", True)
    page.set(answer="up")
    assert page.settle()["state"] == "error"
    assert "no answer to it" in predict(scope, key=lambda _scope: "sideways").check("up").sentence


# ---- Quiz


def test_a_quiz_names_the_misconception_and_not_the_answer(scope, open_page):
    count = len(scope.tokens(TEXT))
    page = open_page(quiz(scope))
    page.set(answer=["a neuron", count])
    page.settle()
    result = page.messages("result")[-1][0]
    assert (result["state"], result["score"]) == ("wrong", 0.5)
    assert [part["found"] for part in result["parts"]] == ["No axis.", "Right."]
    assert result["sentence"] == "1 of 2 right; 2 are needed."
    assert "a direction" not in json.dumps(result)
    assert page.widget.check(["a direction", count]).passed
    frame = page.widget.to_frame()
    assert list(frame["state"]) == ["wrong", "right"]


def test_a_quiz_may_be_passed_with_some_wrong_and_says_what_is_left_out(scope):
    exercise = quiz(scope, pass_at=1)
    assert exercise.check(["a direction", 0]).passed
    check = exercise.check(["a neuron", None])
    assert (check.passed, check.next_step) == (False, "Answer question 2 too.")
    assert exercise.check(["a direction"]).state == "unusable"
    assert exercise.check([None, None]).state == "not answered"
    exercise.close()


@pytest.mark.parametrize(
    ("questions", "settings", "words"),
    [
        ([], {}, "1 to 20"),
        ("what?", {}, "1 to 20"),
        ([5], {}, "gs.Question"),
        ([gs.Question("What?", "a", choices=("a", "b"))], {"pass_at": 2}, "1 to 1"),
        ([gs.Question("", "a")], {}, "ask is a text"),
        ([gs.Question("What?", "a", several=True)], {}, "several"),
    ],
)
def test_a_quiz_that_cannot_be_asked_is_refused(scope, questions, settings, words):
    with pytest.raises(gs.InvalidValue, match=words):
        gs.Quiz(scope, "Quiz", questions, name="ex8", **settings)


# ---- NameFeature


def test_a_rule_is_scored_by_where_the_feature_fires(scope):
    exercise = gs.NameFeature(scope, 3, SNIPPETS, name="ex2", threshold=8.0)
    fires = [max(scope.read(text, features=[3]).trace(3)[1:]) > 8.0 for text in SNIPPETS]
    assert 0 < sum(fires) < len(fires)
    check = exercise.check(["the"])
    said = ["the" in text.lower().split() for text in SNIPPETS]
    found = [one for one, own in zip(fires, said, strict=True) if one]
    hits = sum(own for one, own in zip(fires, said, strict=True) if one) / len(found)
    silent = [not own for one, own in zip(fires, said, strict=True) if not one]
    assert check.score == pytest.approx((hits + sum(silent) / len(silent)) / 2)
    assert "with shuffled firings it is 0.5" in check.sentence
    assert {one.name: one.state == "right" for one in check.parts} == {
        text: a == b for text, a, b in zip(SNIPPETS, fires, said, strict=True)
    }
    everything = exercise.check(["*"])
    assert everything.score == 0.5
    assert "yes to every text" in everything.next_step
    exercise.close()


def test_marks_on_snippets_are_scored_the_same_way_and_a_pass_tells_the_label(scope):
    exercise = gs.NameFeature(scope, 3, SNIPPETS, name="ex2", threshold=8.0, by="marks", pass_at=0.9)
    fires = [at for at, text in enumerate(SNIPPETS) if max(scope.read(text, features=[3]).trace(3)[1:]) > 8.0]
    check = exercise.check(fires)
    assert (check.passed, check.score) == (True, 1.0)
    assert "birds" in check.next_step
    rest = [at for at in range(len(SNIPPETS)) if at not in fires]
    wrong = exercise.check(rest)
    assert (wrong.passed, wrong.score) == (False, 0.0)
    assert "birds" not in str(wrong)
    assert exercise.fields[0]["choices"] == SNIPPETS
    assert gs.NameFeature(scope, 3, SNIPPETS, name="ex2").fields[0]["choices"] == []  # held out
    exercise.close()


def test_snippets_on_which_all_is_the_same_cannot_be_scored(scope):
    check = gs.NameFeature(scope, 3, SNIPPETS, name="ex2", threshold=1e6).check(["the"])
    assert (check.state, "none of the 8 snippets" in check.sentence) == ("not checked", True)
    few = gs.NameFeature(scope, 3, SNIPPETS[1:5], name="ex2", threshold=8.0).check(["the"])
    assert (few.state, "needs more of them" in few.sentence) == ("not checked", True)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"ref": 99999}, "from 0 to 1023"),
        ({"snippets": ["a"]}, "4 to 200 different texts"),
        ({"snippets": ["a"] * 5}, "4 to 200 different texts"),
        ({"snippets": "abcde"}, "4 to 200 different texts"),
        ({"by": "guess"}, "by is"),
        ({"by": np.array(["rule", "marks"])}, "by is"),
        ({"dictionary": 5}, "dictionary comes from scope.dictionary"),
        ({"prompt": np.array([])}, "prompt is a text"),
        ({"pass_at": 2}, "pass_at"),
        ({"threshold": -1}, "threshold"),
    ],
)
def test_a_feature_that_cannot_be_asked_about_is_refused(scope, settings, words):
    given = {"ref": 3, "snippets": SNIPPETS, "name": "ex2", **settings}
    with pytest.raises(gs.GscopeError, match=words):
        gs.NameFeature(scope, **given)


# ---- ReachGoal


def reach(scope, words=("fish",), **more):
    given = {"name": "ex5", "seeds": (0, 1, 2, 3), "max_new_tokens": 6, **more}
    return gs.ReachGoal(scope, "The old", words, **given)


def count_reached(comparison, kind, words):
    texts = [f" {row.text} " for row in comparison.rows if row.kind == kind]
    return sum(any(word in text.replace(".", " ").split() for word in words) for text in texts)


@pytest.mark.row("27")
def test_a_goal_is_reached_by_the_changed_texts_and_not_by_the_random_ones(scope):
    """Each count against the scope asked directly, and each condition in turn failing."""
    ref, plan = scope.dictionary().feature(4), {"max_new_tokens": 6, "temperature": 1.0, "seeds": (0, 1, 2, 3)}
    comparison = scope.compare("The old", [gs.add(ref, 0.3)], **plan)
    words = sorted(
        {word for row in comparison.rows if row.kind == "changed" for word in row.text.split() if word.isalpha()}
    )
    rare = [word for word in words if not count_reached(comparison, "random", [word])]
    assert rare, "the fake's texts have changed: choose another feature"
    reached = count_reached(comparison, "changed", rare)
    given = {"share": reached / 4, "max_perplexity": 100.0}
    check = reach(scope, rare, **given).check([["add", 4, 0.3]])
    assert check.passed, str(check)
    assert f"{reached} of 4 texts reach it" in check.sentence
    assert "Seeds 0, 1, 2, 3." in check.sentence
    assert not reach(scope, rare, share=reached / 4, max_perplexity=1.0).check([["add", 4, 0.3]]).passed
    assert not reach(scope, ["zebra"], **given).check([["add", 4, 0.3]]).passed
    everywhere = sorted({word for row in comparison.rows for word in row.text.split() if word.isalpha()})
    check = reach(scope, everywhere, share=0.05, max_perplexity=100.0).check([["add", 4, 0.3]])
    assert not check.passed
    assert "random push" in check.next_step or "unchanged model reaches the goal" in check.next_step


def test_a_text_that_only_repeats_the_word_does_not_count(scope, monkeypatch):
    plain = scope.compare

    def repeat(row):
        again = tuple(replace(token, id=9, text=" fish") for token in row.tokens)
        return replace(row, tokens=again) if row.kind == "changed" and row.seed != 0 else row

    def compare(*arguments, **plan):
        comparison = plain(*arguments, **plan)
        return replace(comparison, rows=tuple(map(repeat, comparison.rows)))

    monkeypatch.setattr(scope, "compare", compare)
    check = reach(scope, ["fish"], max_perplexity=100.0).check([["add", 4, 0.3]])
    assert check.state == "wrong"
    assert "0 of 4 texts reach it" in check.sentence
    assert "Not counted: 3 that only repeat the words." in check.sentence
    assert check.next_step == "Too many of the texts only repeat themselves: push less."


def test_interventions_made_elsewhere_are_taken_as_an_answer(scope, open_page):
    ref = scope.dictionary().feature(4)
    exercise = reach(scope, answer=[gs.add(ref, 0.3), gs.ablate(scope.dictionary().feature(3))])
    assert exercise.answer == [["add", 4, 0.3], ["ablate", 3]]
    exercise.wait()
    assert exercise.check().state in ("right", "wrong")
    other = scope.dictionary(layer=1).feature(3)
    for wrong in (gs.add(other, 0.3), gs.add(ref, 3.0, unit="raw"), [gs.add(ref, 1.0), 5]):
        assert exercise.check(wrong).state == "unusable"
    exercise.close()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"words": "fish"}, "list of words"),
        ({"words": []}, "list of words"),
        ({"share": 0}, "share"),
        ({"max_perplexity": 0.5}, "max_perplexity"),
        ({"seeds": (1,)}, "2 or more"),
        ({"features": [99999]}, "from 0 to 1023"),
        ({"features": 3}, "features is a list"),
        ({"features": [3, 3]}, "give each feature once"),
        ({"dictionary": 5}, "dictionary comes from scope.dictionary"),
        ({"prompt": np.array([])}, "prompt is a text"),
        ({"max_new_tokens": 0}, "max_new_tokens"),
        ({"temperature": 9}, "temperature"),
    ],
)
def test_a_goal_that_cannot_be_set_is_refused(scope, settings, words):
    with pytest.raises(gs.GscopeError, match=words):
        reach(scope, **settings)


def test_a_goal_can_be_cancelled_while_texts_are_made(scope, open_page):
    page = open_page(reach(scope))
    page.settle()
    scope.gate.clear()
    page.set(answer=[["add", 4, 0.3]])
    page.send({"type": "cancel"})
    scope.gate.set()
    assert page.settle()["state"] == "cancelled"
    assert page.widget.check().state in ("right", "wrong")  # Python's own check is a run of its own


# ---- goals


def reach_two(scope, answer):
    """Two choices, one of them a bird's."""
    return (1.0 if "gull" in answer else 0.5), f"{len(answer)} of {scope.info.id}."


def test_a_goal_takes_every_answer_that_reaches_it_and_says_what_became_of_others(scope):
    given = {"choices": ("gull", "ox", "fox"), "several": True, "name": "ex3", "reveal": "A gull flies."}
    exercise = gs.Predict(scope, "Which two?", gs.Goal(reach_two), **given)
    for answer in (["gull", "ox"], ["fox", "gull"], ["gull"]):
        check = exercise.check(answer)
        assert (check.state, check.score, check.next_step) == ("right", 1.0, "A gull flies.")
        assert check.sentence == f"{len(answer)} of {scope.info.id}."
    check = exercise.check(["ox", "fox"])
    assert (check.state, check.score, check.next_step) == ("wrong", 0.5, "")
    assert exercise.check(["ox", "ox"]).state == exercise.check("gull").state == "unusable"
    untouched = exercise.check()
    assert (untouched.state, untouched.next_step) == ("not answered", "Choose one or more of the choices above.")


def test_a_goal_stands_in_a_quiz_too(scope):
    questions = [gs.Question("Which?", gs.Goal(reach_two), choices=("gull", "ox"), several=True)]
    made = gs.Quiz(scope, "One.", questions, name="ex9")
    assert [made.check([[one]]).passed for one in ("gull", "ox")] == [True, False]


@pytest.mark.parametrize("said", [(2.0, "too much"), (float("nan"), "none"), (1.0, ""), (True, 5), 1.0])
def test_a_goal_that_gives_no_score_and_sentence_is_not_checked(scope, said):
    exercise = gs.Predict(scope, "Which?", gs.Goal(lambda *_: said), choices=("gull", "ox"), name="ex3")
    check = exercise.check("gull")
    assert (check.state, check.passed) == ("not checked", False)
