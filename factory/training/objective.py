"""What training asks of a dictionary: rebuild the targets from few features, none of them firing everywhere."""

import torch
from torch.nn import functional

# Width of the window around a threshold in which its gradient is estimated, in units of the
# scaled activations (Rajamanoharan et al. 2024, Jumping Ahead).
WINDOW = 0.3
# No feature is to fire on more than a tenth of the tokens (Gemma Scope 2 technical paper).
MAX_DENSITY = 0.1
DENSITY_WEIGHT = 0.1


class DictionaryModule(torch.nn.Module):
    """A dictionary in training: `members` encoders, each writing to its own output and all later ones.

    An SAE or a transcoder has one member; a crosscoder or cross-layer transcoder one a layer.
    Inputs and targets have a mean norm of sqrt(d), in the coordinates of training.
    """

    def __init__(self, w_enc, b_enc, log_threshold, w_dec, b_dec, affine):
        """Lists by member: w_enc [d_in, F_l], b_enc [F_l], log_threshold [F_l], w_dec [F_l, outputs, d_out],
        where outputs count from the member's own; by output: b_dec [d_out], affine [d_in, d_out] or empty."""
        super().__init__()
        for name, tensors in (
            ("w_enc", w_enc),
            ("b_enc", b_enc),
            ("log_threshold", log_threshold),
            ("w_dec", w_dec),
            ("b_dec", b_dec),
            ("affine", affine),
        ):
            setattr(self, name, torch.nn.ParameterList([tensor.contiguous() for tensor in tensors]))

    @torch.no_grad()
    def normalize_decoder(self) -> None:
        """Give each feature's decoder, over all its outputs, unit norm."""
        for w_dec in self.w_dec:
            w_dec.div_(w_dec.flatten(1).norm(dim=1)[:, None, None])


def measure_loss(module: DictionaryModule, inputs, targets, variances, *, prefixes, l0: float):
    """The training loss on one batch.

    FVU in the coordinates of training, averaged over outputs and Matryoshka prefixes, plus (L0 / target - 1)^2, plus
    a penalty on features that fire on more than a tenth of the tokens. Matrix products are in bfloat16, sums in
    float32.

    Thresholds learn by straight-through estimates. With H the step and a feature's activation z = pre H(pre - t),

        dz / dt = -t delta(pre - t)   and   d E[H(pre - t)] / dt = -E[delta(pre - t)]

    are zero nearly everywhere; the delta is replaced by a rectangle of height 1 / WINDOW and width WINDOW around t.
    `slope` carries that into the graph: its value is 0 and its derivative by t is -1 / WINDOW.

    Args:
        inputs: [batch, d_in] by member, in the coordinates of training.
        targets: [batch, d_out] by output, in theirs.
        variances: total squared deviation of each target over a batch of this size.
        prefixes: how many of each member's features must do alone; the last is all of them.
        l0: features a token to aim for, over all members.

    Returns:
        The loss; L0; how often each feature fired, [F_l] by member; errors, [batch, d_out] by output.
    """
    outputs = len(targets)
    activations, fired, mean_l0, too_frequent = [], [], 0.0, 0.0
    for member, x in enumerate(inputs):
        threshold = module.log_threshold[member].exp()
        pre = (x.bfloat16() @ module.w_enc[member].bfloat16()).float() + module.b_enc[member]
        gate = (pre > threshold).float()
        near = ((pre - threshold).abs() < WINDOW / 2).float()
        slope = (threshold.detach() - threshold) / WINDOW
        activations.append((pre * gate + near * (threshold.detach() * slope)).bfloat16())
        density = gate.mean(0) + near.mean(0) * slope
        mean_l0 = mean_l0 + density.sum()
        too_frequent = too_frequent + functional.relu(density / MAX_DENSITY - 1).square().sum()
        fired.append(gate.sum(0).detach())
    affine = len(module.affine)
    rebuilt = [b_dec + (inputs[j] @ module.affine[j] if affine else 0) for j, b_dec in enumerate(module.b_dec)]
    # Prefix by prefix, each on top of what the one before it has rebuilt.
    fvu, first = 0.0, 0
    for prefix in prefixes:
        for member, z in enumerate(activations):
            w_dec = module.w_dec[member][first:prefix]
            written = (z[:, first:prefix] @ w_dec.flatten(1).bfloat16()).float()
            written = written.unflatten(1, w_dec.shape[1:])
            for j in range(member, outputs):
                rebuilt[j] = rebuilt[j] + written[:, j - member]
        errors = [target - guess for target, guess in zip(targets, rebuilt, strict=True)]
        shares = [error.square().sum() / total for error, total in zip(errors, variances, strict=True)]
        fvu = fvu + sum(shares) / outputs
        first = prefix
    loss = fvu / len(prefixes) + (mean_l0 / l0 - 1).square() + DENSITY_WEIGHT * too_frequent
    return loss, mean_l0, fired, errors
