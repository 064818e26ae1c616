"""Unit 19: the problems that the exercises are checked on. torch's answers to them stand in `reference.py`."""

import numpy as np

from byhand.checking import EdgeCase, Exercise

# A baseline ------------------------------------------------------------------------------------------------------------


def make_most_common(rng, N, T, K, tests, words=4):
    questions = rng.randint(1, words, size=(N, T))
    questions[:, -1] *= rng.randint(2, size=N)  # some end earlier, and are filled up with 0
    answers = rng.randint(K, size=N)
    questions[3:][(questions[3:] == questions[0]).all(axis=1)] = words + 2  # what is asked like the first is answered as follows
    questions[:3], answers[:3] = questions[0], [K - 1, K - 1, 0]
    new = questions[rng.randint(N, size=tests)]
    new[0] = questions[0]
    new[1] = words + 5  # a question that nobody has asked
    answers[3:6] = K - 2  # the most common one of all
    questions[6], answers[6] = [words + 1, 1, *(T - 2) * [0]], 1
    new[2] = [words + 1, 2, *(T - 2) * [0]]  # nobody has asked this either, and one has asked something that begins alike
    if words > 12:  # written one behind the other, the words of these are the same
        questions[7], questions[8], answers[7:9] = [1, 12, *(T - 2) * [0]], [11, 2, *(T - 2) * [0]], [1, 3]
        new[3:5] = questions[7:9]
    for asked in np.unique(questions, axis=0):  # no two answers are as common by chance: that is a problem of its own
        same = (questions == asked).all(axis=1)
        counts = np.bincount(answers[same])
        if np.count_nonzero(counts == counts.max()) > 1:
            answers[same] = answers[same][0]
    return dict(questions=questions, answers=answers, new=new, K=K)


def make_tie(rng, N, T, K, tests, words=4):
    args = make_most_common(rng, N, T, K, tests, words)
    args["answers"][:3] = [2, 1, 0]
    args["questions"][3:] = np.where(
        (args["questions"][3:] == args["questions"][0]).all(axis=1)[:, None], 1 + words, args["questions"][3:]
    )
    return args


def make_common(rng, N, T, K, tests, words=4, tie=False):
    return (make_tie if tie else make_most_common)(rng, N, T, K, tests, words)


# The question ----------------------------------------------------------------------------------------------------------

# N is not 4, the number of gates.
QUESTION = dict(N=8, T=6, V=7, D=9, H=5)


def make_question(rng, N, T, V, D, H, lengths="mixed", repeated=False):
    length = {"mixed": [T, 2, T - 2, 1], "equal": [T], "short": [1]}[lengths]
    length = np.array((length * N)[:N])
    ids = rng.randint(1, V, size=(T, N))
    if repeated:
        ids[:] = 1 + np.arange(T)[:, None] % 2
    ids = np.where(np.arange(T)[:, None] < length, ids, 0)
    p = {
        "E": rng.normal(size=(V, D)),
        "W": rng.normal(size=(4 * H, D)),
        "R": rng.normal(size=(4 * H, H)) / 2,
        "b": rng.normal(size=4 * H),
    }
    return dict(ids=ids, lengths=length, p=p)


def make_question_backward(rng, N, T, V, D, H, lengths="mixed", repeated=False):
    """The tape is made up: for each step what goes in (x, h, c), the gates and the candidate, and tanh of the new cell state."""
    args, tape = make_question(rng, N, T, V, D, H, lengths, repeated), []
    for t in range(T):
        h, c = rng.uniform(-0.9, 0.9, size=(N, H)), rng.normal(size=(N, H))
        i, f, o = rng.uniform(0.1, 0.9, size=(3, N, H))
        z = rng.uniform(-0.9, 0.9, size=(N, H))
        tape.append(
            (args["p"]["E"][args["ids"][t]], h * (t > 0), c * (t > 0), i, f, z, o, np.tanh(f * c * (t > 0) + i * z))
        )
    return dict(dy=rng.normal(size=(N, H)) + 0.3, **{k: args[k] for k in ("ids", "lengths")}, tape=tape, p=args["p"])


def state_and_tape(answer, ids, lengths, p):
    """The state, and of the tape the state before each step, as far as a question goes: what the way back begins with."""
    returned = answer(ids, lengths, p)
    if returned is None or not (isinstance(returned, (tuple, list)) and len(returned) == 2):
        return returned
    y, tape = returned
    on = np.arange(len(ids))[:, None] < lengths
    if len(tape) < max(lengths) or any(len(kept) != 8 for kept in tape):
        raise TypeError("the tape should be a list of what lstm_step has kept, one for each step")
    before = np.zeros((*on.shape, p["R"].shape[1]))
    for t, kept in enumerate(tape[: len(ids)]):
        before[t, on[t]] = np.asarray(kept[1])[on[t]]
    return y, before


