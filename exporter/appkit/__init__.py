"""Kits: what an app needs around the model of a bundle, written for one platform."""
