import com.fasterxml.jackson.databind.ObjectMapper;
import io.apicurio.registry.serde.avro.AvroKafkaDeserializer;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import org.apache.avro.Schema.Field;
import org.apache.avro.data.TimeConversions.TimestampMillisConversion;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericRecord;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * Reads topics from their beginnings to where they end now, and prints each record as a line of JSON.
 *
 * <p>{@code java -cp 'lib/*' Consumer.java BROKERS REGISTRY TOPIC…}, with the registry's URL as Apicurio's own clients take it:
 * {@code http://localhost:8080/apis/registry/v2}.
 */
public class Consumer {
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private static final DateTimeFormatter MILLISECONDS =
            DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss.SSSX").withZone(ZoneOffset.UTC);

    public static void main(String[] arguments) throws Exception {
        String brokers = arguments[0];
        String registry = arguments[1];
        Stream<String> topics = Arrays.stream(arguments).skip(2);

        // Times become Instants; without this they are Longs, milliseconds since 1970.
        GenericData.get().addLogicalTypeConversion(new TimestampMillisConversion());

        Map<String, Object> settings = new HashMap<>();
        settings.put("bootstrap.servers", brokers);
        settings.put("key.deserializer", StringDeserializer.class);
        settings.put("value.deserializer", AvroKafkaDeserializer.class);
        settings.put("apicurio.registry.url", registry);
        settings.put("apicurio.registry.as-confluent", true);
        settings.put("apicurio.registry.use-id", "contentId");

        var json = new ObjectMapper();
        var lines = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        try (var consumer = new KafkaConsumer<String, GenericRecord>(settings)) {
            List<TopicPartition> partitions = topics.flatMap(topic -> consumer.partitionsFor(topic).stream())
                    .map(partition -> new TopicPartition(partition.topic(), partition.partition()))
                    .toList();
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            while (ends.entrySet().stream().anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
                ConsumerRecords<String, GenericRecord> records = consumer.poll(PATIENCE);
                if (records.isEmpty()) {
                    throw new TimeoutException("no record for " + PATIENCE + " before the end of " + ends);
                }
                for (ConsumerRecord<String, GenericRecord> record : records) {
                    lines.println(json.writeValueAsString(line(record)));
                }
            }
        }
    }

    private static Map<String, Object> line(ConsumerRecord<String, GenericRecord> record) {
        Map<String, String> headers = new TreeMap<>();
        for (Header header : record.headers()) {
            headers.put(header.key(), new String(header.value(), StandardCharsets.UTF_8));
        }
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("topic", record.topic());
        line.put("key", record.key());
        line.put("timestamp", record.timestamp());
        line.put("headers", headers);
        line.put("value", plain(record.value()));
        return line;
    }

    /** A value in JSON's types, judged by its Java type alone: only what is an Instant looks like one. */
    private static Object plain(Object value) {
        if (value instanceof GenericRecord record) {
            Map<String, Object> fields = new LinkedHashMap<>();
            for (Field field : record.getSchema().getFields()) {
                fields.put(field.name(), plain(record.get(field.pos())));
            }
            return fields;
        }
        if (value instanceof Map<?, ?> map) {
            Map<String, Object> entries = new LinkedHashMap<>();
            map.forEach((key, item) -> entries.put(key.toString(), plain(item)));
            return entries;
        }
        if (value instanceof Collection<?> items) {
            return items.stream().map(Consumer::plain).toList();
        }
        if (value instanceof Instant instant) {
            return MILLISECONDS.format(instant);
        }
        // Text is Utf8, not String, and so are the keys of maps.
        return value instanceof CharSequence text ? text.toString() : value;
    }
}
