"""XLM-RoBERTa (Conneau et al. 2020): RoBERTa for a hundred languages, with a Unigram tokenizer of 250,000 entries."""

from exporter.model.roberta_like import roberta_like

XLM_ROBERTA = roberta_like("xlm-roberta", "XLMRoberta")
