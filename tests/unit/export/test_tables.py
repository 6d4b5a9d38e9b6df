"""Tables on their way into files: types, batches, odd values, and what is left when something goes wrong."""

from __future__ import annotations

import csv
import os
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from handshake import inspect
from handshake.errors import HandshakeError
from handshake.export import EXCHANGES, HANDSHAKES, SCHEMA_VERSION, Kind, TableFile, arrow
from handshake.export.arrow import TYPES
from handshake.model.handshake import Handshake, Timing
from tests.support import ROOT

SCAN = ROOT / "captures" / "port-scan.pcap"


@pytest.fixture(scope="module")
def handshakes() -> tuple[Handshake, ...]:
    return inspect([SCAN]).handshakes


def write(path: Path, rows: tuple[Handshake, ...], batch: int = 50_000) -> Path:
    with TableFile(path, HANDSHAKES, batch) as table:
        table.extend(rows)
        table.commit()
    return path


def test_types_are_those_of_the_page(handshakes: tuple[Handshake, ...], tmp_path: Path) -> None:
    schema = pa.parquet.read_schema(write(tmp_path / "h.parquet", handshakes))
    assert [field.name for field in schema] == [column.name for column in HANDSHAKES.columns]
    for field, column in zip(schema, HANDSHAKES.columns, strict=True):
        assert field.type.equals(TYPES[column.kind]), column.name
        assert field.nullable == column.nullable, column.name
        assert field.metadata[b"description"].decode() == column.meaning
    assert schema.metadata[b"handshake.schema_version"] == str(SCHEMA_VERSION).encode()
    assert schema.metadata[b"handshake.table"] == b"handshakes"


@pytest.mark.parametrize("table", [HANDSHAKES, EXCHANGES], ids=lambda table: table.name)
def test_names_tell_units_and_are_unique(table: object) -> None:
    columns = HANDSHAKES.columns if table is HANDSHAKES else EXCHANGES.columns
    names = [column.name for column in columns]
    assert len(set(names)) == len(names)
    assert all(column.name.endswith("_ns") for column in columns if column.kind is Kind.INT64)
    assert all(name.isidentifier() and name == name.lower() for name in names)


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".feather", ".csv"])
def test_batches_do_not_show(
    handshakes: tuple[Handshake, ...], suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrow, "ROW_GROUP", 14)
    whole = write(tmp_path / f"whole{suffix}", handshakes)
    parts = write(tmp_path / f"parts{suffix}", handshakes, batch=7)
    if suffix == ".csv":
        assert whole.read_text("utf-8") == parts.read_text("utf-8")
        return
    read = pa.parquet.read_table if suffix == ".parquet" else pa.feather.read_table
    assert read(whole).num_rows == len(handshakes)
    for name in read(whole).column_names:
        ours, theirs = (read(path).column(name) for path in (whole, parts))
        if not pa.types.is_timestamp(ours.type):
            assert ours.to_pylist() == theirs.to_pylist()
        else:
            assert ours.cast(pa.int64()).to_pylist() == theirs.cast(pa.int64()).to_pylist()
    if suffix == ".parquet":
        assert pa.parquet.ParquetFile(parts).num_row_groups == -(-len(handshakes) // 14)


def test_no_handshakes_are_a_table_too(tmp_path: Path) -> None:
    assert pa.parquet.read_table(write(tmp_path / "h.parquet", ())).num_rows == 0
    assert pa.feather.read_table(write(tmp_path / "h.arrow", ())).num_rows == 0
    assert write(tmp_path / "h.csv", ()).read_text("utf-8").count("\n") == 1


def test_values_that_no_column_can_hold(handshakes: tuple[Handshake, ...], tmp_path: Path) -> None:
    """Times that a hostile pcapng claims, and a file name that is no Unicode."""
    wild = replace(handshakes[0], source="ca\udcffpture", timing=Timing(setup_ns=1 << 63, irtt_ns=-(1 << 63)))
    row = pa.parquet.read_table(write(tmp_path / "h.parquet", (wild,)), columns=["source", "setup_ns", "irtt_ns"])
    assert row.to_pylist() == [{"source": r"ca\udcffpture", "setup_ns": None, "irtt_ns": -(1 << 63)}]
    assert r"ca\udcffpture" in write(tmp_path / "h.csv", (wild,)).read_text("utf-8")


def test_csv_has_every_flat_column(handshakes: tuple[Handshake, ...], tmp_path: Path) -> None:
    with write(tmp_path / "h.csv", handshakes).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [column.name for column in HANDSHAKES.columns if column.kind is not Kind.DETAILS]
    assert [row["outcome"] for row in rows] == [handshake.outcome.value for handshake in handshakes]
    assert {row["findings"] for row in rows} == {"HS104", "HS501"}
    assert rows[0]["start"].endswith("Z")


def test_formulas_are_defused(handshakes: tuple[Handshake, ...], tmp_path: Path) -> None:
    with write(tmp_path / "h.csv", (replace(handshakes[0], source="=cmd()"),)).open(newline="") as file:
        assert next(csv.DictReader(file))["source"] == "'=cmd()"


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".csv"])
def test_the_old_file_stays_until_the_new_one_is_whole(
    handshakes: tuple[Handshake, ...], suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f"h{suffix}"
    path.write_bytes(b"the old one")
    with TableFile(path, HANDSHAKES, batch=2) as table:
        table.extend(handshakes)
        assert path.read_bytes() == b"the old one"
    assert path.read_bytes() == b"the old one"
    assert os.listdir(tmp_path) == [path.name]
    assert write(path, handshakes).read_bytes() != b"the old one"
    assert os.listdir(tmp_path) == [path.name]


def test_a_link_is_followed(handshakes: tuple[Handshake, ...], tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    link = tmp_path / "h.csv"
    link.symlink_to(tmp_path / "there" / "real.csv")
    write(link, handshakes)
    assert link.is_symlink()
    assert (tmp_path / "there" / "real.csv").stat().st_size > 0


@pytest.mark.parametrize(
    ("name", "words"), [("missing/h.csv", "No such file or directory"), ("device.csv", "not a regular file")]
)
def test_where_nothing_can_be_written(name: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "device.csv").mkdir()
    with pytest.raises(HandshakeError, match=words):
        TableFile(tmp_path / name, HANDSHAKES)
