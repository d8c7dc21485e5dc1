"""Train the embedded demo checkpoint: a BERT-tiny that sorts AG News into four topics.

    python -m benchmarks.models.train_demo --data ../shared/data -o exporter/demo

Random weights → masked-language pre-training on unlabelled training text → fine-tuning on the AG News training
rows, the epoch chosen on held-out training rows. The official test is read once, at the end, for the model card.
"""

import argparse
import json
import math
import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from sklearn.metrics import accuracy_score, f1_score
from tokenizers import BertWordPieceTokenizer
from torch import Tensor, nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR
from transformers import BertConfig, BertForMaskedLM, BertForSequenceClassification, BertTokenizer

from benchmarks.models.demo_card import write_card
from benchmarks.models.labelled_text import AG_NEWS_LABELS, ag_news_test, ag_news_train, other_text

SEED = 20
LENGTH = 128
HELD_OUT_ROWS = 1000
KEPT_TEST_ROWS = 500
PAD, UNK, CLS, SEP, MASK = 0, 100, 101, 102, 103
Batch = tuple[Tensor, Tensor]


def bert_tiny() -> BertConfig:
    """The geometry of google/bert_uncased_L-2_H-128_A-2, with four labels."""
    return BertConfig(
        hidden_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=512,
        id2label=dict(enumerate(AG_NEWS_LABELS)),
        label2id={label: index for index, label in enumerate(AG_NEWS_LABELS)},
    )


def encode(tokenizer: BertWordPieceTokenizer, texts: list[str]) -> list[list[int]]:
    """Texts → token ids with [CLS] and [SEP], at most LENGTH long."""
    rows = [encoding.ids for encoding in tokenizer.encode_batch(texts)]
    return [[*row[: LENGTH - 1], SEP] if len(row) > LENGTH else row for row in rows]


def pad(rows: list[list[int]]) -> Batch:
    """Rows of ids → (ids, mask), both [rows, longest]."""
    longest = max(map(len, rows))
    ids = torch.tensor([row + [PAD] * (longest - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
    return ids, mask


def batches(rows: list[list[int]], tokens: int, rng: random.Random) -> Iterator[list[int]]:
    """Shuffled batches of row numbers of similar length, each of about `tokens` tokens."""
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]) + rng.random() * 8)
    cut: list[list[int]] = [[]]
    for i in order:
        if (len(cut[-1]) + 1) * len(rows[i]) > tokens:
            cut.append([])
        cut[-1].append(i)
    rng.shuffle(cut)
    return iter(cut)


