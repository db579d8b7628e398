"""Neural Compressor's tuner, walking mixtures of layers until one meets the goal.

Its own `autotune` scores torch models and returns the best one even when the goal was missed; here the
score is of the ONNX file that would ship, and missing the goal is the caller's to see.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Trial:
    """One mixture and its score."""

    kept: tuple[str, ...]
    """Layers in fp32."""
    score: float


def walk(
    mixtures: Sequence[tuple[str, ...]],
    score: Callable[[tuple[str, ...]], float],
    *,
    baseline: float,
    drop: float,
    max_trials: int,
    observer: str,
) -> list[Trial]:
    """Score mixtures in order until one loses no more than `drop` of `baseline` (above 0); returns all tried.

    `score` is called with the layers in fp32, higher is better.
    """
    from slmworks.machine.quiet import quiet
    from slmworks_inc.chain import static_config

    with quiet():
        from neural_compressor.common.base_tuning import init_tuning
        from neural_compressor.torch.quantization import TuningConfig

        configs = [static_config(observer, kept) for kept in mixtures]
        goal = TuningConfig(config_set=configs, tolerable_loss=drop, max_trials=max_trials)
        loader, _, monitor = init_tuning(goal)
        monitor.set_baseline(baseline)
        trials = []
        for number, config in enumerate(loader):
            trials.append(Trial(mixtures[number], score(mixtures[number])))
            monitor.add_trial_result(number + 1, trials[-1].score, config)
            if monitor.need_stop():
                break
    return trials
