"""Neural Compressor's AutoRound on a network in memory: its layers end on a grid of 4 bits."""

import io
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from slmworks.contract.errors import TaskFailed, in_a_line


def tune(
    network: Any, pieces: Sequence[Sequence[int]], *, iters: int, batch_size: int, seed: int, scratch: Path
) -> None:
    """Tune in place: each linear layer but the output table becomes integers times fp16 steps, 32 a step.

    `pieces`: token ids, all of one length. Neural Compressor writes a copy below `scratch`; nothing reads it.
    """
    import torch
    from slmworks.machine.quiet import quiet

    said = io.StringIO()  # progress bars
    with quiet(), redirect_stderr(said), redirect_stdout(said):
        from neural_compressor.torch.quantization import AutoRoundConfig, convert, prepare

        config = AutoRoundConfig(
            scheme={"bits": 4, "group_size": 32, "sym": True, "data_type": "int", "act_bits": 16},
            bits=4,
            group_size=32,
            use_sym=True,
            iters=iters,
            seqlen=len(pieces[0]),
            nsamples=len(pieces),
            batch_size=min(batch_size, len(pieces)),
            seed=seed,
            amp=False,
            scale_dtype="fp16",
            enable_torch_compile=False,
            device_map="cpu",
            export_format="fake",
            output_dir=str(scratch / "autoround"),
        )
        prepared = prepare(network, config)
        with torch.no_grad():
            for piece in pieces:
                prepared(torch.tensor([list(piece)]))
        try:
            made = convert(prepared)
        except (RuntimeError, ValueError, AssertionError) as error:
            raise TaskFailed(f"quantize: AutoRound failed ({in_a_line(error, 200)}).") from error
    if made is not network:
        raise TaskFailed("quantize: Neural Compressor gave another network back than it was given.")
