"""Every command is explained: each option by a sentence with its default, each command by examples that parse."""

import argparse
import shlex
from pathlib import Path

import pytest

from exporter.cli.main import COMMANDS, command_parser
from exporter.options.help import Help, add_output, defaults_to, examples

PARSERS = next(one for one in command_parser()._actions if hasattr(one, "choices") and one.choices).choices
HIDDEN = {"trust_remote_code"}
"""Refused whatever it says, so that it is explained by its refusal."""


def unexplained(parser):
    """The options whose help is no sentence."""
    shown = [one for one in parser._actions if one.dest not in HIDDEN and one.dest != "help"]
    return [one.dest for one in shown if not is_sentence(one.help or "")]


def is_sentence(told):
    said = told.partition(" [default:")[0]
    return said[:1].isupper() and said.endswith(".") and len(said.split()) > 3


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_has_a_sentence(command):
    assert unexplained(PARSERS[command]) == []
    assert {one.dest for one in PARSERS[command]._actions if one.help == argparse.SUPPRESS} <= HIDDEN


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_in_a_group_with_a_title_of_ours(command):
    loose = {one.dest for group in PARSERS[command]._action_groups[:2] for one in group._group_actions}
    assert loose == {"help"}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_example_parses(command):
    shown = [call for call, purpose in COMMANDS[command].module.EXAMPLES if purpose]
    assert shown
    for call in shown:
        program, name, *_ = words = shlex.split(call.partition(" > ")[0])
        assert (program, name) == ("bertport", command)
        assert call in PARSERS[command].format_help()
        command_parser().parse_args(words[1:])


@pytest.mark.parametrize("command", COMMANDS)
def test_o_is_the_path_of_what_is_made(command):
    for one in PARSERS[command]._actions:
        if {"-o", "--output"} & set(one.option_strings):
            assert one.option_strings == ["-o", "--output"]
            assert (one.dest, one.type, one.metavar in ("DIR", "FILE")) == ("output", Path, True)
            assert one.help.startswith("Write ")


@pytest.mark.parametrize("columns", [80, 200])
@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_the_terminal(command, columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    told, _, calls = PARSERS[command].format_help().partition("examples:")
    assert max(map(len, told.splitlines())) < columns
    assert calls


def test_an_option_without_a_word_would_be_seen():
    parser = argparse.ArgumentParser()
    parser.add_argument("--silent")
    parser.add_argument("--short", help="a word")
    parser.add_argument("--told", help="Say what it is for.")
    assert unexplained(parser) == ["silent", "short"]


def test_defaults_are_shown_where_they_say_something():
    parser = argparse.ArgumentParser(formatter_class=Help, epilog=examples([("bertport x", "for y")]))
    parser.add_argument("--runs", default=30, help="Run N times.")
    parser.add_argument("--switch", action="store_true", help="Do it too.")
    parser.add_argument("--late", help=f"Decide later. {defaults_to('95 % of it')}")
    add_output(parser, "DIR", "Write to DIR.", Path("here"))
    told = parser.format_help()
    assert "Run N times. [default: 30]" in told
    assert "Decide later. [default: 95 % of it]" in told
    assert "[default: here]" in told
    assert "False" not in told
    assert told.endswith("examples:\n  bertport x\n      for y\n")
