"""Training texts hold the user's texts and, beside them, what no text is like; they are drawn the same every time."""

from dataclasses import replace

import numpy as np
import pytest

from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.finetuning.training_texts import make_training_texts
from exporter.verification.reference.case_source import CaseSource
from exporter.verification.reference.reference import Reference


@pytest.fixture
def many(texts):
    return tuple(f"{a} {b}" for a in texts for b in texts[::4])


@pytest.fixture
def made(checkpoint, many):
    return training_texts(checkpoint, many)


def training_texts(folder, many):
    whole = load(resolve(str(folder), HubOptions()))
    return make_training_texts(Reference(whole), whole, many, np.arange(whole.geometry.vocabulary))


def rows(pairs, side=0):
    return [tuple(row[seen]) for pair in pairs for row, seen in unpadded(pair[side].batch)]


def unpadded(batch):
    return zip(batch.ids, batch.mask.astype(bool), strict=True)


def test_each_batch_holds_one_odd_text_of_each_kind_in_turn(made, checkpoint, many):
    whole = load(resolve(str(checkpoint), HubOptions()))
    encodings = whole.tokenizer.tokenizer.encode_batch(list(many))
    real = {tuple(one.ids) for one in encodings}
    first, last = encodings[0].ids[0], encodings[0].ids[-1]
    odd = [[row for row in rows([pair]) if row not in real] for pair in made.learn]
    assert [len(found) for found in odd] == [1] * len(odd)
    nothing, few, scrambled, padding = (found[0] for found in odd[:4])
    assert nothing == (first, last)
    assert 3 <= len(few) <= 10
    assert any(few[:-1] == row[: len(few) - 1] for row in real)
    assert len(scrambled) in {len(row) for row in real}
    assert (scrambled[0], scrambled[-1]) == (first, last)
    assert padding == ()


def test_the_teacher_reads_an_odd_text_as_the_student_does(made):
    assert rows(made.learn, 0) == rows(made.learn, 1)


def test_only_real_texts_judge_and_none_of_them_was_learnt_from(made, many):
    judge = rows(made.judge)
    assert len(judge) == made.held_out_texts == len(many) // 10
    assert not set(judge) & set(rows(made.learn))
    assert made.learnt_texts == len(many) - len(judge)
    assert sum(len(case.batch.ids) for case, _ in made.learn) == made.learnt_texts + len(made.learn)


def test_lessons_are_the_same_every_time(made, checkpoint, many):
    assert rows(training_texts(checkpoint, many).learn) == rows(made.learn)
    assert rows(training_texts(checkpoint, many[1:]).learn) != rows(made.learn)


def test_a_model_without_an_answer_for_padding_alone_is_not_taught_it(checkpoint, many, monkeypatch):
    assert () in rows(training_texts(checkpoint, many).learn)
    real = CaseSource.limits
    monkeypatch.setattr(CaseSource, "limits", lambda self, positions: replace(real(self, positions), padding_row=False))
    assert () not in rows(training_texts(checkpoint, many).learn)
