"""Holds records on topics against the bytes that fastavro makes of what they must be.

    python bytes.py BROKERS REGISTRY SCHEMAS RECORDS OBJECT=TOPIC…

SCHEMAS is the folder of the checked-in schemas. RECORDS is a folder with a file OBJECT.jsonl for each object, and in it for each
record a line: its `ce_source`, its `ce_id`, and itself with times in milliseconds.
"""

import io
import json
import sys
from pathlib import Path

import fastavro
from confluent_kafka.schema_registry import SchemaRegistryClient
from consumer import messages


def encoded(schema, lines):
    """The datum of each record, by `ce_source` and `ce_id`."""
    data = {}
    for line in lines:
        source, event, record = json.loads(line)
        # Maps have no order in Avro; ours are written in that of their keys.
        if "TAGS" in record:
            record["TAGS"] = dict(sorted(record["TAGS"].items()))
        datum = io.BytesIO()
        fastavro.schemaless_writer(datum, schema, record, strict=True)
        data[source, event] = datum.getvalue()
    return data


def compare(messages, data, schema, registry):
    """Every record has the frame of this schema, then the datum of its name; and every name was found."""
    frames, missing, size = set(), dict(data), 0
    for message in messages:
        headers = dict(message.headers())
        name = headers["ce_source"].decode(), headers["ce_id"].decode()
        frame, datum = message.value()[:5], message.value()[5:]
        assert datum == missing.pop(name), f"{name}: {datum.hex()} and not {data[name].hex()}"
        frames.add(frame)
        size += len(datum)
    assert not missing, f"{len(missing)} are not on the topic, such as {next(iter(missing))}"
    (frame,) = frames
    assert frame[0] == 0, frame
    assert json.loads(registry.get_schema(int.from_bytes(frame[1:], "big")).schema_str) == schema
    return size


def main(brokers, registry, schemas, records, *topics):
    registry = SchemaRegistryClient({"url": registry})
    for name, topic in (pair.split("=") for pair in topics):
        schema = json.loads(Path(schemas, f"{name}.avsc").read_text())
        with open(Path(records, f"{name}.jsonl"), encoding="utf-8") as lines:
            data = encoded(fastavro.parse_schema(schema), lines)
        size = compare(messages(brokers, [topic]), data, schema, registry)
        print(f"{name}: {len(data)} records, {size} bytes, equal to fastavro's")


if __name__ == "__main__":
    main(*sys.argv[1:])
