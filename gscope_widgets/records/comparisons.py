"""One prompt continued as it is, changed, and changed at random by as much: what the change itself does."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from gscope_widgets.records.estimates import (
    INTERVAL_RULE,
    SHARE_RULE,
    Estimate,
    estimate_mean,
    estimate_perplexity,
    estimate_share,
)
from gscope_widgets.records.figures import open_figure, write_title
from gscope_widgets.records.fluency import (
    BREAKS_UP_PERPLEXITY,
    BREAKS_UP_VARIETY,
    breaks_up,
    measure_perplexity,
    measure_variety,
)
from gscope_widgets.records.frames import build_frame
from gscope_widgets.records.generation import Ending, GeneratedToken, Trace
from gscope_widgets.records.interventions import Intervention
from gscope_widgets.records.measures import share_of_words
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.records.tokens import Tokens

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

Kind = Literal["baseline", "changed", "random"]
_STYLES: dict[Kind, tuple[str, str]] = {"baseline": ("C7", "s"), "changed": ("C0", "o"), "random": ("C1", "x")}


@dataclass(frozen=True, eq=False)
class ComparedText:
    """One continuation, and what the unchanged model makes of it."""

    name: str  # "baseline", "changed", "random 0", "random 1", ...
    kind: Kind
    seed: int  # that its tokens were drawn with
    interventions: tuple[Intervention, ...]
    tokens: tuple[GeneratedToken, ...]  # the last one's text may be held back where generation broke off in a character
    ended: Ending
    baseline_logprobs: np.ndarray  # float32, [generated], nats: of each token under the unchanged model
    kl: np.ndarray  # float32, [generated], nats: of the changed from the baseline next-token distribution, on this text
    trace: Trace | None = None  # of the features that were asked for, as this row's own run read them

    @property
    def text(self) -> str:
        """What was generated."""
        return "".join(token.text for token in self.tokens)

    @property
    def perplexity(self) -> float:
        """exp of the generated tokens' mean negative log probability under the unchanged model; NaN of none."""
        return measure_perplexity(self.baseline_logprobs)

    @property
    def variety(self) -> float:
        """Different tokens over tokens, 0 to 1; NaN of none."""
        return measure_variety([token.id for token in self.tokens])

    @property
    def mean_kl(self) -> float:
        """Mean of `kl` over the generated tokens, nats; NaN of none."""
        return float(self.kl.mean()) if len(self.kl) else float("nan")


@dataclass(frozen=True)
class RowSummary:
    """All samples of one row, in figures."""

    name: str  # "baseline", "changed", "random 0", ...
    samples: int
    perplexity: Estimate  # geometric mean, under the unchanged model
    kl: Estimate  # of the samples' mean KL, nats
    variety: Estimate
    share: Estimate | None  # of samples in which one of the words occurs; None where none was asked for
    breaks_up: bool  # beside the baseline; see `Comparison.rules`