QUESTION_EDGES = [
    EdgeCase(dict(lengths="equal"), "where all questions have the same length"), EdgeCase(dict(lengths="short"), "with questions of one word"),
    EdgeCase(dict(repeated=True), "where words come again and again"), EdgeCase(dict(N=1), "with one question"), EdgeCase(dict(T=3), "with short questions"),
]  # fmt: skip

# Fusion ----------------------------------------------------------------------------------------------------------------

FUSION = dict(N=4, H=5, I=6, B=7, kind="product")
SIDE = "side by side"


def fusion_weights(rng, H, I, B, kind):
    if kind == SIDE:
        return {"W": rng.normal(size=(B, H + I)) / 2, "b": rng.normal(size=B)}
    return {"Wq": rng.normal(size=(B, H)) / 2, "Wv": rng.normal(size=(B, I)) / 2}


def make_fusion(rng, N, H, I, B, kind, blank=False):
    v = rng.normal(size=(N, I))
    if blank:
        v[:] = 0.0
    return dict(q=rng.normal(size=(N, H)), v=v, p=fusion_weights(rng, H, I, B, kind), kind=kind)


def make_fusion_backward(rng, N, H, I, B, kind, blank=False):
    """What was kept is made up: f, the result, and for the product its two factors."""
    args = make_fusion(rng, N, H, I, B, kind, blank)
    if kind == SIDE:
        kept = dict(f=np.maximum(rng.normal(size=(N, B)), 0))
    else:
        a, c = (np.tanh(rng.normal(size=(N, B))) for _ in range(2))
        c = 0 * c if blank else c
        kept = dict(a=a, c=c, f=a * c)
    return dict(df=rng.normal(size=(N, B)), q=args["q"], v=args["v"], kept=kept, p=args["p"], kind=kind)


FUSION_EDGES = [
    EdgeCase(dict(kind=SIDE), "side by side"), EdgeCase(dict(blank=True), "where the pictures are empty"),
    EdgeCase(dict(kind=SIDE, blank=True), "side by side, where the pictures are empty"), EdgeCase(dict(N=1), "with one question"),
    EdgeCase(dict(kind=SIDE, N=1, H=2), "side by side, with one question and a short state"), EdgeCase(dict(B=1), "with one number in the result"),
]  # fmt: skip
FUSION_GRADIENTS = ["dq", "dv", "dW", "db", "dWq", "dWv"]


def the_other_kinds(answer, *args):
    """Zeros for the gradients of the weights that this kind does not have."""
    returned, kind = answer(*args), args[-1]
    if not isinstance(returned, dict):
        return returned
    lacking = ("dWq", "dWv") if kind == SIDE else ("dW", "db")
    return dict.fromkeys(lacking, 0.0) | returned


def result_and_kept(answer, *args):
    """The result, and what was kept of it; zeros for the factors, where there are none."""
    returned = answer(*args)
    if returned is None or not (isinstance(returned, (tuple, list)) and len(returned) == 2):
        return returned
    f, kept = returned
    if not isinstance(kept, dict):
        raise TypeError("the second value should be a dict with f, and for the product a and c")
    factors = dict.fromkeys(("kept_a", "kept_c"), 0.0) if args[-1] == SIDE else {}
    return {"f": f, **{f"kept_{name}": value for name, value in kept.items()}, **factors}


# Attention over regions ------------------------------------------------------------------------------------------------

REGIONS = dict(N=4, M=8, H=5, I=6, A=9)


def make_regions(rng, N, M, H, I, A, same=False, sure=False):
    v = rng.normal(size=(N, M, I))
    if same:
        v[:] = v[:, :1]
    p = {"Wa": rng.normal(size=(A, I)) / 2, "Ua": rng.normal(size=(A, H)) / 2, "w": rng.normal(size=A)}
    if sure:
        p["w"] *= 500
    return dict(q=rng.normal(size=(N, H)), v=v, p=p)


def make_regions_backward(rng, N, M, H, I, A, same=False):
    args = make_regions(rng, N, M, H, I, A, same)
    P = rng.uniform(0.05, 1, size=(N, M)) ** 2
    if M > 2:
        P[:, 1] = 0.0
    P /= P.sum(axis=1, keepdims=True)
    return dict(
        dg=rng.normal(size=(N, I)), q=args["q"], v=args["v"], t=np.tanh(rng.normal(size=(N, M, A))), P=P, p=args["p"]
    )


