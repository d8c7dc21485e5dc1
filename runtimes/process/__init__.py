"""Child processes that hold a model, and what of this process they must not disturb."""
