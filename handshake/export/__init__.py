"""Handshakes and UDP exchanges as tables for data tools: Parquet, Arrow, CSV (docs/export.md).

One row a handshake, its columns fixed, named and typed below. The file's suffix decides the format: `.parquet`,
`.arrow` or `.feather` (Arrow IPC, which Feather is in its second version), `.csv`. Parquet and Arrow need pyarrow
(`pip install pyarrow`, or the extra `export`); CSV needs nothing.

- **Bounded.** Handshakes are written as they finish, 50,000 a row group; what is open is bounded by the flow table.
  UDP exchanges are written at the end of their capture, so those of one capture are in memory until then.
- **All or nothing.** The file is written beside its name and renamed when it is whole, so a failure leaves the old
  file as it was. Ctrl-C is no failure: what was read until then is in the file. A damaged capture gives everything up
  to the damage; the exit status is 1.
- **Order.** Rows stand as handshakes finish, capture by capture. `source` and `number` tell which one it is, and
  `handshake replay SOURCE --flow NUMBER --ladder` shows it.
- **Findings are in the row,** as codes in `findings` and in full in the nested column `finding_details`, and not in a
  file of their own: nothing has to be joined, and a reader that does not ask for a column of Parquet does not pay for
  it. **UDP exchanges are a file of their own** (`--exchanges`): they share hardly a column with handshakes.
- **Times.** `start` and `end` are `timestamp[ns, UTC]`; what ends in `_ns` is a duration in nanoseconds. Python's
  datetime holds only microseconds: cast to `int64`, as below, or use pandas or polars. A time that does not fit into
  64 bits is null.
- **Addresses** are text, as in every other log that they may be joined with; Parquet stores each text once.
- **CSV** has the same columns but `finding_details`; lists are joined by `; `, times are UTC text, null is an empty
  cell, and a text that a spreadsheet would take for a formula begins with an apostrophe.
- **Left out** is what needs the whole capture: the name by which a server was looked up, which FTP connection
  announced a data connection, scans and floods. `handshake replay -f json` has these.

The schema's version, the table's name and the program's version stand in the metadata of the file
(`handshake.schema_version`, `handshake.table`, `handshake.version`), the meaning of each column in the metadata of
its field (`description`).
"""

from handshake.export.columns import SCHEMA_VERSION, Column, Kind, Table
from handshake.export.exchanges import EXCHANGES
from handshake.export.file import BATCH, Suffix, TableFile
from handshake.export.handshakes import HANDSHAKES

__all__ = ["BATCH", "EXCHANGES", "HANDSHAKES", "SCHEMA_VERSION", "Column", "Kind", "Suffix", "Table", "TableFile"]
