"""Train one dictionary of any kind: SAE, transcoder, crosscoder or cross-layer transcoder."""

import math
import os
import time
from dataclasses import asdict, dataclass

import torch
from torch.nn import functional

from factory.training.objective import DictionaryModule, measure_loss
from factory.training.places import Place

SAMPLE = 20_000  # tokens from which scales, means and the first features are taken
INITIAL_ENCODER_NORM = 0.3  # small, so that the first reconstructions are
THRESHOLD_RATE_FACTOR = 5.0  # thresholds are learnt as logarithms and need larger steps than matrices
# A feature that never fires, and whose pre-activation never comes near its threshold, has no gradient.
# After INACTIVE_STEPS such steps its threshold falls by THRESHOLD_DECREMENT of its logarithm, again and again.
INACTIVE_STEPS = 25
THRESHOLD_DECREMENT = 0.15
LEAST_EIGENVALUE = 1e-6  # of the largest, in whitening: smaller ones count as so large
RESAMPLINGS = 5  # times in training at which dead features are set anew, towards what is badly rebuilt


@dataclass(frozen=True)
class DictionaryRecipe:
    """Everything that decides a dictionary, besides the activations."""

    kind: str  # sae, transcoder, crosscoder or clt, as in config.json
    folder: str  # site and folder name, as published
    inputs: tuple[Place, ...]  # one a member
    targets: tuple[Place, ...]  # one an output; the same as inputs but for transcoders
    features: int  # a member
    l0: int  # features a token, over all members
    prefixes: tuple[int, ...]  # Matryoshka: each must rebuild the targets alone; the last is all features
    affine: bool = False
    whitening: float = 0.5  # 0: every direction as it is; 1: all directions alike; see `Coordinates`
    steps: int = 1000
    tokens_a_step: int = 2048
    rate: float = 4e-3
    seed: int = 0


@dataclass(frozen=True)
class Coordinates:
    """Between activations of one place and those that training sees: a row vector times a matrix.

    Training sees x M^(-whitening / 2), where M is the mean of x x^T, and then scaled to a mean norm of sqrt(d).
    Without whitening that is Gemma Scope 2's one number a layer. With it, directions in which activations are small
    weigh more in the loss than they do in FVU.
    """

    into: torch.Tensor  # float32, [d, d]
    back: torch.Tensor  # float32, [d, d]; the inverse
    scale: float  # sqrt(d) over the mean norm of the activations themselves


