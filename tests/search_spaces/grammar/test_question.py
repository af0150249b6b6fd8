"""Questions: their form in TOML and JSON, and what a design must have to answer them."""

import json
import pickle
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces.grammar.answerable import design_problems
from search_spaces.grammar.domains import Choice, Float, Int
from search_spaces.grammar.key import Key
from search_spaces.grammar.question import (
    KINDS,
    Carry,
    Contrast,
    Question,
    QuestionError,
    Select,
    Smallest,
    Trend,
    question_json,
    read_question,
)

KEYS = {
    "layer": Key(Choice(("dense", "low_rank", "tensor_train"))),
    "compression": Key(Float(0.001, 1, log=True, grid=(0.01, 0.03, 0.1))),
    "dims": Key(Int(2, 4, grid=(2, 3, 4)), when={"layer": ("tensor_train",)}),
    "weight_decay_scaling": Key(Choice((0.0, 0.5, 1.0))),
    "weight_decay": Key(Float(1e-5, 1, log=True, grid=(1e-4, 1e-3, 1e-2, 1e-1, 1)), role="carried"),
    "learning_rate": Key(Float(0.1, 1, grid=(0.2, 0.4)), role="nuisance"),
}
FIXED = {"width": 16, "schedule": "dawn"}

WRITTEN = {
    '{kind = "contrast", key = "layer", baseline = "dense", treatment = "low_rank"}': Contrast(
        "layer", "dense", "low_rank"
    ),
    '{kind = "select", key = ["layer", "dims"], within = "compression"}': Select(
        ("layer", "dims"), "compression"
    ),
    '{kind = "select", key = "dims", within = "compression"}': Select("dims", "compression"),
    '{kind = "carry", key = "weight_decay", treatment = "weight_decay_scaling"}': Carry(
        "weight_decay", "weight_decay_scaling"
    ),
    '{kind = "trend", key = "weight_decay", against = "compression"}': Trend("weight_decay"),
    '{kind = "smallest", margin = 0.01, reference = {layer = "dense", width = 16}}': Smallest(
        0.01, {"layer": "dense", "width": 16}
    ),
}


@pytest.mark.parametrize(("text", "question"), WRITTEN.items())
def test_a_question_is_read_as_it_is_written_and_written_as_it_is_read(
    text: str, question: Question
) -> None:
    table = tomllib.loads(f"q = {text}")["q"]
    assert read_question(table) == question
    assert question_json(question) == table
    assert read_question(json.loads(json.dumps(question_json(question)))) == question
    assert pickle.loads(pickle.dumps(question)) == question
    assert hash(question) == hash(read_question(table))


@pytest.mark.parametrize("question", WRITTEN.values(), ids=lambda one: one.kind)
def test_this_design_answers_every_kind(question: Question) -> None:
    assert list(design_problems(question, KEYS, FIXED)) == []


def test_every_kind_is_tried() -> None:
    assert {question.kind for question in WRITTEN.values()} == set(KINDS)


@pytest.mark.parametrize(
    ("given", "problems"),
    [
        ("trend", {"": "a table such as { kind = \"trend\", … }, got 'trend'"}),
        (
            {"kind": "selekt", "key": 3},
            {
                "kind": "one of contrast, select, carry, trend, smallest, got 'selekt'; "
                "did you mean 'select'?"
            },
        ),
        (
            {"kind": "contrast", "key": 3, "base": 1},
            {
                "base": "unknown; did you mean 'baseline'?",
                "key": "the name of a key, got 3",
                "baseline": "missing",
                "treatment": "missing",
            },
        ),
        (
            {"kind": "select", "key": ["dims", "dims"], "within": 2},
            {
                "key": "the name of a key, or a list of different names, got ['dims', 'dims']",
                "within": "the name of a key, got 2",
            },
        ),
        ({"kind": ["select"]}, {"kind": "one of contrast, select, "}),
        (
            {"kind": "trend", "key": "weight_decay", "against": "parameter"},
            {"against": "one of compression, parameters, got 'parameter'; did you mean"},
        ),
        (
            {"kind": "smallest", "margin": 1, "reference": {}},
            {
                "margin": "a difference of accuracies between 0 and 1, got 1",
                "reference": 'the reference\'s values such as { layer = "dense" }, got {}',
            },
        ),
    ],
)
def test_what_is_no_question_is_told_field_by_field(given: object, problems: dict) -> None:
    with pytest.raises(QuestionError) as caught:
        read_question(given)
    assert caught.value.problems.keys() == problems.keys()
    for name, text in problems.items():
        assert caught.value.problems[name].startswith(text)


