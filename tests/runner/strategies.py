"""Records of every kind, for hypothesis."""

from hypothesis import strategies as st

from icm_tui.domain.decisions import Option
from icm_tui.run_dir import records

numbers = st.integers(0, 10**9)
finite = st.floats(allow_nan=False, allow_infinity=False)
words = st.text(max_size=12)
label = st.none() | st.integers(0, 3)

starts = st.builds(
    records.StartRecord,
    format=st.just(records.FORMAT),
    engine=words,
    window=numbers,
    labels=st.lists(words, max_size=3),
    items_digest=words,
    profile_digest=words,
    host=words,
    pid=numbers,
    parent=st.none() | st.builds(records.Parent, run=words, decision=numbers),
)
contexts = st.builds(
    records.ContextRecord,
    id=numbers,
    phase=words,
    chain=numbers,
    demonstrations=st.just("all") | st.lists(st.tuples(numbers, st.integers(0, 3)), max_size=4),
)
answers = st.builds(
    records.AnswerRecord,
    question=words,
    context_id=numbers,
    item=numbers,
    logprobs=st.none() | st.lists(finite, max_size=3),
    mass=st.none() | finite,
    top=st.lists(st.tuples(words, finite), max_size=3),
    tokens_in=st.none() | numbers,
    failed=st.none() | words,
)
decisions = st.builds(
    records.DecisionRecord,
    n=numbers,
    phase=words,
    chain=numbers,
    items=st.lists(numbers, max_size=3),
    options=st.lists(st.builds(Option, labels=st.lists(label, max_size=3), value=finite), max_size=3),
    chosen=numbers,
    log_normaliser=finite,
    temperature=finite,
    draw=finite,
    accepted=st.booleans(),
    changes=st.lists(st.tuples(numbers, label, label), max_size=3),
    score=st.dictionaries(words, finite, max_size=3),
)
commands = st.builds(
    records.CommandRecord,
    id=words,
    what=words,
    args=st.dictionaries(words, st.none() | st.booleans() | numbers | words, max_size=3),
    n=numbers,
    outcome=words,
    why=words,
    changes=st.lists(st.tuples(numbers, numbers, label, label), max_size=3),
)
others = st.one_of(
    st.builds(
        records.ExplanationRecord,
        item=numbers,
        n=numbers,
        call=numbers,
        label=label,
        cost=st.none() | finite,
        failed=st.none() | words,
    ),
    st.builds(
        records.ReaskRecord,
        logprobs=st.none() | st.lists(finite, max_size=3),
        item=numbers,
        context_id=numbers,
        n=numbers,
        call=numbers,
        command=words,
    ),
    st.builds(records.StopRecord, state=words, why=words),
    st.builds(records.ErrorRecord, what=words),
    st.builds(records.DoneRecord, decisions=numbers, calls=numbers),
)
any_record = st.one_of(starts, contexts, answers, decisions, commands, others)
