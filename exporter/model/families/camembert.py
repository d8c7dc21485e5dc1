"""CamemBERT (Martin et al. 2020): RoBERTa for French, with a Unigram tokenizer."""

from exporter.model.roberta_like import roberta_like

CAMEMBERT = roberta_like("camembert", "Camembert")