@pytest.mark.parametrize(
    ("question", "problems"),
    [
        (Contrast("layers", "dense", "cp"), {"key": "the space has no key 'layers'"}),
        (
            Contrast("layer", "dense", "cp"),
            {"treatment": "no run has layer = 'cp'; its values are dense, low_rank, tensor_train"},
        ),
        (Contrast("layer", "dense", "dense"), {"treatment": "differs from the baseline"}),
        (Contrast("width", 16, 32), {"key": "'width' is fixed"}),
        (
            Contrast("learning_rate", 0.2, 0.4),
            {"key": "'learning_rate' must have role 'scientific', it has 'nuisance'"},
        ),
        (
            Select("learning_rate", "rank"),
            {"key": "'learning_rate' must have role", "within": "the space has no key 'rank'"},
        ),
        (Select("dims", "dims"), {"within": "'dims' is what is selected"}),
        (
            Carry("learning_rate", "width"),
            {
                "key": "'learning_rate' needs at least 3 grid points, it has 2",
                "treatment": "'width' is fixed",
            },
        ),
        (Trend("layer"), {"key": "'layer' is read on a logarithmic scale"}),
        (Smallest(0.01, {"layer": "cp"}), {"reference.layer": "no run has layer = 'cp'"}),
        (
            Smallest(0.01, {"width": 64, "depth": 9}),
            {
                "reference.width": "'width' is fixed at 16, so no network has 64",
                "reference.depth": "the space has no key 'depth'",
            },
        ),
    ],
)
def test_a_design_that_cannot_answer_is_told_why(question: Question, problems: dict) -> None:
    told = dict(design_problems(question, KEYS, FIXED))
    assert told.keys() == problems.keys()
    for name, text in problems.items():
        assert told[name].startswith(text)


@pytest.mark.parametrize(("points", "answers"), [(3, False), (4, False), (5, True)])
def test_a_trend_takes_five_points_of_its_key(points: int, answers: bool) -> None:
    decays = Choice(tuple(10.0**-n for n in range(points)))
    keys = {**KEYS, "weight_decay": Key(decays, role="carried")}
    assert (not list(design_problems(Trend("weight_decay"), keys, FIXED))) == answers


def test_a_trend_takes_several_sizes() -> None:
    keys = {"weight_decay": KEYS["weight_decay"], "rank": Key(Choice((4, 8)))}
    ((field, text),) = design_problems(Trend("weight_decay"), keys, FIXED)
    assert field == "against"
    assert "at least 3 networks of different sizes" in text


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    ),
    st.sampled_from([*KINDS, "other"]),
)
def test_whatever_is_given_is_a_question_or_is_told(given: object, kind: str) -> None:
    raw = {**given, "kind": kind} if isinstance(given, dict) else given
    with pytest.raises(QuestionError):
        read_question(raw)


@given(
    st.sampled_from(list(KINDS)),
    st.dictionaries(
        st.sampled_from(
            ["key", "baseline", "treatment", "within", "against", "margin", "reference"]
        ),
        st.one_of(
            st.sampled_from([*KEYS, "width", 0.01, 1, True]),
            st.lists(st.sampled_from([*KEYS]), max_size=3),
            st.dictionaries(st.sampled_from([*KEYS, "width"]), st.sampled_from([1, "dense"])),
        ),
    ),
)
def test_a_question_that_was_read_is_checked_against_any_design(kind: str, fields: dict) -> None:
    try:
        question = read_question({"kind": kind, **fields})
    except QuestionError:
        return
    assert all(field and text for field, text in design_problems(question, KEYS, FIXED))
    assert read_question(question_json(question)) == question
