"""What a dictionary's reconstruction costs the model."""

from dataclasses import dataclass, field

from gscope_widgets.records.provenance import Provenance


@dataclass(frozen=True)
class DeltaLoss:
    """Next-token loss with a reconstruction in place of the original; nats a token, means over one text."""

    dictionary_id: str
    loss: float  # of the model as it is
    replaced: float  # with the reconstruction
    ablated: float  # control: with the mean over the text instead, which carries nothing of the token
    tokens: int  # predicted
    provenance: Provenance | None = field(default=None, compare=False, repr=False)  # where a scope computed it

    def __str__(self) -> str:
        damage = "" if self.recovered is None else f", {100 * self.recovered:.0f} % of whose damage it avoids"
        return (
            f"Loss {self.loss:.3f} nats a token; with the reconstruction in place {self.replaced:.3f} "
            f"({self.delta:+.3f}); with the mean over the text in place {self.ablated:.3f}{damage}"
        )

    @property
    def delta(self) -> float:
        """The rise in loss: 0 for a perfect reconstruction."""
        return self.replaced - self.loss

    @property
    def recovered(self) -> float | None:
        """The share of the ablation's damage that the reconstruction avoids: 1 is perfect, 0 as bad as the mean."""
        damage = self.ablated - self.loss
        return 1 - self.delta / damage if damage > 0 else None
