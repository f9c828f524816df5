"""Every widget of the catalogue in a notebook, each in a state that shows what it does, to be looked at."""

from playwright.sync_api import expect

from gscope_widgets.widgets.catalogue import CATALOGUE, Row
from tests.browser.lab import Notebook

THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
TITLES = {row.title: row.module for row in CATALOGUE}
_SETUP = (
    'import gscope_widgets as gs\n\nscope = gs.load("mini")\n'
    'text = "The old fisherman sold two red coats in the market."\n'
    "top = [found.feature for found in scope.read(text).top(4)]"
)
# What stands behind the scope; any other widget shows the example of the catalogue.
_ARGUMENTS = {
    "TokenHeatmap": "text, features=top",
    "FeatureSliders": "text[:26], features=top[:3]",
    "SteeringPanel": "text[:17], features=top[:2], strength=0.5, max_new_tokens=60",
    "DoseSweep": "'She said', ref=scope.find('language:french')[0].ref, measure=['il', 'elle', 'est'], samples=4, max_new_tokens=15",
    "LogitLens": "text",
    "AttentionView": "'Isak learned these words by heart: Tilda, hens, carrot, pelicans, sledge, butchers. A smell of loaves "
    "and cinnamon came from the farmhouse. The wind came down over Sandhythe. There was gentle thunder on the road to "
    "Rosemarket and the wharf was empty. Juna wrote them down: Tilda, hens, carrot,', layer=5, score='induction', "
    "leaves_first_out=True",
    "FeatureCard": "scope.find('language:french')[0].ref, text='Le vieux pêcheur est fatigué.'",
    "FeatureFinder": "text",
    "PromptContrast": "text, text.replace('fisherman', 'baker')",
    "DictionaryCompare": "text, [{}, {'width': '4k'}, {'layer': 5}]",
    "CircuitGraph": "'The title borne by the ruler of the region in which Hestad lies is', pinned=['0_96_14', '1_121_14', "
    "'4_121_14', '6_389_14', '7_304_14'], groups={'is': ['0_96_14', '1_121_14']}, selected_node='4_121_14'",
    "Predict": "'At which token is the strongest feature of this text largest?', gs.truths.peak(top[0], text), "
    "tokens_of=text, name='ex1', answer=[2], hints=['It is a noun.', 'Look at the end.', 'The heatmap shows it.']",
    "NameFeature": "scope.find('language:french')[0].ref, name='ex2', answer=['le', 'une'], hints=['Read them aloud.'], "
    "snippets=['Le vieux pêcheur est fatigué.', 'Elle a vendu son manteau.', 'Une pomme rouge.', 'Il est au marché.', "
    "'The old fisherman is tired.', 'She sold her coat.', 'A red apple.', 'He is at the market.', 'Add 5 g of salt.']",
    "ReachGoal": "'She said', ['il', 'elle', 'est', 'le', 'la', 'un'], name='ex3', seeds=range(4), max_new_tokens=12, "
    "answer=[gs.add(scope.find('language:french')[0].ref, 0.4)], hints=['Look for a feature of the language.']",
    "Quiz": "'Two questions on what was seen.', [gs.Question('What is a feature?', gs.seal('a direction that a dictionary "
    "learnt'), choices=('a neuron', 'a direction that a dictionary learnt', 'a word'), wrong={'a neuron': 'A neuron is "
    "one axis of a layer; a dictionary has directions of its own.'}), gs.Question('How many tokens has the text?', "
    "gs.truths.count_tokens(text), tolerance=0, wrong={'10': '10 leaves the first one out.'})], name='ex4', "
    "answer=['a neuron', 12], hints=['The first token counts.']",
    "Workbench": "text, features=top[:3]",
}


def write_cells() -> list[str]:
    """The cells of the notebook; each widget stands in a variable of its module's name."""
    return [_SETUP, *(f"{row.module} = {_write_call(row)}\n{row.module}" for row in CATALOGUE)]


def _write_call(row: Row) -> str:
    return f"gs.{row.name}(scope, {_ARGUMENTS[row.name]})" if row.name in _ARGUMENTS else row.write_call()


def use_widgets(notebook: Notebook) -> None:
    """Bring each widget into a state that shows what it does."""
    for title in ("Token heatmap", "Workbench"):
        notebook.widget(title).locator(".gscope-token").nth(4).click()
    sliders = notebook.widget("Feature sliders")
    first = sliders.get_by_role("slider").first
    first.scroll_into_view_if_needed()
    first.focus()
    notebook.page.keyboard.press("End")
    sliders.locator(".gscope-row").nth(1).locator("select").first.select_option("ablate")
    sliders.get_by_role("switch").nth(1).check()
    expect(sliders.get_by_text("updating…")).to_be_hidden()
    lens = notebook.widget("Logit lens")
    lens.locator("[data-row='5'][data-pos='4']").click()
    for number in range(2):
        lens.get_by_role("button", name="pin").nth(number).click()
    sweep = notebook.widget("Dose sweep")
    sweep.get_by_role("button", name="Start", exact=True).click()
    notebook.wait_for("dose_sweep.status['state']", "idle")
    sweep.get_by_role("listbox", name="Strengths").get_by_role("option").last.click()
    for title, state in (("Steering panel", "steering_panel"), ("Workbench", "workbench.steering")):
        notebook.widget(title).get_by_role("button", name="Start", exact=True).click()
        notebook.wait_for(f"{state}.status['state']", "idle")


def show_errors(notebook: Notebook) -> None:
    """Bring each widget that takes a text into a state that shows an error."""
    for row in (row for row in CATALOGUE if row.text):
        field = notebook.widget(row.title).get_by_role("textbox", name=str(row.text).capitalize(), exact=True).first
        field.fill("word " * 100_000)
        field.press("Control+Enter")
        expect(notebook.widget(row.title).get_by_role("alert").filter(visible=True).first).to_be_visible()


def show_theme(notebook: Notebook, theme: str) -> None:
    """Choose JupyterLab's theme, and return when every widget has taken it on."""
    notebook.command("apputils:change-theme", theme=THEMES[theme])
    expect(notebook.page.locator(f'body[data-jp-theme-light="{str(theme == "light").lower()}"]')).to_be_attached()
    for title in TITLES:
        expect(notebook.widget(title)).to_have_attribute("data-theme", theme)
