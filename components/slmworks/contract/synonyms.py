"""Words of other tools (transformers, SetFit, AutoTrain, Kedro, GitHub's workflows) for words of ours."""

SAME: dict[str, tuple[str, ...]] = {
    "lr": ("learning_rate",),
    "body_learning_rate": ("learning_rate",),
    "step_size": ("learning_rate",),
    "num_epochs": ("epochs",),
    "num_train_epochs": ("epochs",),
    "max_epochs": ("epochs",),
    "n_epochs": ("epochs",),
    "bs": ("batch_size",),
    "train_batch_size": ("batch_size",),
    "per_device_train_batch_size": ("batch_size",),
    "per_device_eval_batch_size": ("batch_size",),
    "max_len": ("max_length",),
    "max_seq_len": ("max_length",),
    "max_seq_length": ("max_length",),
    "model_max_length": ("max_length",),
    "warmup_ratio": ("warmup",),
    "warmup_steps": ("warmup",),
    "wd": ("weight_decay",),
    "temp": ("temperature",),
    "num_hidden_layers": ("layers",),
    "num_layers": ("layers",),
    "student_layers": ("layers",),
    "hidden_size": ("width", "dimensions"),
    "embedding_size": ("dimensions", "width"),
    "freeze": ("freeze_embeddings",),
    "class_weight": ("class_weights",),
    "label_weights": ("class_weights",),
    "loss_weights": ("class_weights",),
    "balanced": ("class_weights",),
    "early_stopping": ("patience",),
    "early_stopping_patience": ("patience",),
    "early_stop": ("patience",),
    "fp16": ("precision",),
    "bf16": ("precision",),
    "amp": ("precision",),
    "mixed_precision": ("precision",),
    "dtype": ("precision",),
    "torch_dtype": ("precision",),
    "text_column": ("text",),
    "label_column": ("label",),
    "target": ("label",),
    "target_column": ("label",),
    "class_names": ("labels",),
    "sep": ("delimiter",),
    "separator": ("delimiter",),
    "test_size": ("test",),
    "val_size": ("validation",),
    "validation_split": ("validation",),
    "dedup": ("near_duplicates",),
    "pii": ("redact",),
    "model_name": ("name",),
    "registered_model_name": ("name",),
    "type": ("stage", "uses"),
    "plugin": ("uses",),
    "config": ("with",),
    "options": ("with",),
    "parameters": ("with",),
    "params": ("with",),
    "depends_on": ("from",),
    "inputs": ("from",),
    "needs": ("from",),
    "matrix": ("sweep",),
    "grid": ("sweep",),
}
"""Word -> ours, the likeliest first."""

TRAINING: dict[str, str] = {
    **dict.fromkeys(
        ("device", "use_cuda", "no_cuda", "gpu", "gpus", "n_gpu"),
        "A GPU is used where there is one; nothing has to be set.",
    ),
    "load_best_model_at_end": "The best epoch on `validation` is kept already.",
    **dict.fromkeys(
        ("oversampling", "over_sampling", "oversample", "upsample", "smote", "weighted_sampler"),
        "Rows are not repeated; a classifier's `class_weights: balanced` weighs rare labels as if they were.",
    ),
    **dict.fromkeys(
        ("resume", "resume_from_checkpoint", "save_steps", "save_strategy", "checkpoint", "checkpoints"),
        "A training that was killed resumes from its last checkpoint by itself; nothing has to be set.",
    ),
    **dict.fromkeys(("optimizer", "optim"), "AdamW trains; `learning_rate` and `weight_decay` set it."),
    **dict.fromkeys(
        ("threads", "num_threads", "num_workers", "dataloader_num_workers"),
        "Threads are those that the engine gives the task.",
    ),
    **dict.fromkeys(
        ("output_dir", "save_dir", "output_path"),
        "What a step makes goes to the store; nothing has to be set.",
    ),
    **dict.fromkeys(
        ("lr_scheduler", "lr_scheduler_type", "scheduler"),
        "The step size rises over `warmup` and falls to 0; nothing else has to be set.",
    ),
}
"""Word that a training step of ours has no option for -> why it needs none."""


def synonym(word: str, known: list[str]) -> str | None:
    """The one of `known` that another tool calls `word`, if there is one."""
    for ours in SAME.get(word.lower().replace("-", "_"), ()):
        if ours in known:
            return ours
    return None


def needless(word: str, known: list[str]) -> str | None:
    """Why a training step, which has an option `epochs`, needs no option of this name."""
    return TRAINING.get(word.lower().replace("-", "_")) if "epochs" in known else None
