"""The lock for limiting BLAS threads: the limit belongs to the whole process.

Of two that limit it at once, the first to leave gives the other its second thread back in the middle of its sums; and
with threadpoolctl below 3.8 the last to leave restores what it found: one thread, for ever.
"""

import threading

BLAS_LIMIT = threading.Lock()
"""Held from before BLAS is limited until the limit is lifted; the number is `runtimes.process.threads.BLAS_THREADS`."""
