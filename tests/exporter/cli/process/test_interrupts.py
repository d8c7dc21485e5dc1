"""Ctrl-C is told apart from what it makes fail, and leaves handlers as they were."""

import os
import signal
import threading
from types import SimpleNamespace

import pytest

from exporter.cli import main as cli
from exporter.cli.process.interrupts import watch_interrupts


def interrupt_and_fail(_parsed):
    try:
        os.kill(os.getpid(), signal.SIGINT)
    except KeyboardInterrupt as error:
        raise ImportError("initialization failed") from error


def fail(_parsed):
    raise ImportError("initialization failed")


@pytest.fixture(autouse=True)
def default_handler():
    """As a foreground shell starts a command; one in the background has SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def run_as(monkeypatch):
    monkeypatch.setattr(cli, "end_by_interrupt", lambda: 130)

    def use(run):
        module = SimpleNamespace(EXAMPLES=(), add_arguments=lambda parser: None, run=run)
        monkeypatch.setattr(cli, "COMMANDS", {"try": SimpleNamespace(line="", module=module)})
        return cli.main(["try"])

    return use


def test_an_error_that_the_interrupt_became_is_the_interrupt(run_as, capsys):
    assert run_as(interrupt_and_fail) == 130
    assert "interrupted" in capsys.readouterr().err


def test_the_same_error_without_an_interrupt_is_itself(run_as):
    with pytest.raises(ImportError, match="initialization failed"):
        run_as(fail)


def test_the_handler_is_put_back():
    before = signal.getsignal(signal.SIGINT)
    with watch_interrupts() as interrupted:
        assert signal.getsignal(signal.SIGINT) is not before
        assert not interrupted()
    assert signal.getsignal(signal.SIGINT) is before


def test_a_shell_that_ignores_interrupts_is_left_to(monkeypatch):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with watch_interrupts():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_may_watch_too():
    found = []

    def watch():
        with watch_interrupts() as interrupted:
            found.append(interrupted())

    thread = threading.Thread(target=watch)
    thread.start()
    thread.join()
    assert found == [False]
