"""The one table of what a person can do: it feeds the key bindings, the footer, the palette, the help and KEYS.md."""

from typing import Literal

import msgspec

Scope = Literal["everywhere", "moving", "runs", "run", "item", "form", "models", "doctor", "accuracy"]


class Action(msgspec.Struct, frozen=True):
    """Something a person can do on a screen of the `scope`.

    `id` is what a person's keymap names; its part behind the dot is the action's method. `keys` are Textual's names
    of keys. `label` is what the footer says if `footer` is set. `words` is what is typed after `:`; an argument is
    in capitals, as in "to N", and in brackets if the action does without, as in "filter [TEXT]". Without words
    the action goes by its label.
    """

    id: str
    keys: tuple[str, ...]
    label: str
    help: str
    scope: Scope
    footer: bool = False
    words: str = ""

    @property
    def method(self) -> str:
        """The name of the action's method, without its `action_`."""
        return self.id.partition(".")[2].replace("-", "_")

    @property
    def name(self) -> str:
        """What is typed after `:`, without the argument."""
        return self.words.partition(" ")[0] or self.label

    @property
    def argument(self) -> str:
        """What the action takes, such as "N" or "[TEXT]"; empty if it takes nothing."""
        return self.words.partition(" ")[2]

    @property
    def needs_argument(self) -> bool:
        """Whether it can only be called with an argument."""
        return bool(self.argument) and not self.argument.startswith("[")


