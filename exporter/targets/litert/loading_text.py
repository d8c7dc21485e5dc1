"""How a LiteRT bundle is loaded: a part of its card."""

from runtimes.bundle.reading import Bundle

_LOADING = """\
```python
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from tokenizers import Tokenizer

{python}
```

In an Android app add `com.google.ai.edge.litert:litert` and open `{model}` by its path. Inputs are int32
{shape}; {padding}scores come before softmax, labels in the order above. `golden.json` holds texts with their ids and
the outputs that PyTorch gives, to be replayed on the device."""


def loading_text(bundle: Bundle) -> str:
    """Python that runs the model, and what its inputs are."""
    return ""
