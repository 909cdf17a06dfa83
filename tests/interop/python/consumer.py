"""Reads topics from their beginnings to where they end now, and prints each record as a line of JSON.

    python consumer.py BROKERS REGISTRY TOPIC…

with the registry's URL as Confluent's clients take it: http://localhost:8081.
"""

import json
import sys
from datetime import datetime, timedelta

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer

PATIENCE = 60


def messages(brokers, topics):
    """The messages of whole topics, without a group."""
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "unused", "enable.auto.commit": False})
    ends = {}
    for topic in topics:
        for partition in consumer.list_topics(topic, PATIENCE).topics[topic].partitions:
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), PATIENCE)
            if low < high:
                ends[topic, partition] = high
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for topic, partition in ends])
    while ends:
        message = consumer.poll(PATIENCE)
        if message is None:
            raise TimeoutError(f"no record for {PATIENCE} s before the end of {ends}")
        if message.error():
            raise KafkaException(message.error())
        yield message
        partition = message.topic(), message.partition()
        if partition in ends and message.offset() + 1 >= ends[partition]:
            del ends[partition]
    consumer.close()


def plain(value):
    """A value in JSON's types, judged by its Python type alone: only what is an instant in UTC looks like one."""
    if isinstance(value, datetime):
        assert value.utcoffset() == timedelta(0), value
        return value.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    assert value is None or type(value) in (bool, int, str), value
    return value


def main(brokers, registry, *topics):
    avro = AvroDeserializer(SchemaRegistryClient({"url": registry}))
    for message in messages(brokers, topics):
        line = {
            "topic": message.topic(),
            "key": message.key().decode(),
            "timestamp": message.timestamp()[1],
            "headers": {name: value.decode() for name, value in message.headers()},
            "value": plain(avro(message.value(), None)),
        }
        print(json.dumps(line))


if __name__ == "__main__":
    main(*sys.argv[1:])
