"""What an option is called on the command line, bertport.toml calls it too."""

import pytest

from exporter.cli.main import command_parser
from exporter.gate.config import Budgets, Data, Export, Timing, _keys
from exporter.gate.export_options import DECIDED, options
from exporter.gate.synonyms import SYNONYMS, renamed
from runtimes.errors import UsageError

OF_RUNS = {"help", "json", "output", "quiet", "verbose", "no_cache", "threads", "checkpoint", "allow_pickle"}
"""Options of one run, or of a bundle that a check makes itself."""
NOT_CHECKED = {
    "bench": {"bundles", "batches"},  # a check times one row at a time
    "evaluate": {"bundle"},
    "verify": {"bundle", "against", "task", "explain", "strict", "witness", "frequency_from"},
}
"""Command → options of which a project file says nothing."""
TABLES = {"bench": [("timing", Timing)], "evaluate": [("data", Data), ("budget", Budgets)]}
TABLES["verify"] = [("export", Export), ("budget", Budgets)]


def names(command):
    """Every name of each option of a command, by its first one."""
    parsers = next(one for one in command_parser()._actions if hasattr(one, "choices") and one.choices)
    for action in parsers.choices[command]._actions:
        flags = [flag.removeprefix("--") for flag in action.option_strings if flag.startswith("--")]
        yield action.dest, [flag.replace("-", "_") for flag in flags]


def keys_of(table, kind):
    known = {*kind.__dataclass_fields__, *(options() if kind is Export else ())}
    return known | {option for option, key in SYNONYMS[table].items() if key in known}


@pytest.mark.parametrize("command", TABLES)
def test_every_option_that_a_check_can_say_is_a_key(command):
    known = set().union(*(keys_of(*table) for table in TABLES[command]))
    left_out = OF_RUNS | NOT_CHECKED[command]
    asked = {name for dest, flags in names(command) if dest not in left_out for name in flags}
    assert asked
    assert asked - known == set()


def test_every_option_of_export_is_a_key_or_decided_by_check():
    known, decided = keys_of("export", Export), DECIDED - {"target", "quantize"} | OF_RUNS
    assert {name for dest, flags in names("export") if dest not in decided for name in flags} - known == set()


def test_a_synonym_that_leads_nowhere_would_be_seen():
    kinds = {"export": Export, "budget": Budgets, "data": Data, "timing": Timing}
    for table, synonyms in SYNONYMS.items():
        assert set(synonyms.values()) <= {*kinds[table].__dataclass_fields__, *(options() if table == "export" else ())}


def test_what_is_said_by_both_names_is_refused():
    assert renamed({"max_drop": 1}, "budget", "x") == {"max_drop_points": 1}
    with pytest.raises(UsageError, match=r"x\.max_drop_points: is there twice"):
        renamed({"max_drop": 1, "max_drop_points": 2}, "budget", "x")


def test_errors_list_the_keys_themselves():
    assert "max_absolute" in _keys(["export", 1])
