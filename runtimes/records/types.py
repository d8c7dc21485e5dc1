"""The kinds of record, each a dataclass that its command fills and its reader validates.

What a record holds beyond its schema is left alone; what the schema names must be there, of its type, and finite.
"""

from runtimes.records.baseline import BaselineRecord
from runtimes.records.bench import BenchRecord
from runtimes.records.check import CheckRecord
from runtimes.records.device import DeviceRecord
from runtimes.records.evaluate import EvaluateRecord
from runtimes.records.parity import ParityRecord
from runtimes.records.record import Record
from runtimes.records.tune import TuneRecord

TYPES: tuple[type[Record], ...] = (
    ParityRecord,
    BenchRecord,
    EvaluateRecord,
    TuneRecord,
    DeviceRecord,
    CheckRecord,
    BaselineRecord,
)
KINDS = {one.kind: one for one in TYPES}
