"""The same published files through SAELens' own Gemma Scope 2 loader and through ours: `python -m tests.bench.parity`.

Both fetch from a Hub on this machine. Exits 1 where activations or reconstructions differ by more than rounding.
So do the files that SAELens writes: what it trains, of each architecture, and those dictionaries saved again by it.
What sparsify writes is to be refused.
SAELens lists no crosscoders and no cross-layer transcoders; those are compared with NumPy in tests/runtime.
The numbers agree; what a transcoder reads does not: SAELens names `hook_mlp_in`, in TransformerLens the residual
stream before the norm, where config.json and our runtime mean the norm's output.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.saved import compare_saved, compare_saved_again, refuse_sparsify
from tests.hub.published import write_scope_repository
from tests.hub.server import HubServer

NAME = "google/gemma-scope-2-1b-pt"
# Folder -> release and id by which SAELens knows it.
FOLDERS = {
    "resid_post/layer_13_width_16k_l0_medium": ("res", "layer_13_width_16k_l0_medium"),
    "attn_out/layer_13_width_16k_l0_medium": ("att", "layer_13_width_16k_l0_medium"),
    "mlp_out/layer_13_width_16k_l0_medium": ("mlp", "layer_13_width_16k_l0_medium"),
    "transcoder/layer_13_width_16k_l0_small": ("transcoders", "transcoder/layer_13_width_16k_l0_small"),
    "transcoder/layer_13_width_16k_l0_small_affine": ("transcoders", "transcoder/layer_13_width_16k_l0_small_affine"),
}
TOKENS, LOUD = 64, 30.0  # inputs so large that many features fire
ROUNDING = 1e-5  # of the largest value


def main() -> int:
    """Serve the folders and compare in a process that knows this Hub alone, since clients read it when imported."""
    with tempfile.TemporaryDirectory() as folder, HubServer(Path(folder) / "hub") as server:
        write_scope_repository(server.folder, "1b", "pt", folders=FOLDERS, listed=False)
        command = [sys.executable, "-m", "tests.bench.parity", "compare"]
        return subprocess.run(command, env=os.environ | server.environment(), check=False).returncode


def compare() -> int:
    import numpy as np
    import torch
    from sae_lens import SAE

    from gscope_widgets.runtime.dictionaries.catalogue import describe_dictionary
    from gscope_widgets.runtime.dictionaries.folders import HubFolder
    from gscope_widgets.runtime.dictionaries.jumprelu import JumpReLU
    from gscope_widgets.runtime.hub.repository import Repository

    repository = Repository(NAME)
    files = repository.files()
    worst = compare_saved()
    refuse_sparsify()
    for folder, (release, name) in FOLDERS.items():
        own = {path.rpartition("/")[2]: file for path, file in files.items() if path.startswith(f"{folder}/")}
        ours = HubFolder(own, repository=repository)
        dictionary = JumpReLU(ours, info=describe_dictionary(ours))
        peer = SAE.from_pretrained(f"gemma-scope-2-1b-pt-{release}", name, device="cpu")
        x = LOUD * torch.randn(TOKENS, dictionary.d_in, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            activations = peer.encode(x).numpy()
            rebuilt = (peer(x) if dictionary.info.affine else peer.decode(peer.encode(x))).numpy()
        found = dictionary.encode(x.numpy())
        apart = [
            float(np.abs(one - other).max() / np.abs(other).max())
            for one, other in ((found.to_dense(), activations), (dictionary.decode(found, x=x.numpy()), rebuilt))
        ]
        worst = max(worst, *apart, compare_saved_again(peer, dictionary, x)) if len(found.features) else np.inf
        print(
            f"{folder}: {type(peer).__name__}, {len(found.features)} firings, relative {apart[0]:.1e}, {apart[1]:.1e}"
        )
    return int(worst > ROUNDING)


if __name__ == "__main__":
    sys.exit(compare() if sys.argv[1:] == ["compare"] else main())
