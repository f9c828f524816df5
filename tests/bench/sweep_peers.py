"""SAEDashboard and delphi, each in a process of its own and in an environment of theirs: JSON in, JSON out.

`python tests/bench/sweep_peers.py`, with nothing of ours on its path.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from transformers import Gemma3ForCausalLM


def read_status(name: str) -> float:
    """A line of /proc/self/status in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError(f"/proc/self/status has no {name}")


def open_model(folder: str) -> Gemma3ForCausalLM:
    """The same weights as ours."""
    return Gemma3ForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def run_dashboard(asked: dict, ids: torch.Tensor) -> dict:
    """Panels of the first features, by SAEDashboard's own runner."""
    from sae_dashboard.sae_vis_data import SaeVisConfig
    from sae_dashboard.sae_vis_runner import SaeVisRunner
    from sae_lens.saes.jumprelu_sae import JumpReLUSAE, JumpReLUSAEConfig

    plain = open_model(asked["model"])
    held = load_file(Path(asked["dictionary"]) / "params.safetensors")
    d_in, width = held["w_enc"].shape
    name = f"blocks.{asked['layer']}.hook_resid_post"
    sae = JumpReLUSAE(JumpReLUSAEConfig(d_in=d_in, d_sae=width, dtype="float32", device="cpu"))
    names = {"w_enc": "W_enc", "w_dec": "W_dec", "b_enc": "b_enc", "b_dec": "b_dec", "threshold": "threshold"}
    sae.load_state_dict({theirs: held[key] for key, theirs in names.items()})

    class Hooked:
        """What SAEDashboard asks of a TransformerLens model, answered by transformers' own."""

        def __init__(self):
            self.hook_dict = {name: type("Hook", (), {"ctx": {}})()}
            gain = 1 + plain.model.norm.weight
            self.W_U = (plain.lm_head.weight * gain).T.detach()

        def run_with_hooks(self, tokens, stop_at_layer, fwd_hooks):
            class Ended(Exception):
                pass

            def keep(_module, _inputs, output):
                activation = output[0] if isinstance(output, tuple) else output
                for point, hook in fwd_hooks:
                    hook(activation, self.hook_dict[point])
                raise Ended

            handle = plain.model.layers[stop_at_layer - 1].register_forward_hook(keep)
            try:
                plain.model(input_ids=tokens, use_cache=False)
            except Ended:
                pass
            finally:
                handle.remove()

    features = list(range(asked["features"]))
    config = SaeVisConfig(
        hook_point=name,
        features=features,
        minibatch_size_features=128,
        minibatch_size_tokens=asked["batch_rows"],
        ignore_positions=[0],
        device="cpu",
        dtype="float32",
    )
    model = Hooked()
    began = time.perf_counter()
    data = SaeVisRunner(config).run(encoder=sae, model=model, tokens=ids)
    seconds = time.perf_counter() - began
    found = data.feature_data_dict
    histograms = [found[feature].acts_histogram_data for feature in features]
    return {
        "seconds": seconds,
        "panels": {
            "max": [2 * one.bar_values[-1] - (one.bar_values[-1] + one.bar_values[-2]) / 2 for one in histograms],
            "fired": [int(sum(one.bar_heights)) for one in histograms],
            "promoted": [found[feature].logits_table_data.top_logits for feature in features],
            "suppressed": [found[feature].logits_table_data.bottom_logits for feature in features],
        },
    }


def run_delphi(asked: dict, ids: torch.Tensor) -> dict:
    """delphi's own cache and its splits on the disk; the k strongest of each feature by a plain sort of each split."""
    import tempfile

    from delphi.latents.cache import LatentCache
    from safetensors.numpy import load_file as load_arrays

    plain = open_model(asked["model"])
    held = load_file(Path(asked["dictionary"]) / "params.safetensors")
    width = held["w_enc"].shape[1]

    def encode(x: torch.Tensor) -> torch.Tensor:
        pre = x @ held["w_enc"] + held["b_enc"]
        return pre * (pre > held["threshold"])

    before = read_status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    began = time.perf_counter()
    # As its pipeline does: the whole model runs, its head too, unless the caller loads it without one.
    cache = LatentCache(plain.model, {f"layers.{asked['layer']}": encode}, batch_size=asked["batch_rows"])
    cache.run(ids.numel(), ids)
    with tempfile.TemporaryDirectory() as folder:
        cache.save_splits(n_splits=5, save_dir=Path(folder), save_tokens=False)
        cached = time.perf_counter() - began
        peak = read_status("VmHWM") - before
        strongest = {}
        for path in sorted(Path(folder).rglob("*.safetensors")):
            first = int(path.stem.split("_")[0])
            arrays = load_arrays(path)
            features = arrays["locations"][:, 2].astype(np.int64) + first
            values = arrays["activations"].astype(np.float32)
            values[arrays["locations"][:, 1] == 0] = 0
            order = np.lexsort((-values, features))
            starts = np.searchsorted(features[order], np.arange(width + 1))
            for feature in range(width):
                own = values[order[starts[feature] : min(starts[feature] + 20, starts[feature + 1])]]
                if len(own):
                    strongest[feature] = float(own[0])
    return {
        "seconds": time.perf_counter() - began,
        "cached_seconds": cached,
        "peak_mb": peak,
        "max": [strongest.get(feature, 0.0) for feature in range(asked["features"])],
        "firings": int(next(iter(cache.cache.latent_activations.values())).numel()),
    }


def main() -> None:
    asked = json.load(sys.stdin)
    torch.set_num_threads(asked["threads"])
    ids = torch.from_numpy(np.load(asked["rows"])[: asked["count"]].astype(np.int64))
    with torch.inference_mode():
        found = {"dashboard": run_dashboard, "delphi": run_delphi}[asked["task"]](asked, ids)
    print("\n" + json.dumps(found))


if __name__ == "__main__":
    main()
