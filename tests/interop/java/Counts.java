import com.fasterxml.jackson.databind.ObjectMapper;
import io.apicurio.registry.serde.avro.AvroSerde;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.avro.generic.GenericRecord;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.state.BuiltInDslStoreSuppliers.InMemoryDslStoreSuppliers;

/**
 * Counts tasks per cluster with Kafka Streams, until the counts add up to TASKS, and prints them as a line of JSON.
 *
 * <p>{@code java -cp 'lib/*' Counts.java BROKERS REGISTRY TOPIC TASKS FOLDER}, with the registry's URL as Apicurio's own clients
 * take it, and FOLDER for what Streams keeps.
 */
public class Counts {
    public static void main(String[] arguments) throws Exception {
        String brokers = arguments[0];
        String registry = arguments[1];
        String topic = arguments[2];
        long tasks = Long.parseLong(arguments[3]);
        String folder = arguments[4];

        Serde<GenericRecord> avro = new AvroSerde<>();
        avro.configure(
                Map.of(
                        "apicurio.registry.url", registry,
                        "apicurio.registry.as-confluent", true,
                        "apicurio.registry.use-id", "contentId"),
                false);

        // Of each task the newest record counts, so that one that comes twice counts once. What is not needed goes before the table:
        // a whole record in a state store would want a subject of its own in the registry.
        var builder = new StreamsBuilder();
        KTable<String, Long> counts = builder.stream(topic, Consumed.with(Serdes.String(), avro))
                .mapValues(task -> task == null ? null : String.valueOf(task.get("CLUSTER_ARN")))
                .toTable(Materialized.with(Serdes.String(), Serdes.String()))
                .groupBy((uid, cluster) -> KeyValue.pair(cluster, uid), Grouped.with(Serdes.String(), Serdes.String()))
                .count();

        var changes = new LinkedBlockingQueue<KeyValue<String, Long>>();
        counts.toStream().foreach((cluster, count) -> changes.add(KeyValue.pair(cluster, count)));

        var settings = new Properties();
        settings.put("application.id", topic + "-counts");
        settings.put("bootstrap.servers", brokers);
        settings.put("auto.offset.reset", "earliest");
        settings.put("commit.interval.ms", 100);
        settings.put("state.dir", folder);
        // Without it stores lie in RocksDB, whose jar is three times as large as all others together.
        settings.put("dsl.store.suppliers.class", InMemoryDslStoreSuppliers.class);

        Map<String, Long> newest = new TreeMap<>();
        try (var streams = new KafkaStreams(builder.build(), settings)) {
            streams.start();
            while (newest.values().stream().mapToLong(Long::longValue).sum() < tasks) {
                KeyValue<String, Long> change = changes.poll(60, TimeUnit.SECONDS);
                if (change == null) {
                    throw new TimeoutException("no change for 60 s, and yet not " + tasks + ": " + newest);
                }
                newest.put(change.key, change.value);
            }
        }
        System.out.println(new ObjectMapper().writeValueAsString(newest));
    }
}