def train_dictionary(
    activations: dict[Place, torch.Tensor], *, recipe: DictionaryRecipe, start: list[dict[str, torch.Tensor]] = ()
) -> tuple[list[dict[str, torch.Tensor]], dict]:
    """Fit a JumpReLU dictionary with one learnt threshold a feature.

    As in Gemma Scope 2: straight-through thresholds, quadratic L0 and frequency penalties, Matryoshka
    prefixes, and activations in other `Coordinates`, which the export takes back out.

    Args:
        activations: bfloat16, [tokens, d] for each place that the recipe names.
        start: tensors of a trained dictionary of the same shapes to go on from; none starts afresh.

    Returns:
        The published tensors in float32, one dict a member, and the record of the run.
    """
    torch.manual_seed(recipe.seed)
    generator = torch.Generator().manual_seed(recipe.seed)
    inputs = [activations[place] for place in recipe.inputs]
    targets = [activations[place] for place in recipe.targets]
    sample = torch.randint(len(inputs[0]), (SAMPLE,), generator=generator)
    read = [find_coordinates(x[sample], whitening=recipe.whitening) for x in inputs]
    itself = recipe.inputs == recipe.targets
    written = read if itself else [find_coordinates(y[sample], whitening=recipe.whitening) for y in targets]
    sampled = _pick(inputs, sample, read)
    aims = sampled if itself else _pick(targets, sample, written)
    means = [x.mean(0) for x in sampled]
    module = import_tensors(start, read, written) if start else _initialize(recipe, sampled, aims, generator)
    variances = [float((aim - aim.mean(0)).square().sum(1).mean()) * recipe.tokens_a_step for aim in aims]
    optimizer = _build_optimizer(module, recipe)
    loss_of = _compile_loss()
    dead = [torch.ones(recipe.features, dtype=torch.bool) for _ in inputs]
    inactive = [torch.zeros(recipe.features) for _ in inputs]
    resample_every = max(INACTIVE_STEPS, recipe.steps // (RESAMPLINGS + 3))
    batches = _draw_batches(len(inputs[0]), recipe, generator)
    started = time.time()
    for step, index in enumerate(batches):
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * min(1, (step + 1) / 100, (recipe.steps - step) / (0.3 * recipe.steps))
        batch = _pick(inputs, index, read)
        aim = batch if itself else _pick(targets, index, written)
        loss, l0, fired, errors = loss_of(module, batch, aim, variances, prefixes=recipe.prefixes, l0=recipe.l0)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        module.normalize_decoder()
        dead = [one & (count == 0) for one, count in zip(dead, fired, strict=True)]
        inactive = [torch.where(count > 0, 0, steps + 1) for steps, count in zip(inactive, fired, strict=True)]
        if step % INACTIVE_STEPS == 0:
            _lower_thresholds(module, inactive)
        if step and step % resample_every == 0 and step // resample_every <= RESAMPLINGS:
            _resample_dead(module, optimizer, dead, batch, errors, means, generator)
            dead = [torch.ones_like(one) for one in dead]
        if (step + 1) % 250 == 0:
            shares = [float(e.detach().square().sum()) / v for e, v in zip(errors, variances, strict=True)]
            rate = (step + 1) * recipe.tokens_a_step / (time.time() - started)
            count = sum(int(one.sum()) for one in dead)
            print(
                f"{recipe.folder} step {step + 1}/{recipe.steps} error {sum(shares) / len(shares):.4f}"
                f" L0 {l0.item():.1f} dead {count} {rate:,.0f} tokens/s",
                flush=True,
            )
    record = {"recipe": asdict(recipe), "seconds": round(time.time() - started), "tokens": len(inputs[0])}
    return export_tensors(module, read, written), record


def _pick(activations: list[torch.Tensor], index: torch.Tensor, coordinates: list[Coordinates]) -> list[torch.Tensor]:
    return [x[index].float() @ one.into for x, one in zip(activations, coordinates, strict=True)]


def find_coordinates(values: torch.Tensor, *, whitening: float) -> Coordinates:
    """The coordinates in which a dictionary of these activations, [token, d], is trained."""
    values = values.float()
    scale = _scale(values)
    if not whitening:
        one = torch.eye(values.shape[1])
        return Coordinates(one * scale, one / scale, scale)
    moments, directions = torch.linalg.eigh((values.T @ values / len(values)).double())
    moments = moments.clamp_min(float(moments.max()) * LEAST_EIGENVALUE)
    into = ((directions * moments ** (-whitening / 2)) @ directions.T).float()
    back = ((directions * moments ** (whitening / 2)) @ directions.T).float()
    trained = _scale(values @ into)
    return Coordinates(into * trained, back / trained, scale)


def export_tensors(
    module: DictionaryModule, read: list[Coordinates], written: list[Coordinates]
) -> list[dict[str, torch.Tensor]]:
    """The published tensors of a module, float32, one dict a member: they apply to activations as they are.

    Training sees x' = x R (`Coordinates.into` of the input) and y' = y S of the target. There, with H the step,

        z' = pre' H(pre' - threshold'),  pre' = x' w_enc' + b_enc',  y' = z' w_dec' + x' affine' + b_dec',

    so that for x and y

        w_enc = R w_enc',  w_dec = w_dec' S^-1,  affine = R affine' S^-1,  b_dec = b_dec' S^-1.

    A feature's scale is free: with s > 0, (s w_enc, s b_enc, s threshold, w_dec / s) is the same dictionary.
    Here s is the norm of the feature's decoder over all its outputs, each measured against the mean norm of its
    target, relative to the first output's: with one output, the published decoder has norm 1.
    """
    members = len(module.w_enc)
    tensors = []
    for i in range(members):
        first = written[i].scale
        w_dec = torch.stack([module.w_dec[i].detach()[:, j] @ one.back for j, one in enumerate(written[i:])], 1)
        lengths = _measure_lengths(w_dec, [one.scale / first for one in written[i:]])
        w_dec = w_dec / lengths[:, None, None]
        dense = torch.cat([torch.zeros(len(w_dec), i, w_dec.shape[2]), w_dec], 1)
        member = {
            "w_enc": (read[i].into @ module.w_enc[i].detach()) * lengths,
            "b_enc": module.b_enc[i].detach() * lengths,
            "threshold": module.log_threshold[i].detach().exp() * lengths,
            "w_dec": dense if members > 1 else dense[:, 0],
            "b_dec": module.b_dec[i].detach() @ written[i].back,
        }
        if len(module.affine):
            member["affine_skip_connection"] = read[i].into @ module.affine[i].detach() @ written[i].back
        tensors.append({name: tensor.contiguous() for name, tensor in member.items()})
    return tensors


def import_tensors(
    tensors: list[dict[str, torch.Tensor]], read: list[Coordinates], written: list[Coordinates]
) -> DictionaryModule:
    """The module whose published tensors these are: the reverse of `export_tensors`."""
    columns = {name: [] for name in ("w_enc", "b_enc", "log_threshold", "w_dec", "b_dec", "affine")}
    for i, member in enumerate(tensors):
        w_dec = member["w_dec"].float()
        w_dec = w_dec[:, i:] if w_dec.ndim == 3 else w_dec[:, None]
        w_dec = torch.stack([w_dec[:, j] @ one.into for j, one in enumerate(written[i:])], 1)
        lengths = _measure_lengths(w_dec, [1.0] * w_dec.shape[1])
        columns["w_enc"].append((read[i].back @ member["w_enc"].float()) * lengths)
        columns["b_enc"].append(member["b_enc"].float() * lengths)
        columns["log_threshold"].append((member["threshold"].float() * lengths).log())
        columns["w_dec"].append(w_dec / lengths[:, None, None])
        columns["b_dec"].append(member["b_dec"].float() @ written[i].into)
        if "affine_skip_connection" in member:
            columns["affine"].append(read[i].back @ member["affine_skip_connection"].float() @ written[i].into)
    return DictionaryModule(**columns)


def _measure_lengths(w_dec: torch.Tensor, units: list[float]) -> torch.Tensor:
    """Norm of each feature's decoder, [F, output, d], over its outputs in the given units: [F]."""
    return (w_dec * torch.tensor(units)[None, :, None]).flatten(1).norm(dim=1)


def _compile_loss():
    if os.environ.get("GSCOPE_NO_COMPILE"):
        return measure_loss
    # torch stops compiling a function after eight shapes, and every dictionary has its own.
    torch.compiler.reset()
    return torch.compile(measure_loss, dynamic=False)


def _scale(values: torch.Tensor) -> float:
    return values.shape[1] ** 0.5 / float(values.float().norm(dim=1).mean())


def _initialize(recipe: DictionaryRecipe, inputs, targets, generator) -> DictionaryModule:
    """Features that begin as directions of single tokens, and the affine map that fits best without them.

    Encoders are centred inputs of random tokens, decoders what the affine map leaves of the same tokens' targets.
    One threshold for all of a member, at the quantile at which one and a half times the wanted L0 fires.
    """
    affine, b_dec = [], []
    for x, y in zip(inputs, targets, strict=True):
        matrix = _ridge(x - x.mean(0), y - y.mean(0)) if recipe.affine else torch.zeros(x.shape[1], y.shape[1])
        affine.append(matrix)
        b_dec.append(y.mean(0) - x.mean(0) @ matrix)
    errors = [y - x @ a - b for x, y, a, b in zip(inputs, targets, affine, b_dec, strict=True)]
    columns = {"w_enc": [], "b_enc": [], "log_threshold": [], "w_dec": []}
    share = min(0.5, 1.5 * recipe.l0 / (recipe.features * len(inputs)))
    for i, x in enumerate(inputs):
        rows = torch.randint(len(x), (recipe.features,), generator=generator)
        encoder = INITIAL_ENCODER_NORM * functional.normalize(x[rows] - x.mean(0), dim=1)
        bias = -(encoder @ x.mean(0))
        pre = x[:1024] @ encoder.T + bias
        cut = max(0.05, float(torch.quantile(pre.flatten()[: 1 << 20], 1 - share)))
        columns["w_enc"].append(encoder.T)
        columns["b_enc"].append(bias)
        columns["log_threshold"].append(torch.full((recipe.features,), math.log(cut)))
        columns["w_dec"].append(torch.stack([error[rows] for error in errors[i:]], 1))
    module = DictionaryModule(**columns, b_dec=b_dec, affine=affine if recipe.affine else [])
    module.normalize_decoder()
    return module


def _ridge(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The matrix of a ridge regression of y on x, [d_in, d_out]; x has a mean square of about 1."""
    return torch.linalg.solve(x.T @ x + 0.01 * len(x) * torch.eye(x.shape[1]), x.T @ y)


def _build_optimizer(module: DictionaryModule, recipe: DictionaryRecipe) -> torch.optim.Optimizer:
    thresholds = list(module.log_threshold.parameters())
    known = {id(parameter) for parameter in thresholds}
    others = [parameter for parameter in module.parameters() if id(parameter) not in known]
    groups = [
        {"params": others, "peak": recipe.rate},
        {"params": thresholds, "peak": recipe.rate * THRESHOLD_RATE_FACTOR},
    ]
    return torch.optim.Adam(groups, lr=recipe.rate, betas=(0.9, 0.99))


def _draw_batches(tokens: int, recipe: DictionaryRecipe, generator):
    order = torch.randperm(tokens, generator=generator)
    at = 0
    for _ in range(recipe.steps):
        if at + recipe.tokens_a_step > tokens:
            order, at = torch.randperm(tokens, generator=generator), 0
        yield order[at : at + recipe.tokens_a_step]
        at += recipe.tokens_a_step


@torch.no_grad()
def _lower_thresholds(module: DictionaryModule, inactive: list[torch.Tensor]) -> None:
    for log_threshold, steps in zip(module.log_threshold, inactive, strict=True):
        log_threshold.sub_(THRESHOLD_DECREMENT * (steps >= INACTIVE_STEPS))


@torch.no_grad()
def _resample_dead(module: DictionaryModule, optimizer, dead, batch, errors, means, generator) -> None:
    """Set features anew that have not fired since the last resampling (after Bricken et al. 2023).

    Each is given a token, sampled in proportion to its squared error: the decoder becomes the direction of the
    error there, the encoder that of the input less its mean, as long as the median encoder of live features, and
    the threshold the live features' median. Adam forgets what it knew of them.

    Args:
        dead: bool, [F_l] by member; a member in which all features or none are dead is left as it is.
        batch: inputs, [batch, d_in] by member; errors: [batch, d_out] by output; means: of inputs, [d_in].
    """
    for i, mask in enumerate(dead):
        chosen = mask.nonzero().flatten()
        if not len(chosen) or len(chosen) == len(mask):
            continue
        squared_error = sum(error.square().sum(1) for error in errors[i:])
        replacement = len(chosen) > len(squared_error)
        rows = torch.multinomial(squared_error, len(chosen), replacement=replacement, generator=generator)
        written = torch.stack([error[rows] for error in errors[i:]], 1)
        live_norm = module.w_enc[i][:, ~mask].norm(dim=0).median()
        encoder = live_norm * functional.normalize(batch[i][rows] - means[i], dim=1)
        module.w_dec[i][chosen] = functional.normalize(written.flatten(1), dim=1).view_as(written)
        module.w_enc[i][:, chosen] = encoder.T
        module.b_enc[i][chosen] = -(encoder @ means[i])
        module.log_threshold[i][chosen] = module.log_threshold[i][~mask].median()
        for parameter, where in (
            (module.w_dec[i], chosen),
            (module.w_enc[i], (slice(None), chosen)),
            (module.b_enc[i], chosen),
            (module.log_threshold[i], chosen),
        ):
            for moment in ("exp_avg", "exp_avg_sq"):
                optimizer.state[parameter][moment][where] = 0