def mask_tokens(ids: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """BERT's masking (Devlin et al. 2018, 3.1): 15 % chosen, of which 80 % [MASK], 10 % random, 10 % kept."""
    chosen = (torch.rand(ids.shape, generator=generator) < 0.15) & (ids > MASK)
    fate = torch.rand(ids.shape, generator=generator)
    noisy = torch.where(chosen & (fate < 0.8), MASK, ids)
    stray = torch.randint(MASK + 1, 30522, ids.shape, generator=generator)
    return torch.where(chosen & (fate >= 0.8) & (fate < 0.9), stray, noisy), chosen


def one_cycle(parameters: Iterator[nn.Parameter], steps: int, peak: float) -> tuple[AdamW, LambdaLR]:
    """AdamW with a linear warm-up over 6 % of the steps and a linear fall to zero."""
    optimizer = AdamW(parameters, lr=peak, weight_decay=0.01)
    warm = max(1, int(0.06 * steps))
    return optimizer, LambdaLR(optimizer, lambda s: min((s + 1) / warm, max(0.0, (steps - s) / (steps - warm))))


def masked_loss(model: BertForMaskedLM, rows: list[list[int]], generator: torch.Generator) -> Tensor:
    """Cross-entropy at the masked positions; the vocabulary-wide product is made for those alone."""
    ids, mask = pad(rows)
    noisy, chosen = mask_tokens(ids, generator)
    hidden = model.bert(noisy, attention_mask=mask).last_hidden_state[chosen]
    return nn.functional.cross_entropy(model.cls(hidden), ids[chosen])


def pretrain(model: BertForMaskedLM, rows: list[list[int]]) -> None:
    """Masked-language modelling, once over `rows`."""
    rng, generator = random.Random(SEED), torch.Generator().manual_seed(SEED)
    plan = [[rows[i] for i in batch] for batch in batches(rows, 3072, rng)]
    optimizer, schedule = one_cycle(model.parameters(), len(plan), 1.5e-3)
    start, mean = time.monotonic(), math.log(30522)
    model.train()
    for step, batch in enumerate(plan):
        optimizer.zero_grad()
        loss = masked_loss(model, batch, generator)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        mean = 0.99 * mean + 0.01 * loss.item()
        if step % 100 == 0:
            print(f"mlm {step}/{len(plan)} loss {mean:.3f} {time.monotonic() - start:.0f} s", flush=True)


@torch.no_grad()
def predict(model: BertForSequenceClassification, rows: list[list[int]]) -> list[int]:
    """Labels of the rows, in their order."""
    model.eval()
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    labels = [0] * len(rows)
    for at in range(0, len(order), 64):
        part = order[at : at + 64]
        ids, mask = pad([rows[i] for i in part])
        for i, label in zip(part, model(ids, attention_mask=mask).logits.argmax(-1).tolist(), strict=True):
            labels[i] = label
    return labels


def held_out_rows(rows: int) -> list[int]:
    """Numbers of the training rows that no fine-tuning sees."""
    return random.Random(SEED).sample(range(rows), rows)[:HELD_OUT_ROWS]


def finetune(
    model: BertForSequenceClassification, rows: list[list[int]], labels: list[int], epochs: int, peak: float
) -> float:
    """Fine-tune on all rows but the held-out ones; keep the best epoch's weights; return its held-out accuracy."""
    rng = random.Random(torch.initial_seed())
    held = held_out_rows(len(rows))
    kept = sorted(set(range(len(rows))) - set(held))
    train = [rows[i] for i in kept]
    plan = [list(batches(train, 2048, rng)) for _ in range(epochs)]
    optimizer, schedule = one_cycle(model.parameters(), sum(map(len, plan)), peak)
    best, state = 0.0, model.state_dict()
    for epoch, cut in enumerate(plan):
        model.train()
        for batch in cut:
            optimizer.zero_grad()
            ids, mask = pad([train[i] for i in batch])
            logits = model(ids, attention_mask=mask).logits
            nn.functional.cross_entropy(
                logits, torch.tensor([labels[kept[i]] for i in batch]), label_smoothing=0.1
            ).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
        accuracy = accuracy_score([labels[i] for i in held], predict(model, [rows[i] for i in held]))
        print(f"epoch {epoch + 1}: held-out accuracy {accuracy:.4f}", flush=True)
        if accuracy > best:
            best, state = accuracy, {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(state)
    return float(best)


def pretrained(work: Path, data: Path, tokenizer: BertWordPieceTokenizer, news_epochs: int) -> dict[str, Tensor]:
    """The encoder after masked-language pre-training; kept in `work`, for it takes most of the time."""
    kept = work / "pretrained.pt"
    if not kept.exists():
        news = encode(tokenizer, ag_news_train(data)[0])
        torch.manual_seed(SEED)
        model = BertForMaskedLM(bert_tiny())
        for module in model.modules():  # 20 million tokens are too few to overfit: dropout only slows
            if isinstance(module, nn.Dropout):
                module.p = 0.0
        pretrain(model, news * news_epochs + encode(tokenizer, list(other_text(data))))
        work.mkdir(parents=True, exist_ok=True)
        torch.save(model.bert.state_dict(), kept)
    return torch.load(kept, weights_only=True)


def soup(
    encoder: dict[str, Tensor], rows: list[list[int]], labels: list[int], epochs: int, peaks: list[float]
) -> tuple[BertForSequenceClassification, float]:
    """Fine-tune once for each learning rate and average the weights (Wortsman et al. 2022); held-out accuracy."""
    torch.manual_seed(SEED)
    model = BertForSequenceClassification(bert_tiny())
    model.bert.load_state_dict(encoder, strict=False)  # the pooler starts at random, as the classifier does
    start = {name: value.clone() for name, value in model.state_dict().items()}
    found = []
    for peak in peaks:
        model.load_state_dict(start)
        print(f"peak {peak:g}: best held-out accuracy {finetune(model, rows, labels, epochs, peak):.4f}", flush=True)
        found.append({name: value.clone() for name, value in model.state_dict().items()})
    model.load_state_dict({name: sum(state[name] for state in found) / len(found) for name in start})
    held = held_out_rows(len(rows))
    predicted = predict(model, [rows[i] for i in held])
    return model, float(accuracy_score([labels[i] for i in held], predicted))


def report(model: BertForSequenceClassification, tokenizer: BertWordPieceTokenizer, data: Path) -> dict[str, Any]:
    """Accuracy and F1 of each class on the official test, which nothing before this has seen."""
    texts, labels = ag_news_test(data)
    found = predict(model, encode(tokenizer, texts))
    f1 = f1_score(labels, found, average=None)
    return {
        "rows": len(labels),
        "accuracy": round(float(accuracy_score(labels, found)), 4),
        "f1": {label: round(float(score), 4) for label, score in zip(AG_NEWS_LABELS, f1, strict=True)},
    }


def save(model: BertForSequenceClassification, data: Path, folder: Path) -> None:
    """Write the Hugging Face layout, weights as float16, and the first test rows for parity runs."""
    folder.mkdir(parents=True, exist_ok=True)
    model.config.architectures = ["BertForSequenceClassification"]
    model.config.dtype = "float16"
    model.config.save_pretrained(folder)
    state = {name: value.half().contiguous() for name, value in model.state_dict().items()}
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)
    shutil.copyfile(data / "bert-base-uncased-vocab.txt", folder / "vocab.txt")
    BertTokenizer.from_pretrained(folder, model_max_length=512).save_pretrained(folder)
    rows = zip(*ag_news_test(data), strict=True)
    kept = [json.dumps({"text": text, "label": label}) for text, label in rows][:KEPT_TEST_ROWS]
    (folder / "test_rows.jsonl").write_text("\n".join(kept) + "\n", encoding="utf-8")


def main() -> None:
    """Run the three stages."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path("artifacts/train_demo"))
    parser.add_argument("--news-epochs", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--peaks", type=float, nargs="+", default=[3e-4, 5e-4, 7e-4, 1e-3], help="learning rates")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    tokenizer = BertWordPieceTokenizer(str(given.data / "bert-base-uncased-vocab.txt"), lowercase=True)
    encoder = pretrained(given.work, given.data, tokenizer, given.news_epochs)
    texts, labels = ag_news_train(given.data)
    rows = encode(tokenizer, texts)
    model, held_out = soup(encoder, rows, labels, given.epochs, given.peaks)
    model.half().float()  # what is stored is what is reported
    save(model, given.data, given.output)
    figures = {
        "held_out_accuracy": held_out,
        "official_test": report(model, tokenizer, given.data),
        "parameters": sum(value.numel() for value in model.parameters()),
        "news_epochs": given.news_epochs,
        "runs": len(given.peaks),
    }
    (given.output / "README.md").write_text(write_card(figures), encoding="utf-8")
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