@dataclass(frozen=True)
class Comparison:
    """Continuations of one prompt: baseline, changed, and changed along random directions of the same length.

    Every row is continued with every seed; rows of one seed see the same random numbers. What the changed texts do
    beyond the random ones is the doing of what was changed, and not of changing anything so much.
    """

    prompt: Tokens
    interventions: tuple[Intervention, ...]  # of the changed rows
    rows: tuple[ComparedText, ...]  # seed by seed: baseline, changed, random 0, random 1, ...
    provenance: Provenance

    def __repr__(self) -> str:
        lines = [f"<Comparison of {len(self.rows)} texts: {'; '.join(map(str, self.interventions))}"]
        lines += [
            f"  {row.name}, seed {row.seed}: perplexity {row.perplexity:.3g}, KL {row.mean_kl:.3g} nats: {row.text!r}"
            for row in self.rows
        ]
        return "\n".join(lines) + ">"

    @property
    def names(self) -> tuple[str, ...]:
        """Of the rows, each once: "baseline", "changed", "random 0", ..."""
        return tuple(dict.fromkeys(row.name for row in self.rows))

    @property
    def texts(self) -> dict[str, tuple[str, ...]]:
        """Generated texts by the name of the row, in the order of the seeds."""
        return {name: tuple(row.text for row in self.rows if row.name == name) for name in self.names}

    @property
    def seeds(self) -> tuple[int, ...]:
        """Of the samples, each once."""
        return tuple(dict.fromkeys(row.seed for row in self.rows))

    @property
    def rules(self) -> dict[str, str]:
        """How intervals and controls are made, and by what rule a text is said to break up."""
        return {
            "interval": INTERVAL_RULE,
            "share": SHARE_RULE,
            "control": "random directions of the same length at each position, others for every seed",
            "breaks up": (
                f"perplexity under the unchanged model is over {BREAKS_UP_PERPLEXITY:g} times the baseline's, or the "
                f"share of different tokens is under {BREAKS_UP_VARIETY:g} times the baseline's"
            ),
        }

    def summarize(self, words: Sequence[str] = ()) -> tuple[RowSummary, ...]:
        """Each row over all its samples, with intervals.

        Args:
            words: counted in the generated texts: the share of samples in which one of them occurs, as a whole word,
                upper and lower case alike.
        """
        before = self.prompt.text
        found: dict[str, RowSummary] = {}
        for name in self.names:
            rows = [row for row in self.rows if row.name == name]
            perplexity = estimate_perplexity([row.perplexity for row in rows])
            variety = estimate_mean([row.variety for row in rows])
            beside = found.get("baseline")
            hits = sum(share_of_words(row.text, words, before=before) > 0 for row in rows)
            found[name] = RowSummary(
                name,
                len(rows),
                perplexity,
                estimate_mean([row.mean_kl for row in rows]),
                variety,
                estimate_share(hits, len(rows)) if words else None,
                beside is not None
                and breaks_up(perplexity.mean, variety.mean, beside=(beside.perplexity.mean, beside.variety.mean)),
            )
        return tuple(found.values())

    def is_broken(self, row: ComparedText) -> bool:
        """Whether one text breaks up beside the baseline on the same seed; see `rules`."""
        base = next(one for one in self.rows if one.kind == "baseline" and one.seed == row.seed)
        return breaks_up(row.perplexity, row.variety, beside=(base.perplexity, base.variety))

    def to_frame(self) -> "pandas.DataFrame":
        """A pandas DataFrame, one row a generated token.

        Columns: `row`, `seed`, `step`, `id`, `token`, `logprob` (nats, under the model that drew it),
        `baseline_logprob` (nats, under the unchanged model) and `kl` (nats).
        """
        made = [(row, at, token) for row in self.rows for at, token in enumerate(row.tokens)]
        return build_frame(
            row=[row.name for row, _, _ in made],
            seed=[row.seed for row, _, _ in made],
            step=[token.step for _, _, token in made],
            id=[token.id for _, _, token in made],
            token=[token.text for _, _, token in made],
            logprob=[token.logprob for _, _, token in made],
            baseline_logprob=[float(row.baseline_logprobs[at]) for row, at, _ in made],
            kl=[float(row.kl[at]) for row, at, _ in made],
        )

    def plot(self) -> "Figure":
        """A matplotlib Figure: KL at each generated token, and each text's perplexity."""
        figure = open_figure(9, 3.2, self.provenance)
        left, right = figure.subplots(1, 2, width_ratios=(3, 1))
        for row in self.rows:
            colour, marker = _STYLES[row.kind]
            first = row.seed == self.rows[0].seed and row.name in ("changed", "random 0")
            if row.kind != "baseline":
                left.plot(row.kl, color=colour, marker=marker, markersize=3, label=row.kind if first else None)
            right.plot(self.names.index(row.name), row.perplexity, color=colour, marker=marker)
        left.set_xlabel("generated token")
        left.set_ylabel("KL from the baseline (nats)")
        left.legend()
        right.set_yscale("log")
        right.set_ylabel("perplexity, unchanged model")
        right.set_xticks(range(len(self.names)), self.names, rotation=45, ha="right")
        title = "; ".join(map(str, self.interventions))
        write_title(figure, title if len(title) < 200 else f"{title[:200]}…")
        return figure
