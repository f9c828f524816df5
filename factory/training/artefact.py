"""Dictionaries as files in the published Gemma Scope 2 layout."""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from factory.training.dictionary import DictionaryRecipe
from factory.training.places import name_point

# Published files are float32 throughout; mini halves the large ones.
HALVED = ("w_enc", "w_dec", "affine_skip_connection")


def round_tensors(members: list[dict[str, torch.Tensor]]) -> list[dict[str, torch.Tensor]]:
    """The tensors as mini ships them: large matrices in bfloat16, the rest in float32."""
    return [
        {name: tensor.to(torch.bfloat16 if name in HALVED else torch.float32) for name, tensor in member.items()}
        for member in members
    ]


def save_dictionary(
    members: list[dict[str, torch.Tensor]], *, recipe: DictionaryRecipe, mean_l0: float, model_name: str, root: Path
) -> Path:
    """Write `config.json` and the weights as published, and return their folder."""
    folder = root / recipe.folder
    folder.mkdir(parents=True, exist_ok=True)
    layers = [layer for _, layer in recipe.inputs]
    number = "{" + ("all" if recipe.kind == "clt" else ",".join(map(str, layers))) + "}"
    number = str(layers[0]) if len(layers) == 1 else number
    config = {
        "hf_hook_point_in": name_point(recipe.inputs[0][0], number),
        "hf_hook_point_out": name_point(recipe.targets[0][0], number),
        "width": recipe.features * len(layers),
        "model_name": model_name,
        "architecture": "jump_relu",
        "l0": round(mean_l0),
        "affine_connection": recipe.affine,
        "type": recipe.kind,
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    for name, member in zip(weight_files(len(layers)), members, strict=True):
        save_file(member, folder / name)
    return folder


def weight_files(members: int) -> list[str]:
    """Names of the weight files of a dictionary: one, or one a member."""
    return ["params.safetensors"] if members == 1 else [f"params_layer_{i}.safetensors" for i in range(members)]


def load_members(folder: Path) -> list[dict[str, torch.Tensor]]:
    """A saved dictionary's tensors in float32, one dict a member in order."""
    paths = sorted(folder.glob("params*.safetensors"), key=lambda path: (len(path.name), path.name))
    return [{name: tensor.float() for name, tensor in load_file(path).items()} for path in paths]


def encode(members: list[dict[str, torch.Tensor]], inputs: list[torch.Tensor]) -> list[torch.Tensor]:
    """Feature activations, [tokens, F_l] by member, of inputs as the model has them, [tokens, d_in] by member."""
    found = []
    for member, x in zip(members, inputs, strict=True):
        pre = x @ member["w_enc"] + member["b_enc"]
        found.append(pre * (pre > member["threshold"]))
    return found


def decode(
    members: list[dict[str, torch.Tensor]], activations: list[torch.Tensor], inputs: list[torch.Tensor]
) -> list[torch.Tensor]:
    """Reconstructions of the targets, [tokens, d_out] by output; inputs serve the affine term."""
    fired = dict(enumerate(activations))
    return [decode_output(members, fired, inputs[output], output=output) for output in range(len(members))]


def decode_output(
    members: list[dict[str, torch.Tensor]], activations: dict[int, torch.Tensor], x: torch.Tensor, *, output: int
) -> torch.Tensor:
    """One reconstruction, [..., d_out]: what the members up to `output` write there, its bias and affine term.

    Args:
        activations: [..., F_l] by member; those after `output` are not asked for.
        x: the input of member `output`, [..., d_in], for the affine term.
    """
    member = members[output]
    total = member["b_dec"]
    if "affine_skip_connection" in member:
        total = total + x @ member["affine_skip_connection"]
    for source in range(output + 1):
        w_dec = members[source]["w_dec"]
        total = total + activations[source] @ (w_dec if w_dec.ndim == 2 else w_dec[:, output])
    return total


def measure_fit(members, inputs: list[torch.Tensor], targets: list[torch.Tensor]) -> dict[str, float]:
    """L0 over all members and FVU averaged over outputs; float32 [tokens, d] by member and output."""
    activations = encode(members, inputs)
    rebuilt = decode(members, activations, inputs)
    shares = [
        float((y - guess).square().sum() / (y - y.mean(0)).square().sum())
        for y, guess in zip(targets, rebuilt, strict=True)
    ]
    fired = [z > 0 for z in activations]
    return {
        "l0": float(sum(one.sum(1).float().mean() for one in fired)),
        "fvu": sum(shares) / len(shares),
        "dead": int(sum((~one.any(0)).sum() for one in fired)),
        "dense": int(sum((one.float().mean(0) > 0.1).sum() for one in fired)),
    }
