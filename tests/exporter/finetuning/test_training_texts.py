"""Training texts hold the user's texts and, beside them, what no text is like; they are drawn the same every time."""

from dataclasses import replace

import numpy as np
import pytest

from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.compression.calibration import Finetune
from exporter.finetuning import training_texts as module
from exporter.finetuning.training_texts import make_training_texts, mixed_texts
from exporter.verification.reference.case_source import CaseSource
from exporter.verification.reference.reference import Reference


@pytest.fixture
def many(texts):
    return tuple(f"{a} {b}" for a in texts for b in texts[::4])


@pytest.fixture
def made(checkpoint, many):
    return training_texts(checkpoint, many)


def training_texts(folder, many, seed=0):
    whole = load(resolve(str(folder), HubOptions()))
    ids = np.arange(whole.geometry.vocabulary)
    return make_training_texts(Reference(whole), whole, Finetune(many, 2, seed), ids)


def rows(pairs, side=0):
    return [tuple(row[seen]) for pair in pairs for row, seen in unpadded(pair[side].batch)]


def unpadded(batch):
    return zip(batch.ids, batch.mask.astype(bool), strict=True)


def test_each_batch_holds_one_odd_text_of_each_kind_in_turn(checkpoint, many, monkeypatch):
    monkeypatch.setattr(module, "mixed_texts", lambda *_: [])
    made = training_texts(checkpoint, many)
    whole = load(resolve(str(checkpoint), HubOptions()))
    encodings = whole.tokenizer.tokenizer.encode_batch(list(many))
    real = {tuple(one.ids) for one in encodings}
    first, last = encodings[0].ids[0], encodings[0].ids[-1]
    odd = [[row for row in rows([pair]) if row not in real] for pair in made.learn[0]]
    assert [len(found) for found in odd] == [1] * len(odd)
    nothing, few, scrambled, padding = (found[0] for found in odd[:4])
    assert nothing == (first, last)
    assert 3 <= len(few) <= 10
    assert any(few[:-1] == row[: len(few) - 1] for row in real)
    assert len(scrambled) in {len(row) for row in real}
    assert (scrambled[0], scrambled[-1]) == (first, last)
    assert padding == ()


def test_the_teacher_reads_an_odd_text_as_the_student_does(made):
    for epoch in made.learn:
        assert rows(epoch, 0) == rows(epoch, 1)


def test_only_real_texts_judge_and_none_of_them_was_learnt_from(made, many):
    judge = rows(made.judge)
    assert len(judge) == made.held_out_texts == len(many) // 10
    assert made.learnt_texts == len(many) - len(judge)


def test_an_epoch_holds_every_text_and_as_many_new_mixed_ones(made, checkpoint, many, monkeypatch):
    first, second = made.learn
    monkeypatch.setattr(module, "mixed_texts", lambda *_: [])
    own = training_texts(checkpoint, many).learn[0]
    assert rows(first)[: len(rows(own))] == rows(second)[: len(rows(own))] == rows(own)
    assert sum(len(case.batch.ids) - 1 for case, _ in own) == made.learnt_texts
    assert all(one is other for one, other in zip(first[: len(own)], second, strict=False))  # so answers are kept
    mixed = [set(rows(epoch[len(own) :])) for epoch in made.learn]
    assert mixed[1] - mixed[0]
    assert 0.9 * made.learnt_texts < len(rows(first)) - len(rows(own)) <= 1.1 * made.learnt_texts  # some are empty


def test_lessons_are_the_same_every_time(made, checkpoint, many):
    learnt = rows(made.learn[1])
    assert rows(training_texts(checkpoint, many).learn[1]) == learnt
    assert rows(training_texts(checkpoint, many[1:]).learn[1]) != learnt
    assert rows(training_texts(checkpoint, many, seed=1).learn[1]) != learnt


def test_of_two_texts_three_kinds_are_mixed():
    parts = [("a b c d e f", "1 2 3 4 5 6"), ("g h i j k l", "7 8 9 10 11 12")] * 60
    mixed = mixed_texts(parts, np.random.default_rng(0))
    assert len(mixed) == len(parts)
    assert {len(one) for one in mixed} == {2}
    whole = [parts[0][0].split(), parts[1][0].split()]
    joined, exchanged, spans = ([one.split() for one, _ in mixed[at::3]] for at in range(3))
    assert any({*words} & {*whole[0]} and {*words} & {*whole[1]} for words in joined)
    kept = [max(sum(map(str.__eq__, words, own)) for own in whole) for words in exchanged]
    assert {len(words) for words in exchanged} == {6}
    assert 3.5 < np.mean(kept) < 5
    assert all(any(" ".join(words) in " ".join(own) for own in whole) for words in spans)
    assert mixed_texts(parts, np.random.default_rng(0)) == mixed
    assert mixed_texts(parts, np.random.default_rng(1)) != mixed


def test_a_model_without_an_answer_for_padding_alone_is_not_taught_it(checkpoint, many, monkeypatch):
    assert () in rows(training_texts(checkpoint, many).learn[0])
    real = CaseSource.limits
    monkeypatch.setattr(CaseSource, "limits", lambda self, positions: replace(real(self, positions), padding_row=False))
    assert () not in rows(training_texts(checkpoint, many).learn[0])
