"""A name that a widget has not is told where it is like a setting's; attributes of one's own are nobody's business."""

import pytest

import gscope_widgets as gs

TEXT = "The old fisherman sold 12 fish."


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("text", "a CircuitGraph has no text; set prompt"),
        ("feature", "has no feature; set selected_feature"),
        ("promt", "set prompt"),
        ("node_shares", "set node_share"),
        ("max_features", "max_features of a CircuitGraph is given when it is made"),
    ],
)
def test_a_name_that_does_nothing_is_told_with_the_one_that_is_meant(scope, open_page, name, words):
    widget = open_page(gs.CircuitGraph(scope, TEXT)).widget
    with pytest.raises(gs.InvalidValue, match=words):
        setattr(widget, name, "The bird sang")
    assert not hasattr(widget, name) and widget.prompt == TEXT


def test_each_widget_names_its_own(scope, open_page):
    heatmap = open_page(gs.TokenHeatmap(scope, TEXT, features=[3])).widget
    for name, words in (
        ("prompt", "set text"),
        ("value", "set text"),
        ("feature", "set features or selected_feature"),
        ("pos", "selected_pos"),
    ):
        with pytest.raises(gs.InvalidValue, match=f"a TokenHeatmap has no {name}; .*{words}"):
            setattr(heatmap, name, 3)


class Mine(gs.CircuitGraph):
    """A reader's own, whose names are like the settings' and the constructor's of what it is made from."""

    def __init__(self, *given):
        super().__init__(*given)
        self.dictionaries, self.max_features = ["a"], 5
        self.prompts, self.targets, self.text, self.promt = [], {}, "mine", "x"


def test_a_subclass_of_ones_own_names_what_it_likes(scope, open_page):
    widget = open_page(Mine(scope, TEXT)).widget
    assert (widget.dictionaries, widget.max_features, widget.text, widget.promt) == (["a"], 5, "mine", "x")
    assert (widget.prompts, widget.targets, widget.prompt) == ([], {}, TEXT)
    widget.node_shares = 3
    assert widget.node_shares == 3 and widget.node_share != 3
    for name in ("dictionaries", "max_features", "prompts", "targets", "text", "promt"):  # the control
        with pytest.raises(
            gs.InvalidValue, match=f"{name} of a CircuitGraph is given|a CircuitGraph has no {name}; set"
        ):
            setattr(open_page(gs.CircuitGraph(scope, TEXT)).widget, name, 3)


def test_attributes_of_ones_own_are_set(scope, open_page):
    class Marked(gs.CircuitGraph):
        text = ""

        def __init__(self, *given, mark, max_features=9):
            super().__init__(*given, max_features=max_features)
            self.mark = mark
            self.kept = None

    widget = open_page(Marked(scope, TEXT, mark="mine")).widget
    widget.text, widget.kept, widget.my_notes, widget._text2 = "a", [1], {"a": 1}, 5
    widget.layout.width = "400px"
    widget.prompt = "The bird sang"
    assert (widget.text, widget.mark, widget.kept, widget.my_notes) == ("a", "mine", [1], {"a": 1})