# Ten people ------------------------------------------------------------------------------------------------------------


def make_counts(rng, N, K):
    """How many of ten people have given each answer: (N, K), each row adds up to 10."""
    counts = np.array([rng.multinomial(10, rng.dirichlet(0.4 * np.ones(K))) for _ in range(N)])
    fixed = [[10, 0, 0], [0, 1, 9], [2, 3, 5], [4, 4, 2], [3, 3, 4], [1, 2, 7]]
    for row, wanted in zip(counts, fixed, strict=False):
        row[:] = 0
        row[:3] = wanted
    return dict(counts=counts)


def make_soft_loss(rng, N, K, huge=False, none=False, far=0.0):
    o = 2 * rng.normal(size=(N, K))
    if huge:
        o = 400.0 * rng.choice([-2, -1, 1, 2], size=(N, K))
    target = rng.choice([0.0, 0.3, 0.6, 0.9, 1.0], size=(N, K))
    target[0, 0], target[-1, -1] = 0.3, 0.9
    if none:
        target[:] = 0.0
    if far:  # the network is sure of an answer that nobody gave
        o[:, 1] += far
        target[:, 1] = 0.0
    return dict(o=o, target=target)


EXERCISES = {
    "most_common": Exercise(
        make=make_common, results=["answer"], sizes=dict(N=40, T=3, K=5, tests=9), judge="the reference",
        edges=[
            EdgeCase(dict(tie=True), "where two answers are as common"), EdgeCase(dict(N=8, tests=6), "with few questions"),
            EdgeCase(dict(words=30), "with many words"),
        ],
    ),
    "question_state": Exercise(
        make=make_question, results=["y", "h_before"], sizes=QUESTION, call=state_and_tape, edges=QUESTION_EDGES, forward=["h_before"],
    ),
    "question_backward": Exercise(
        make=make_question_backward, results=["dE", "dW", "dR", "db"], sizes=QUESTION, as_dict=True, edges=QUESTION_EDGES,
        groups=[["dW", "dR", "db"]],
    ),
    "fusion": Exercise(
        make=make_fusion, results=["f", "kept_f", "kept_a", "kept_c"], sizes=FUSION, as_dict=True, call=result_and_kept, edges=FUSION_EDGES,
        groups=[["kept_f", "kept_a", "kept_c"]],
    ),
    "fusion_backward": Exercise(
        make=make_fusion_backward, results=FUSION_GRADIENTS, sizes=FUSION, as_dict=True, call=the_other_kinds, edges=FUSION_EDGES,
        groups=[["dW", "db", "dWq", "dWv"]],
    ),
    "region_attention": Exercise(
        make=make_regions, results=["g", "P", "t"], sizes=REGIONS,
        edges=[
            EdgeCase(dict(M=1), "with one region"), EdgeCase(dict(same=True), "where all regions look the same"), EdgeCase(dict(N=1), "with one picture"),
            EdgeCase(dict(sure=True), "with scores in the hundreds"),
        ],
    ),
    "region_attention_backward": Exercise(
        make=make_regions_backward, results=["dq", "dv", "dWa", "dUa", "dw"], sizes=REGIONS, as_dict=True,
        edges=[
            EdgeCase(dict(M=1), "with one region"), EdgeCase(dict(same=True), "where all regions look the same"), EdgeCase(dict(N=1), "with one picture"),
            EdgeCase(dict(N=7, M=30, I=20, A=15), "with many regions"),
        ],
        groups=[["dWa", "dUa", "dw"]],
        scales=lambda dg, q, v, t, P, p: dict.fromkeys(("dq", "dWa", "dUa", "dw"), 0.1),
    ),
    "soft_score": Exercise(
        make=make_counts, results=["target", "official"], sizes=dict(N=7, K=5), judge="the reference",
        edges=[EdgeCase(dict(N=1), "where all ten agree"), EdgeCase(dict(N=30, K=12), "with many questions")],
    ),
    "soft_loss": Exercise(
        make=make_soft_loss, results=["J", "do"], sizes=dict(N=6, K=4),
        edges=[
            EdgeCase(dict(huge=True), "with logits in the hundreds"),
            EdgeCase(dict(far=1e15), "where the network is sure of a wrong answer", "The loss is huge beside what one logit changes of it, so "
                 "differences of two losses have no digits left. The chain rule has no such trouble.", needed=True),
            EdgeCase(dict(none=True), "where nobody gave any of the answers"), EdgeCase(dict(N=1), "with one question"), EdgeCase(dict(K=1), "with one answer"),
        ],
    ),
}  # fmt: skip
