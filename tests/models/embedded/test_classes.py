"""The embedded model if all members of a group have the same one of seven labels."""

from icm_tui.models.embedded.model import EmbeddedModel

TOPICS = ("sun", "tax", "bread", "violin", "river", "engine", "garden")
TEXTS = [f"{topic} {topic}s {way} {number}" for number in range(4) for topic in TOPICS for way in ("calm", "loud")]
GROUPS = [place // 2 for place in range(len(TEXTS))]
TRUTH = [place // 2 % 7 for place in range(len(TEXTS))]


def right(model: EmbeddedModel) -> int:
    """How many items get the label of their topic if all other groups are shown with theirs."""
    shown = list(enumerate(TRUTH))
    replies = [model.answer_list(item, 0, shown).logprobs for item in range(len(TEXTS))]
    assert all(reply is not None for reply in replies)
    return sum(max(range(7), key=reply.__getitem__) == label for reply, label in zip(replies, TRUTH, strict=True))


def test_embedded_learns_label_of_whole_group() -> None:
    assert right(EmbeddedModel(TEXTS, GROUPS, 7, centred=False)) == len(TEXTS)


def test_embedded_centring_removes_group_signal() -> None:
    """Why rule `same` goes without it: the rows of a group that shares one label cancel."""
    model = EmbeddedModel(TEXTS, GROUPS, 7)
    shown = list(enumerate(TRUTH))
    for item in range(len(TEXTS)):
        reply = model.answer_list(item, 0, shown).logprobs
        assert reply is not None
        assert max(reply) - min(reply) < 1e-4


def test_embedded_all_and_context_agree_uncentred() -> None:
    by_list, by_all = (EmbeddedModel(TEXTS, GROUPS, 7, centred=False) for _ in range(2))
    by_all.relabel(0, [(item, None, label) for item, label in enumerate(TRUTH)])
    for item in range(len(TEXTS)):
        one, other = by_list.answer_list(item, 0, list(enumerate(TRUTH))).logprobs, by_all.answer_all(item, 0).logprobs
        assert one is not None
        assert other is not None
        assert max(range(7), key=one.__getitem__) == max(range(7), key=other.__getitem__) == TRUTH[item]
