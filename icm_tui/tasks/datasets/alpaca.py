"""Alpaca preferences: which of two responses to an instruction four people preferred.

An item is the instruction and both responses; see preference for the two orders, the groups and the rule. Gold,
"preferred", is true if the response shown first is the one that most people chose. A pair is identified by its texts
alone, to which the ids of the source correspond one to one. `candidate_label`, `confidence` and the type of `label`
reveal the gold or the order of rows, so they are never read. The longer response is preferred in 63% of the pairs.
"""

from icm_tui.tasks.card import Card, one_table
from icm_tui.tasks.dataset import Dataset, Rows, Source
from icm_tui.tasks.preference import preference_rows, read_pair_rows

CARD = Card(
    about="Which of two responses to an instruction people preferred.",
    item="an instruction with two responses, in a given order",
    groups="the pair of responses, in both orders; none with task.orders = one",
    rule="opposite",
    gold="preferred: the response shown first is the one that people chose",
    paper="Wen et al.: Unsupervised Elicitation of Language Models, arXiv 2506.10139; "
    "Dubois et al.: AlpacaFarm, arXiv 2305.14387",
    licence="CC-BY-NC-4.0 upstream; the file names none",
    terms="non-commercial",
    splits={"test": one_table(["icm_authors/test_alpaca.json", "test_alpaca.json"], 934)},
    split="test",
    traps=[
        "The longer response is the preferred one in 63% of pairs.",
        "The source lists each pair in both orders, the second time without confidence: types of cells tell the row.",
        "The authors' code uses the gold label as consistency key; here the key is the order of the texts.",
        "The file is nowhere on the Hub; name its folder in task.path.",
    ],
)


def _rows(source: Source) -> Rows:
    return preference_rows(read_pair_rows(source.table), source, "preferred")


DATASET = Dataset(CARD, _rows, gold=["preferred"], unused=["text", "uid", "group", "key"])
