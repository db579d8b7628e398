"""How far a student's distribution over next tokens is from its teacher's: dense, or k tokens and a rest.

With k tokens there are k + 1 outcomes: each of them, and *another token*. Both sides are put into this form
at temperature 1, then the temperature is applied to the k + 1 outcomes of both (p^(1/T), normalised). So the
rest counts as one token at any temperature, and a divergence is 0 exactly where the outcomes are equally
likely. Its size differs from the dense one at T other than 1; with all tokens given, both are the same.
"""

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

Kind = Literal["forward-kl", "reverse-kl", "jsd"]

LEAST = -100.0
"""Log-probabilities are taken to be no smaller, so that 0 · log 0 is 0."""
SMALLEST_REST = 2.0**-24
"""Least share of a teacher's rest: float16 holds no log-probability nearer to 0 than -2^-24."""


def divergence(
    student_logits: "torch.Tensor",
    teacher_ids: "torch.Tensor | None",
    teacher_logprobs: "torch.Tensor",
    *,
    kind: Kind = "forward-kl",
    temperature: float = 1.0,
    beta: float = 0.5,
) -> "torch.Tensor":
    """Divergence in nats at each position, times T² (Hinton et al., 2015), float32 [positions].

    `student_logits`: [positions, vocabulary]. `teacher_ids`: int64 [positions, k], each token once in a row,
    -1 for one that the student doesn't have; `teacher_logprobs`: [positions, k] at temperature 1, natural
    logarithms. `teacher_ids` None: `teacher_logprobs` are of all tokens, [positions, vocabulary].

    - `forward-kl`: KL(teacher ‖ student) (Hinton et al., 2015; Kim & Rush, 2016: word-level).
    - `reverse-kl`: KL(student ‖ teacher) (Gu et al., 2024: MiniLLM).
    - `jsd`: beta · KL(teacher ‖ m) + (1 - beta) · KL(student ‖ m), m = beta · teacher + (1 - beta) · student
      (Agarwal et al., 2024).

    A gradient flows to the student's side; to the teacher's where it asks for one.
    """
    given, _ = student_outcomes(student_logits, teacher_ids)
    goal = teacher_outcomes(teacher_ids, teacher_logprobs, vocabulary=student_logits.shape[1])
    return between(goal, given, kind=kind, temperature=temperature, beta=beta)


def student_outcomes(
    logits: "torch.Tensor", teacher_ids: "torch.Tensor | None"
) -> "tuple[torch.Tensor, torch.Tensor]":
    """Log-probabilities of the outcomes [positions, k + 1], and the logits' logsumexp [positions].

    -inf for tokens that the student doesn't have. The rest is the sum of all other tokens, not 1 less the k:
    so it is exact where it is tiny.
    """
    import torch

    if teacher_ids is None or teacher_ids.shape[1] == logits.shape[1]:
        norm = logits.logsumexp(dim=1)
        chosen = logits if teacher_ids is None else logits.gather(1, teacher_ids)
        return chosen - norm[:, None], norm
    dropped = teacher_ids < 0
    chosen = logits.gather(1, teacher_ids.clamp(min=0)).masked_fill(dropped, -torch.inf)
    # tokens that the student doesn't have are hidden in a column of their own
    beyond = logits.new_full((len(logits), 1), -torch.inf)
    others = torch.cat([logits, beyond], dim=1)
    others.scatter_(1, teacher_ids.masked_fill(dropped, logits.shape[1]), -torch.inf)
    outcomes = torch.cat([chosen, others.logsumexp(dim=1, keepdim=True)], dim=1)
    norm = outcomes.logsumexp(dim=1)
    return outcomes - norm[:, None], norm


def teacher_outcomes(
    ids: "torch.Tensor | None", logprobs: "torch.Tensor", *, vocabulary: int
) -> "torch.Tensor":
    """Log-probabilities of the outcomes, float32 [positions, k + 1], of a student with so many tokens.

    Tokens that the student doesn't have are part of the rest. Without an outcome *another token* (all tokens
    given) the others are normalised, since what was rounded has no other place.
    """
    import torch

    if ids is None or ids.shape[1] == vocabulary:
        return logprobs.float().log_softmax(dim=1)
    own = logprobs.double().masked_fill(ids < 0, -torch.inf)
    rest = -torch.expm1(own.logsumexp(dim=1, keepdim=True))
    return torch.cat([own, rest.clamp(min=SMALLEST_REST).log()], dim=1).float()


def between(
    teacher: "torch.Tensor", student: "torch.Tensor", *, kind: Kind, temperature: float, beta: float
) -> "torch.Tensor":
    """`divergence` of log-probabilities of the same outcomes, [positions, outcomes] each."""
    import torch

    if temperature != 1.0:
        teacher = (teacher / temperature).log_softmax(dim=1)
        student = (student / temperature).log_softmax(dim=1)
    goal, given = teacher.clamp(min=LEAST), student.clamp(min=LEAST)
    if kind == "forward-kl":
        found = _kl(goal, given)
    elif kind == "reverse-kl":
        found = _kl(given, goal)
    else:
        parts = torch.stack([goal + _log(beta, goal), given + _log(1 - beta, given)])
        middle = parts.logsumexp(dim=0)
        found = beta * _kl(goal, middle) + (1 - beta) * _kl(given, middle)
    return found * temperature**2


def _kl(one: "torch.Tensor", other: "torch.Tensor") -> "torch.Tensor":
    """KL(one ‖ other) of log-probabilities, [positions]."""
    return (one.exp() * (one - other)).sum(dim=1)


def _log(share: float, like: "torch.Tensor") -> "torch.Tensor":
    return like.new_tensor(share).log()