ACTIONS: tuple[Action, ...] = (
    Action("run.pause", ("space",), "pause/go on", "Pause the run; once more to go on.", "run", True, "pause"),
    Action("run.step", ("s",), "step", "Take one decision, then pause again.", "run", True, "step"),
    Action("run.skip", ("S",), "skip", "Leave the next decision's items as they are.", "run", False, "skip"),
    Action("run.to", (), "to", "Go on until decision N was taken, then pause.", "run", False, "to N"),
    Action(
        "run.full-speed",
        ("B",),
        "throttle",
        "Take the throttle off a run that is slowed down to be watched, or put it on.",
        "run",
        False,
        "throttle",
    ),
    Action("run.resume", ("R",), "resume", "Start a runner again for a run that has none.", "run", False, "resume"),
    Action(
        "run.stop", (), "stop", "End the run's process cleanly; asks first. It can be resumed.", "run", False, "stop"
    ),
    Action("run.open", ("enter",), "item", "Open the item under the cursor.", "run", True),
    Action(
        "run.why",
        ("e",),
        "why",
        "Why the item has its label: the model's words, asked for if there are none.",
        "run",
        False,
        "why",
    ),
    Action("run.pin", ("P",), "pin", "Give the item a label that the run must keep.", "run", True, "pin [LABEL NOTE]"),
    Action(
        "run.ask", ("x",), "ask again", "Ask the model about the item again; changes no label.", "run", False, "ask"
    ),
    Action(
        "run.filter",
        ("slash",),
        "filter",
        "Show some items: a text, label=A, flips>2, p<.6, group=12, pinned, unlabelled.",
        "run",
        True,
        "filter [TEXT]",
    ),
    Action(
        "run.sort",
        ("o",),
        "sort",
        "Sort by number, flips, p, the latest change, or how seeds agree.",
        "run",
        False,
        "sort",
    ),
    Action("run.follow", ("f",), "follow", "Follow the end of the log, or stay.", "run", False, "follow"),
    Action("run.goto", (), "go to item", "Move the cursor to item N.", "run", False, "item N"),
    Action(
        "run.gold",
        ("a",),
        "gold",
        "Show or hide gold and agreement; in a blind run this marks it as looked at.",
        "run",
        False,
        "gold",
    ),
    Action(
        "run.accuracy",
        ("A",),
        "columns",
        "All gold columns with curves, what the split follows, how seeds agree, baselines.",
        "run",
        False,
        "columns",
    ),
    Action("run.pane-1", ("1",), "profile", "The profile pane.", "run", False),
    Action("run.pane-2", ("2",), "log", "The log pane.", "run", False),
    Action("run.pane-3", ("3",), "labels", "The labels pane.", "run", False),
    Action("run.pane-4", ("4",), "accuracy", "The accuracy pane.", "run", False),
    Action("run.next-pane", ("tab",), "next pane", "The next pane.", "run", False),
    Action("run.zoom", ("z",), "full screen", "The chosen pane over the whole screen, and back.", "run", False, "zoom"),
    Action("run.edit", ("F",), "edit", "Edit a copy of the profile for a new run.", "run", False, "edit"),
    Action("run.copy", ("y",), "copy", "Copy the item's text, its row, or the run's path.", "run", False, "copy"),
    Action("item.why", ("e",), "why", "Ask the model why the item has its label.", "item", False, "why"),
    Action("item.history", ("t",), "history", "The history of the item's label.", "item", False),
    Action("item.prompt", ("c",), "prompt", "The prompt with its examples, as the model is shown it.", "item", False),
    Action("item.text", ("d",), "text", "The item's text and its group.", "item", False),
    Action("item.ask", ("x",), "ask again", "Ask the model again; changes no label.", "item", True, "ask"),
    Action(
        "item.pin", ("P",), "pin", "Give the item a label that the run must keep.", "item", True, "pin [LABEL NOTE]"
    ),
    Action("item.copy", ("y",), "copy", "Copy the item's text.", "item", False, "copy"),
    Action("item.next", ("n",), "next", "The next item of the table.", "item", True),
    Action("item.previous", ("N",), "previous", "The item before it.", "item", False),
    Action("runs.open", ("enter",), "open", "Open the run, or start the profile.", "runs", True),
    Action("runs.edit", ("F",), "edit", "Edit a profile in a form before it starts.", "runs", True, "edit"),
    Action(
        "runs.import",
        ("I",),
        "import",
        "Read an icm_config.json of the fork into a new profile.",
        "runs",
        False,
        "import [PATH]",
    ),
    Action("runs.resume", ("R",), "resume", "Start a runner again for a run that has none.", "runs", True, "resume"),
    Action(
        "runs.remove",
        (),
        "remove",
        "Delete a run and all that is in its directory; asks first.",
        "runs",
        False,
        "remove",
    ),
    Action(
        "runs.doctor",
        ("D",),
        "doctor",
        "Ask a profile's model what it can do, and what to change.",
        "runs",
        False,
        "doctor",
    ),
    Action("runs.copy", ("y",), "copy", "Copy the run's path.", "runs", False, "copy"),
    Action("form.edit", ("enter",), "edit", "Edit the field under the cursor; a choice takes its next.", "form", True),
    Action("form.find", ("slash",), "find", "Go to a field by its name.", "form", True),
    Action("form.start", ("ctrl+s", "S"), "start", "Start a run of this profile.", "form", True, "start"),
    Action("form.save", ("w",), "save as", "Save it as a profile of your own.", "form", True, "save"),
    Action("form.editor", ("E",), "editor", "Edit the TOML in $EDITOR.", "form", True, "editor"),
    Action(
        "form.models", ("m",), "models", "Choose a model from a server's list, with prices.", "form", False, "models"
    ),
    Action(
        "form.doctor",
        ("D",),
        "doctor",
        "Ask the model what it can do, and what to change.",
        "form",
        False,
        "doctor",
    ),
    Action("models.choose", ("enter",), "choose", "Put the model into the form.", "models", True, "choose"),
    Action("models.filter", ("slash",), "filter", "Show the models that hold some words.", "models", True, "filter"),
    Action("models.refresh", ("r",), "read again", "Read the list from the server again.", "models", True, "refresh"),
    Action("doctor.again", ("r",), "ask again", "Ask the model once more.", "doctor", True, "ask"),
    Action("accuracy.page", ("tab",), "next page", "The next page.", "accuracy", True),
    Action("accuracy.sort", ("o",), "sort", "Sort the columns, the best first.", "accuracy", True, "sort"),
    Action("accuracy.filter", ("slash",), "filter", "Show columns that hold some words.", "accuracy", True, "filter"),
    Action(
        "accuracy.choose",
        ("space",),
        "curve",
        "Show a column's curve on the run's screen, or no longer.",
        "accuracy",
        True,
    ),
    Action(
        "accuracy.gold",
        ("a",),
        "gold",
        "Show or hide gold; in a blind run this marks it as looked at.",
        "accuracy",
        True,
        "gold",
    ),
    Action("moving.down", ("j", "down"), "down", "Down.", "moving"),
    Action("moving.up", ("k", "up"), "up", "Up.", "moving"),
    Action("moving.left", ("h", "left"), "left", "Left, in a text that is wider than the pane.", "moving"),
    Action("moving.right", ("l", "right"), "right", "Right.", "moving"),
    Action("moving.first", ("g", "home"), "first", "To the first line (in vi's way: g or gg).", "moving"),
    Action("moving.last", ("G", "end"), "last", "To the last line.", "moving"),
    Action("moving.page-down", ("pagedown", "ctrl+f"), "page down", "A page down.", "moving"),
    Action("moving.page-up", ("pageup", "ctrl+b"), "page up", "A page up.", "moving"),
    Action("everywhere.commands", ("colon", "ctrl+p"), "commands", "All commands, by name.", "everywhere", True),
    Action("everywhere.help", ("question_mark", "f1"), "help", "This page.", "everywhere", True),
    Action(
        "everywhere.mouse",
        ("M",),
        "mouse",
        "Give the mouse back to the terminal, to select text, or take it.",
        "everywhere",
        False,
        "mouse",
    ),
    Action(
        "everywhere.back",
        ("escape", "u"),
        "back",
        "The screen before; from a run the list of runs.",
        "everywhere",
    ),
    Action(
        "everywhere.leave",
        ("q",),
        "leave",
        "Back; from a run or the list of runs: leave. A run goes on.",
        "everywhere",
        True,
        "quit",
    ),
)

BY_ID = {action.id: action for action in ACTIONS}
