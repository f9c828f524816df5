"""How far settings reach: written once, here, and read by the page from `js/contract.json`."""

from gscope_widgets.records.dashboards import CONTEXT_SIZES
from gscope_widgets.records.doses import MAX_STRENGTHS, MIN_STRENGTHS, STRENGTHS
from gscope_widgets.records.interventions import COHERENT_FRACTION, MAX_FACTOR, MAX_FRACTION, MAX_RAW
from gscope_widgets.records.rows import MAX_SAMPLES, MIN_SAMPLES

PAINTED_FEATURES = 4  # of a heatmap: one fills the token, three draw bars under it; more cannot be told apart
TOP_PER_TOKEN = 8  # features listed for a token
CONTROLS = 3  # random directions beside every change
SHOWN_TOKENS = 10  # of a next-token distribution, of either run
FOUND_FEATURES = 50  # rows of a finder, at most
FOUND_TEXTS = 1000  # of either set that a finder searches by
QUERY_LENGTH = 200  # characters of a part of a label
LENS_ROWS = 20  # layers that a lens shows at first, at most
LENS_TOP = 5  # likeliest tokens kept of a cell
CHANGES = 64  # of one widget
PRESETS = 50  # of one widget
PRESET_NAME = 60  # characters
PAINTED_TOKENS = 2000  # of a text, that ranges are painted on
ALTERNATIVES = 5  # likeliest tokens told beside a token that was made
COMPARED_SAMPLES = 32  # of each row of a panel, in one batch
PINNED_TOKENS = 6  # whose paths are drawn
ATTENDED = 5  # tokens and heads listed of attention
CARD_EXAMPLES = 10  # the strongest, of a feature's card
CONTRASTED = 20  # features of two whole texts that are listed as differing, as shared, and as kept, at most
CONTRASTED_HERE = 8  # of one column
COMPARED = 6  # dictionaries to choose from
MATCHES = 2000  # told of a text; more are of dictionaries of millions of features
MATCHES_LISTED = 50  # shown at once
MEMBERS_LISTED = 5  # features of either side of a match that are named in the list
MATCHED_HERE = 8  # features of either dictionary whose matches are listed for a token
DRAWN_NODES = 5000  # of a graph
DRAWN_EDGES = 20_000  # the heaviest
NODE_LABEL = 120  # characters of a label, and of where it comes from, told of a node; a card has all of it
LABEL_BYTES = 350_000  # of all labels told of a graph, the most influential nodes' first
LISTED_HEADS = 12  # of an edge, the strongest
PINNED_NODES = 100
GROUPS = 50
GROUP_LABEL = 60  # characters
COPIED_NODES = 60  # of a graph, the most influential, that a static copy lists
COPIED_TOKENS = 2000  # of a text, that a static copy lists
LABELLED_FEATURES = 2000  # of a text, the strongest, that come with their labels
PIECE_BYTES = 900_000  # of one message's numbers; hosts drop what is far larger
MOVES_A_SECOND = 6  # that a page sends while a hand drags; each is answered by up to five messages, hosts drop floods
MAX_NEW_TOKENS = 512  # of a continuation
MAX_TEMPERATURE = 2
MIN_TEMPERATURE = 0.01  # of samples that are to differ
MAX_SEED = 2**31 - 1
MAX_POS = 10_000_000  # far past any context

LIMITS = {
    "painted_features": PAINTED_FEATURES,
    "top_per_token": TOP_PER_TOKEN,
    "shown_tokens": SHOWN_TOKENS,
    "found_texts": FOUND_TEXTS,
    "query_length": QUERY_LENGTH,
    "changes": CHANGES,
    "presets": PRESETS,
    "preset_name": PRESET_NAME,
    "compared_samples": COMPARED_SAMPLES,
    "pinned_tokens": PINNED_TOKENS,
    "attended": ATTENDED,
    "contexts": {name: list(size) for name, size in CONTEXT_SIZES.items()},
    "contrasted": CONTRASTED,
    "matches_listed": MATCHES_LISTED,
    "members_listed": MEMBERS_LISTED,
    "pinned_nodes": PINNED_NODES,
    "groups": GROUPS,
    "group_label": GROUP_LABEL,
    "moves_a_second": MOVES_A_SECOND,
    "max_new_tokens": MAX_NEW_TOKENS,
    "max_temperature": MAX_TEMPERATURE,
    "min_temperature": MIN_TEMPERATURE,
    "doses": [MIN_STRENGTHS, MAX_STRENGTHS],
    "dose_samples": [MIN_SAMPLES, MAX_SAMPLES],
    "dose_shape": [strength for strength in STRENGTHS if strength > 0],
    "max_seed": MAX_SEED,
    "max_strength": MAX_FRACTION,
    "coherent_strength": COHERENT_FRACTION,
    "max_clamp": MAX_RAW,
    "max_scale": MAX_FACTOR,
}
