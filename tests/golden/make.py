#!/usr/bin/env python3
"""Writes golden.json: the bytes another Avro implementation makes of the records in records.json.

    python3 -m venv /tmp/golden && /tmp/golden/bin/pip install fastavro==1.13.1
    /tmp/golden/bin/python tests/golden/make.py [FOLDER OF THE SCHEMAS, default: schemas]

records.json holds, per object, what the ECS API answers (`api`) and the record that must come of it (`record`), all
read in `region` at `captured`. golden.json holds, per object, the CRC-64-AVRO fingerprint of the schema as its eight
bytes stand in a single-object header, and per record the datum and the whole single-object message, all in hex.
"""

import io
import json
import sys
from pathlib import Path

from fastavro import schemaless_writer
from fastavro.schema import fingerprint, load_schema, to_parsing_canonical_form

HERE = Path(__file__).parent
SCHEMAS = Path(sys.argv[1] if len(sys.argv) > 1 else "schemas")
EMPTY = 0xC15D213AA4D7A795


def crc_64_avro(text):
    """The fingerprint as the Avro specification gives it, to check fastavro's by a second hand."""
    crc = EMPTY
    for byte in text.encode():
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (EMPTY if crc & 1 else 0)
    return crc.to_bytes(8, "little")


def golden(name, records):
    schema = load_schema(str(SCHEMAS / f"{name}.avsc"))
    canonical = to_parsing_canonical_form(schema)
    header = crc_64_avro(canonical)
    assert header.hex() == fingerprint(canonical, "CRC-64-AVRO"), name

    def encoded(entry):
        datum = io.BytesIO()
        schemaless_writer(datum, schema, entry["record"], strict=True)
        message = b"\xc3\x01" + header + datum.getvalue()
        return {"name": entry["name"], "datum": datum.getvalue().hex(), "message": message.hex()}

    return {"fingerprint": header.hex(), "records": [encoded(entry) for entry in records]}


inputs = json.loads((HERE / "records.json").read_text())
outputs = {name: golden(name, records) for name, records in inputs["objects"].items()}
# Of the sync topic's events the fingerprint alone: they are decoded by the checked-in schema in tests of whole syncs.
outputs["SyncEvent"] = golden("SyncEvent", [])
(HERE / "golden.json").write_text(json.dumps(outputs, indent=2, ensure_ascii=False) + "\n")
